"""Results -> docs/benchmarks.md and its plot."""
import os

import plot

NAMES = {"riffle": "riffle", "onnxruntime": "ONNX Runtime", "ncnn": "ncnn", "xnnpack": "XNNPACK",
         "xnnpack-apart": "XNNPACK, memory apart"}
# Ratios that the project set itself, by network and threads, to the peers as it had measured them: XNNPACK's operators with
# memory of its own for every map.
ASKED = {("shufflenet_v2_x1.0", 1): 0.78, ("shufflenet_v2_x1.0", 2): 0.82,
         ("shufflenet_v2_x0.5", 1): 0.85, ("shufflenet_v2_x0.5", 2): 0.88,
         ("shufflenet_v1_x1.0_g3", 1): 0.72, ("shufflenet_v1_x1.0_g3", 2): 0.80,
         ("riffle-v2-1.5x", 1): 0.75, ("riffle-v2-1.5x", 2): 0.80}
ENGINES = ("riffle", "xnnpack", "xnnpack-apart", "ncnn", "onnxruntime")


def ratio(row, which="median", without=""):
    """riffle / the fastest peer; None without peers."""
    peers = [t[which] for n, t in row["times"].items() if n not in ("riffle", without)]
    return row["times"]["riffle"][which] / min(peers) if peers else None


def share(row, name="riffle"):
    """Of the cores' measured multiply-add peak."""
    return row["macs"] * 2 / (row["times"][name]["median"] * 1e6) / row["peak_gflops"]


def title(row):
    return f"{row['network']} @ {row['size']}" if row["network"] != "riffle-v2-1.5x" else \
        f"default detector, whole @ {row['size']}"


