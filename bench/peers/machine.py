"""What the figures were measured on."""
import os
import platform
import re
import subprocess


def _lscpu():
    try:
        text = subprocess.run(["lscpu"], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in text.splitlines())}


def describe():
    """-> (name, text) pairs."""
    cpu = _lscpu()
    flags = cpu.get("Flags", "").split()
    sets = [f for f in ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "asimd") if f in flags]
    ids = " ".join(f"{k.lower()} {cpu[k]}" for k in ("CPU family", "Model") if k in cpu)
    rows = [("processor", f"{cpu.get('Model name', platform.machine())}{f' ({ids})' if ids else ''}"),
            ("cores", f"{os.cpu_count()} visible"),
            ("caches", ", ".join(f"{k.removesuffix(' cache')} {cpu[k]}" for k in
                                 ("L1d cache", "L2 cache", "L3 cache") if k in cpu)),
            ("instruction sets", ", ".join(sets)),
            ("system", f"{platform.system()} {re.match(r'[0-9.]*', platform.release()).group().rstrip('.')}, "
                       f"{platform.machine()}")]
    if "Hypervisor vendor" in cpu:
        rows.append(("virtual machine", cpu["Hypervisor vendor"]))
    return [(k, v) for k, v in rows if v]


def commit(root):
    def git(*words):
        return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True).stdout.strip()
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", "nn", "backbone", "detector", "models", "bench")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + (" with changes" if dirty else "")
