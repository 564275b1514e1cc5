"""Holds every "./path:" that docker-compose.yml mounts against the files that are there.

Docker makes a folder of what is missing, and the service then fails for a
reason that is hard to find.

python .ci/mounts.py docker-compose.yml
"""

import pathlib
import re
import sys


def main():
    compose = pathlib.Path(sys.argv[1])
    sources = re.findall(r"^\s*- (\./[^:\s]+):/", compose.read_text(encoding="utf-8"), re.MULTILINE)
    missing = [s for s in sources if not (compose.parent / s).exists()]
    if missing or not sources:
        sys.exit(f"{compose}: mounts that are not there: {', '.join(missing) or 'none found at all'}")
    print(f"{compose}: {len(sources)} mounted paths are there")


main()
