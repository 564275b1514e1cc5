"""Gets the peers from the registries they are published in; one that cannot be had is left out, with the reason.

onnxruntime and ncnn come from PyPI into a virtual environment of their own; XNNPACK is Debian's libxnnpack-dev, with which
xnnpack.c is compiled.
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
PINS = {"onnxruntime": "onnxruntime==1.32.0", "ncnn": "ncnn==1.0.20261020"}
DEBIAN = ["libxnnpack-dev", "libpthreadpool-dev"]


class Missing(Exception):
    """Why a peer is left out."""


def _run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        lines = done.stdout.strip().splitlines()
        raise Missing(f"{' '.join(command[:4])} ...: {lines[-1] if lines else 'failed'}")
    return done.stdout.strip()


def venv():
    """The environment and what the writers need; without it nothing can be compared."""
    if not os.path.exists(PYTHON):
        _run(sys.executable, "-m", "venv", VENV)
    pip("-r", os.path.join(HERE, "requirements.txt"))


def pip(*what):
    _run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what)


def wheel(peer):
    pip(PINS[peer])


def compile_c(name, work, *libraries):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise Missing("no C compiler")
    program = os.path.join(work, name)
    _run(compiler, "-O2", "-o", program, os.path.join(HERE, name + ".c"), *libraries)
    return program


def xnnpack(work):
    """-> path of the program."""
    libraries = ["-lXNNPACK", "-lpthreadpool", "-lpthread", "-lm"]
    if not any(os.path.exists(os.path.join(d, "xnnpack.h")) for d in ("/usr/include", "/usr/local/include")):
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise Missing(f"its headers are not installed (apt-get install {' '.join(DEBIAN)})")
        if subprocess.run(["apt-get", "install", "-y", "-q", *DEBIAN], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode:
            _run("apt-get", "update", "-q")
            _run("apt-get", "install", "-y", "-q", *DEBIAN)
    try:
        return compile_c("xnnpack", work, *libraries)
    except Missing as e:
        raise Missing(f"xnnpack.c does not compile with this version of the library ({e})") from None


def xnnpack_version():
    if not shutil.which("dpkg-query"):
        return "unknown version"
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libxnnpack0"], capture_output=True, text=True)
    return "Debian " + done.stdout if done.returncode == 0 else "unknown version"
