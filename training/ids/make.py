"""COCO ids of the photos that are trained on (train.txt) and reported on (reported.txt): python training/ids/make.py

Run it again whenever ../shared/data changes; a Go test (models/overlap_test.go) fails where the two lists meet. Of photos
that are not COCO's there is no id; data.py leaves out of training what looks like a held-out photo, and
../shared/data/README.txt says how val was kept apart.
"""
import json
import os
import re
import sys


def names(path):
    with open(path) as f:
        return [i["file_name"] for i in json.load(f)["images"]]


def ids(files):
    """COCO's ids have twelve digits in file names."""
    return sorted({int(n) for f in files for n in re.findall(r"(?<!\d)\d{12}(?!\d)", f)})


def main(shared="../shared"):
    data, here = os.path.join(shared, "data"), os.path.dirname(os.path.abspath(__file__))
    for name, files in (("train", names(os.path.join(data, "train", "instances.json"))),
                        ("reported", names(os.path.join(data, "val", "instances.json")))):
        found = ids(files)
        with open(os.path.join(here, name + ".txt"), "w") as f:
            f.write("".join(f"{i}\n" for i in found))
        print(name, len(found), "ids of", len(files), "photos")


if __name__ == "__main__":
    main(*sys.argv[1:])
