#!/usr/bin/env python3
"""Compares two outputs of `riffle detect --json`: the same labels, boxes to half a
pixel, scores to 0.01."""

import json
import sys


def detections(name):
    with open(name) as f:
        return [d for line in f if line.strip() for d in json.loads(line)["detections"]]


here, there = (detections(name) for name in sys.argv[1:3])
if not here or len(here) != len(there):
    sys.exit(f"{len(here)} and {len(there)} detections")
for a, b in zip(here, there):
    off = max(abs(x - y) for x, y in zip(a["box"], b["box"]))
    if a["label"] != b["label"] or off > 0.5 or abs(a["score"] - b["score"]) > 0.01:
        sys.exit(f"{a} became {b}")