def table(rows):
    head = ["network @ input", "MMAC", *(NAMES[e] for e in ENGINES), "riffle / best peer", "riffle / best but planned XNNPACK", "asked of that",
            "share of peak"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for r in rows:
        cells = [title(r), f"{r['macs'] / 1e6:.1f}"]
        for e in ENGINES:
            t = r["times"].get(e)
            cells.append(f"{t['median']:.2f} ({t['min']:.2f})" if t else "")
        v, w = ratio(r), ratio(r, without="xnnpack")
        asked = ASKED.get((r["network"], r["threads"]))
        cells += [f"**{v:.2f}**" if v else "", f"{w:.2f}" if w else "", f"{asked:.2f}" if asked else "", f"{100 * share(r):.0f} %"]
        out.append("| " + " | ".join(cells) + " |")
    return out


KEPT = "<!-- What follows is not written by make bench-peers, which keeps it. -->"


def by_hand(page):
    """-> the part of an earlier page that people write."""
    if not os.path.exists(page):
        return ""
    with open(page, encoding="utf-8") as f:
        _, mark, rest = f.read().partition(KEPT)
    return mark + rest


def dropped(rows):
    """-> a sentence or two about interrupted inferences, and the ratios with all of them."""
    total = sum(t["of"] for r in rows for t in r["times"].values())
    clean = sum(t["kept"] for r in rows for t in r["times"].values())
    text = [f"Of {total:,} timed inferences {total - clean:,} ({100 * (total - clean) / total:.1f} %) were interrupted by the "
            "scheduler (an involuntary context switch of the process during the inference) and are left out, by the same rule "
            "for every program."]
    worst = [f"{title(r)}, {threads_text(r['threads'])}" for r in rows
             if any(t["used"] != t["kept"] for t in r["times"].values())]
    if worst:
        text.append("**Too few were left alone in some cases, where the interrupted count too, for all programs**: "
                    + "; ".join(worst) + ".")
    moved = [abs(ratio(r, "median_of_all") / ratio(r) - 1) for r in rows if ratio(r)]
    if moved:
        text.append(f"With all inferences counted the ratios differ by at most {100 * max(moved):.1f} %.")
    return " ".join(text)


def threads_text(n):
    return "one thread" if n == 1 else "two threads" if n == 2 else f"{n} threads"


def built(rows):
    """-> dates, and the commits that riffle was built from; with the cases where there are several."""
    commits = {}
    for r in rows:
        commits.setdefault(r["commit"], []).append(f"{title(r)} {threads_text(r['threads'])}")
    dates = sorted({r["date"] for r in rows})
    if len(commits) == 1:
        return [*dates, f"commit {rows[0]['commit']}"]
    return [*dates, *(f"commit {c} ({'; '.join(cases)})" for c, cases in commits.items())]


def span(values):
    low, *_, high = sorted([*(values := list(values)), values[0]])
    return f"{low}" if low == high else f"{low} to {high}"


def write(result, out):
    rows = result["rows"]
    counts = sorted({r["threads"] for r in rows})
    others = [r["load"]["others"] for r in rows]
    stolen = [r["load"]["stolen"] for r in rows]
    text = ["# riffle beside ONNX Runtime, ncnn and XNNPACK", "",
            "Written by `make bench-peers` (bench/peers); edit that, not this file.", "",
            "Batch 1, float32. Median milliseconds of an inference, the fastest in brackets; the ratio is riffle's median over "
            "that of the fastest peer, so below 1 riffle is faster. XNNPACK's operators are measured twice: with memory reused between "
            "maps, as XNNPACK's own runtime does, and with memory of its own for every map (apart), which is how the project had "
            "measured the peers when it set itself the ratios under `asked`; the column before gives the ratio to the peers of "
            "that time. The share of peak is riffle's multiply-adds over what the cores' float32 multiply-add units did in the "
            "same run.", ""]
    for n in counts:
        mine = [r for r in rows if r["threads"] == n]
        text += [f"## {threads_text(n).capitalize()}", "", *table(mine), "",
                 f"Peak in this run: {max(r['peak_gflops'] for r in mine):.1f} GFLOP/s.", ""]
    text += ["![Time relative to the fastest peer](benchmarks.svg)", "",
             "## How it was measured", "", f"- {', '.join(built(rows))}."]
    text += [f"- {k}: {v}." for k, v in result["machine"]]
    text += [f"- {NAMES[n]} {v}." for n, v in result["versions"].items()]
    text += [f"- **{NAMES[n]} is missing here**: {v}." for n, v in result["missing"].items()]
    text += [f"- {span(r['rounds'] for r in rows)} rounds; in each every program has a turn of "
             f"{span(round(1000 * r['seconds'] / r['rounds']) for r in rows)} ms, a different one first each time. Processes persist and wait "
             "between their turns; three inferences warm each turn up. One thread: all pinned to the same core. Two: one core a "
             f"thread for the peers; riffle's threads are left to the scheduler on these two cores. "
             f"{sum(r['minutes'] for r in rows):.1f} minutes in all.",
             f"- {dropped(rows)}",
             f"- Other processes took {100 * min(others):.0f} to {100 * max(others):.0f} % of the machine's processor time "
             f"during a case, other guests of the host at most {100 * max(stolen):.1f} %.",
             "- All programs compute the same: the largest difference of a peer's output from riffle's, relative to the largest "
             f"value, is {max(d for r in rows for d in r['differences'].values()):.1e}"
             f" (more than {result['tolerance']:g} would have failed the run)."
             if any(r["differences"] for r in rows) else "- No peer: nothing was compared.",
             "", "## What is compared", "",
             "- The same weights and inputs for all: `bench/peers/dump` writes riffle's, one description of each network "
             "(`networks.py`) is written as ONNX, as ncnn's files and as a list of XNNPACK operators. Batch norms are folded.",
             "- Tensor in, logits out. riffle's time has the copying of the input tensor into its planes in it; ONNX Runtime "
             "reads it through I/O binding, ncnn through a Mat on the same memory, XNNPACK in place and already channels-last.",
             "- XNNPACK is called operator by operator, the list planned by hand (`write_xnnpack.py`): half of the channels is a pointer, a concat is "
             "a stride, the half that passes a unit is copied, the shuffle is XNNPACK's own operator. No converter makes as lean a "
            "list of ShuffleNet.",
             "- ncnn: half-precision storage and arithmetic are off, all else is its default.",
             "- The detector is its whole graph, both stages, in ONNX Runtime too (`detector.py`): TopK, NonMaxSuppression, "
             "RoiAlign and the head in one session; all boxes agree. riffle's side is `Detect` on docs/street.jpg without the "
             "time of sampling the photo, plus the time of copying a finished tensor. All get the network as it is written: that "
             "riffle's compiler multiplies before it enlarges (docs/architecture.md; 14.9 million multiply-adds less) is its own "
             "doing, and the share of peak counts the network's. ncnn and XNNPACK have no such operators.",
             "", "## How to repeat", "",
             "    make bench-peers", "",
             "installs the peers (PyPI, Debian) into bench/peers/.venv, builds everything, checks the outputs and writes this "
             "page. `bench/peers/README.md` has the options. Keep the machine idle: with other load the ratios still hold "
             "roughly, the times do not.", ""]
    page = os.path.join(out, "benchmarks.md")
    text.append(by_hand(page))
    with open(page, "w", encoding="utf-8") as f:
        f.write("\n".join(text))
    with open(os.path.join(out, "benchmarks.svg"), "w", encoding="utf-8") as f:
        f.write(plot.svg(rows, [(e, NAMES[e]) for e in ENGINES], title, threads_text))
