"""Copies what Docker would send to the builder: tracked files but those of .dockerignore.

python .ci/context.py .dockerignore FOLDER
"""

import pathlib
import re
import shutil
import subprocess
import sys


def pattern(line):
    """One line of .dockerignore as a regular expression; "**" crosses folders, "*" does not."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = re.sub(r"\*\*/|\*\*|\*|\?|[^*?]+", lambda m: parts.get(m[0], re.escape(m[0])), line.strip("/"))
    return re.compile(body + "(?:/.*)?")


def main():
    ignore, target = sys.argv[1:]
    lines = [line.strip() for line in open(ignore, encoding="utf-8")]
    ignored = [pattern(line) for line in lines if line and not line.startswith("#")]
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, capture_output=True
    ).stdout.decode()
    count = 0
    for name in filter(None, files.split("\0")):
        source = pathlib.Path(name)
        if any(p.fullmatch(name) for p in ignored) or not source.is_file():
            continue
        copy = pathlib.Path(target, name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        count += 1
    print(f"{count} files")


main()
