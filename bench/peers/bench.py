#!/usr/bin/env python3
"""riffle beside ONNX Runtime, ncnn and XNNPACK: the same networks, weights and inputs, taking turns on the same cores.

    python3 bench/peers/bench.py                       # everything, about six minutes; writes docs/benchmarks.md and .svg
    python3 bench/peers/bench.py --only v2_x1.0 --rounds 3 --seconds 0.5 --out OUT

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
NETWORKS = ["shufflenet_v2_x1.0:224,320", "shufflenet_v2_x0.5:224,320", "shufflenet_v1_x1.0_g3:224,320", DETECTOR]
TOLERANCE = 1e-3


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=10, help="turns of every program for every case")
    p.add_argument("--seconds", type=float, default=4, help="time of all turns of one program for one case")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--cores", default="0,1", help="cores to pin to; one thread takes the first")
    p.add_argument("--only", default="", help="cases whose name holds this, NETWORK@SIZE")
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
    """-> command line by program, riffle first. The detector has only ONNX Runtime beside it."""
    where, placed = folder(case), [str(threads), ",".join(map(str, cores))]
    out = {"riffle": [os.path.join(WORK, "run"), "--network", case["network"], "--dir", where, "--threads", str(threads),
                      "--photo", photo]}
    for peer, program in have.items():
        if peer == "xnnpack" and case["network"] != DETECTOR:
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
    have, missing = prepare_peers()
    import machine
    import report
    import write

    install.compile_c("peak", WORK, "-lpthread")
    cases = [c for c in prepare_networks(a.photo) if a.only in f"{c['network']}@{c['size']}"]
    if not cases:
        sys.exit(f"bench: no case's name holds {a.only!r}")
    for case in cases:
        write.all_formats(folder(case), case["size"], case["network"] == DETECTOR)
    rows, versions, started = [], {}, time.time()
    for threads in a.threads:
        for case in cases:
            rows.append(measure_case(case, have, versions, a, threads))
    result = {"rows": rows, "versions": versions, "missing": missing, "machine": machine.describe(),
              "commit": machine.commit(ROOT), "date": time.strftime("%Y-%m-%d", time.gmtime(started)),
              "rounds": a.rounds, "seconds": a.seconds, "minutes": (time.time() - started) / 60, "tolerance": TOLERANCE,
              "photo": os.path.relpath(a.photo, ROOT) if a.photo.startswith(ROOT) else os.path.basename(a.photo)}
    with open(os.path.join(WORK, "results.json"), "w", encoding="ascii") as f:
        json.dump(result, f, indent=1)
    os.makedirs(a.out, exist_ok=True)
    report.write(result, a.out)
    apart = [f"{r['network']}@{r['size']}: {n} by {d:.1e}" for r in rows for n, d in r["differences"].items()
             if not d <= TOLERANCE]
    if apart:
        sys.exit("bench: outputs differ: " + "; ".join(apart))


if __name__ == "__main__":
    main()
