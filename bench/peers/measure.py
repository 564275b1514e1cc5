"""Workers that take turns, and what else ran on the machine meanwhile."""
import json
import os
import subprocess
import time

PAUSE = 0.02  # seconds between turns, in which a worker's threads stop spinning


class Worker:
    """A process that answers "run SECONDS"; it waits on its input between turns and takes no processor."""

    def __init__(self, name, command, cores):
        self.name = name
        self.process = subprocess.Popen(["taskset", "-c", ",".join(map(str, cores)), *command], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.hello = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended early, with {self.process.wait()}")
        return json.loads(line)

    def run(self, seconds):
        self.process.stdin.write(f"run {seconds:.6f}\n")
        self.process.stdin.flush()
        return self._answer()

    def ticks(self):
        """Processor time so far, in clock ticks."""
        return _ticks(self.process.pid)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _machine():
    """-> busy, stolen and all ticks of the processors so far."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    busy = user + nice + system + irq + softirq
    return busy, steal, busy + steal + idle + iowait


def alternate(workers, peak, rounds, seconds):
    """Each round gives every worker one turn of seconds / rounds, a different one first each time.

    -> samples by worker, each (ms, switched); GFLOP/s of the peak's turns; foreign: share of the machine that others took.
    """
    samples, peaks = {w.name: [] for w in workers}, []
    everyone = [*workers, peak]

    def own():
        return sum(w.ticks() for w in everyone) + _ticks(os.getpid())
    before, mine = _machine(), own()
    for r in range(rounds):
        first = r % len(workers)
        for w in workers[first:] + workers[:first]:
            answer = w.run(seconds / rounds)
            samples[w.name] += list(zip(answer["ms"], answer["switched"]))
            time.sleep(PAUSE)
        peaks.append(peak.run(0.05)["gflops"])
    after, mine = _machine(), own() - mine
    busy, steal, total = (b - a for a, b in zip(before, after))
    return samples, peaks, {"others": max(0, busy - mine) / max(1, total), "stolen": steal / max(1, total)}


def summaries(samples):
    """Samples by program, each (ms, switched) -> median and minimum of what was not interrupted, by program.

    Where hardly anything of one program was left alone everything counts, for all programs of the case alike: `used` then is
    `of`, not `kept`.
    """
    clean = {n: sorted(ms for ms, switched in s if not switched) for n, s in samples.items()}
    every = {n: sorted(ms for ms, _ in s) for n, s in samples.items()}
    quiet = all(len(clean[n]) >= max(10, len(every[n]) // 20) for n in samples)
    used = clean if quiet else every
    return {n: {"median": median(used[n]), "min": used[n][0], "kept": len(clean[n]), "of": len(every[n]),
                "used": len(used[n]), "median_of_all": median(every[n])} for n in samples}


def median(values):
    """Of sorted values."""
    n = len(values)
    return (values[(n - 1) // 2] + values[n // 2]) / 2
