#!/usr/bin/env python3
"""riffle beside ONNX Runtime, ncnn and XNNPACK: the same networks, weights and inputs, taking turns on the same cores.

    python3 bench/peers/bench.py                       # everything, about six minutes; writes docs/benchmarks.md and .svg
    python3 bench/peers/bench.py --only v2_x1.0 --rounds 3 --seconds 0.5 --out OUT
    python3 bench/peers/bench.py --prepare             # piece by piece, where a machine is quiet for half a minute at a time
    python3 bench/peers/bench.py --add --only v2_x1.0@224 --threads 1

Needs Go, a C compiler and taskset. The peers are installed on the first run (install.py).
"""
import argparse
import json
import os
import subprocess
import sys
import time

import install

HERE = install.HERE
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(HERE, ".work")
DETECTOR = "riffle-v2-1.5x"
NETWORKS = ["shufflenet_v2_x1.0:224,320", "shufflenet_v2_x0.5:224,320", "shufflenet_v1_x1.0_g3:224,320",
            "mobilenet_v3_large:224", DETECTOR]
TOLERANCE = 1e-3


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=10, help="turns of every program for every case")
    p.add_argument("--seconds", type=float, default=4, help="time of all turns of one program for one case")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--cores", default="0,1", help="cores to pin to; one thread takes the first")
    p.add_argument("--only", default="", help="cases whose name holds this, NETWORK@SIZE")
    p.add_argument("--prepare", action="store_true", help="install, build and write everything, but measure nothing")
    p.add_argument("--add", action="store_true",
                   help="measure with what is prepared and add to the results there are; the page shows all of them")
    p.add_argument("--photo", default=os.path.join(ROOT, "docs", "street.jpg"), help="what the detector looks at")
    p.add_argument("--out", default=os.path.join(ROOT, "docs"), help="where benchmarks.md and benchmarks.svg go")
    a = p.parse_args()
    a.threads, a.cores = ([int(v) for v in x.split(",")] for x in (a.threads, a.cores))
    if a.rounds < 1 or a.seconds <= 0 or min(a.threads) < 1 or max(a.threads) > len(a.cores):
        p.error("rounds and seconds must be positive, and there must be a core for every thread")
    return a


def prepare_peers():
    """-> the peers that can be had, and why others cannot."""
    have, missing = {}, {}
    for peer in ("onnxruntime", "ncnn", "xnnpack"):
        try:
            have[peer] = install.xnnpack(WORK) if peer == "xnnpack" else install.wheel(peer)
        except install.Missing as e:
            missing[peer] = str(e)
            print(f"{peer}: left out: {e}", flush=True)
    return have, missing


def prepare_networks(photo):
    """Builds riffle's programs and dumps weights and inputs -> list of cases."""
    for name in ("dump", "run"):
        subprocess.run(["go", "build", "-o", os.path.join(WORK, name), f"./bench/peers/{name}"], cwd=ROOT, check=True)
    dumped = subprocess.run([os.path.join(WORK, "dump"), "--out", os.path.join(WORK, "cases"), "--photo", photo, *NETWORKS],
                            stdout=subprocess.PIPE, check=True)
    return json.loads(dumped.stdout)


def folder(case):
    return os.path.join(WORK, "cases", case["network"], str(case["size"]))


def commands(case, have, photo, threads, cores):
    """-> command line by program, riffle first. The detector has only ONNX Runtime beside it; XNNPACK has what was written."""
    where, placed = folder(case), [str(threads), ",".join(map(str, cores))]
    out = {"riffle": [os.path.join(WORK, "run"), "--network", case["network"], "--dir", where, "--threads", str(threads),
                      "--photo", photo]}
    for peer, program in have.items():
        if peer == "xnnpack" and os.path.exists(os.path.join(where, "xnnpack.plan")):
            for plan in ("xnnpack", "xnnpack-apart"):
                out[plan] = [program, plan, where, *placed]
        elif peer == "onnxruntime" or (peer == "ncnn" and case["network"] != DETECTOR):
            out[peer] = [install.PYTHON, os.path.join(HERE, "worker.py"), peer, where, *placed]
    return out


