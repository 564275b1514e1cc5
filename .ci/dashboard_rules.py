"""Prints the expressions of a Grafana dashboard as recording rules, for promtool to read.

python .ci/dashboard_rules.py DASHBOARD.json
"""

import json
import sys


def expressions(node):
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        found = list(expressions(json.load(file)))
    if not found:
        sys.exit(f"{sys.argv[1]}: no expressions")
    rules = [
        {"record": f"dashboard:panel:{i}", "expr": e.replace("$__rate_interval", "1m").replace("$__range", "1h")}
        for i, e in enumerate(found)
    ]
    json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)  # JSON is YAML


main()