def measure_case(case, have, versions, a, threads):
    import check
    from measure import Worker, alternate, summaries

    cores, workers = a.cores[:threads], []
    peak = Worker("peak", [os.path.join(WORK, "peak"), str(threads), ",".join(map(str, cores))], cores)
    try:
        for name, command in commands(case, have, a.photo, threads, cores).items():
            workers.append(Worker(name, command, cores))
            hello = workers[-1].hello
            if name != "xnnpack-apart":
                versions[name] = hello.get("version") or hello.get("detail") or install.xnnpack_version()
        differences = check.compare(folder(case), case, [w.name for w in workers], case["network"] == DETECTOR)
        samples, peaks, load = alternate(workers, peak, a.rounds, a.seconds)
    finally:
        for w in [*workers, peak]:
            w.close()
    row = {**case, "threads": threads, "differences": differences, "peak_gflops": max(peaks), "load": load,
           "times": summaries(samples)}
    print(line(row), flush=True)
    return row


def line(row):
    peers = {n: t["median"] for n, t in row["times"].items() if n != "riffle"}
    best = min(peers.values()) if peers else float("nan")
    times = "  ".join(f"{n} {t['median']:.3f}" for n, t in row["times"].items())
    apart = max(row["differences"].values(), default=0)
    return (f"{row['network']}@{row['size']} x{row['threads']}: {times} ms  ratio {row['times']['riffle']['median'] / best:.3f}"
            f"  difference {apart:.1e}  others {100 * row['load']['others']:.0f} %")


def main():
    a = arguments()
    os.makedirs(WORK, exist_ok=True)
    if os.path.realpath(sys.prefix) != os.path.realpath(install.VENV):
        try:
            install.venv()
        except install.Missing as e:
            sys.exit(f"bench: the environment could not be made: {e}")
        os.execv(install.PYTHON, [install.PYTHON, os.path.abspath(__file__), *sys.argv[1:]])
    import machine
    import report

    prepared = load("prepared.json") if a.add else prepare(a)
    if a.prepare:
        return
    have, missing = prepared["have"], prepared["missing"]
    cases = [c for c in prepared["cases"] if a.only in f"{c['network']}@{c['size']}"]
    if not cases:
        sys.exit(f"bench: no case's name holds {a.only!r}")
    result = load("results.json", {}) if a.add else {}
    rows, versions = [], result.get("versions", {})
    for threads in a.threads:
        for case in cases:
            started = time.time()
            row = measure_case(case, have, versions, a, threads)
            rows.append({**row, "commit": prepared["commit"], "date": time.strftime("%Y-%m-%d", time.gmtime(started)),
                         "minutes": (time.time() - started) / 60, "rounds": a.rounds, "seconds": a.seconds})
    result = {"rows": merged(result.get("rows", []), rows), "versions": versions, "missing": missing,
              "machine": machine.describe(), "tolerance": TOLERANCE}
    save("results.json", result)
    os.makedirs(a.out, exist_ok=True)
    report.write(result, a.out)
    apart = [f"{r['network']}@{r['size']}: {n} by {d:.1e}" for r in rows for n, d in r["differences"].items()
             if not d <= TOLERANCE]
    if apart:
        sys.exit("bench: outputs differ: " + "; ".join(apart))


def prepare(a):
    """-> peers, cases and the commit they were built from; for later runs with --add, too."""
    import machine
    import write

    have, missing = prepare_peers()
    install.compile_c("peak", WORK, "-lpthread")
    cases = prepare_networks(a.photo)
    for case in cases:
        write.all_formats(folder(case), case["size"], case["network"] == DETECTOR)
    prepared = {"have": have, "missing": missing, "cases": cases, "commit": machine.commit(ROOT)}
    save("prepared.json", prepared)
    return prepared


def merged(old, new):
    """New rows in the place of old ones of the same case, in the order of a whole run."""
    order = [n.split(":")[0] for n in NETWORKS]
    by_case = {(r["threads"], order.index(r["network"]), r["size"]): r for r in [*old, *new]}
    return [by_case[k] for k in sorted(by_case)]


def save(name, what):
    with open(os.path.join(WORK, name), "w", encoding="ascii") as f:
        json.dump(what, f, indent=1)


def load(name, otherwise=None):
    try:
        with open(os.path.join(WORK, name), encoding="ascii") as f:
            return json.load(f)
    except FileNotFoundError:
        if otherwise is None:
            sys.exit("bench: nothing is prepared: run it with --prepare first")
        return otherwise


if __name__ == "__main__":
    main()
