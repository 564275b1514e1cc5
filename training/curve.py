"""The curve of a NetAdapt run, AP over latency, as a picture and as a table.

    python -m training.curve docs/netadapt.json docs/netadapt.svg

The log is netadapt.py's search.json; its "tuned", if there, is the AP after the long fine-tune: {"dev": {...}}.
"""
import argparse
import json

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 64, 30, 30, 52
STYLE = ("text{font:13px sans-serif;fill:#333}.axis{stroke:#999}.grid{stroke:#e4e4e4}.line{fill:none;stroke:#1b6ca8;stroke-width:2}"
         ".dot{fill:#1b6ca8}.end{fill:#d1495b}.arrow{stroke:#d1495b;stroke-width:2;stroke-dasharray:5 4}")


def whole(row):
    """AP of both stages together: the entry that is not the first stage's."""
    return next(v for k, v in row["dev"].items() if k != "first")


def ticks(low, high, step):
    at = step * -(-low // step)
    while at <= high:
        yield at
        at += step


def svg(log):
    steps, tuned = log["steps"], log.get("tuned")
    values = [whole(s) for s in steps] + ([whole(tuned)] if tuned else [])
    x0, x1 = steps[-1]["ms"] - 0.8, steps[0]["ms"] + 0.8
    y0, y1 = min(values) - 2, max(values) + 2

    def place(ms, ap):
        return (LEFT + (ms - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - (ap - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">', "<title>NetAdapt: AP over latency</title>",
           f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    for ap in ticks(y0, y1, 2):
        y = place(x0, ap)[1]
        out += [f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>', f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{ap:g}</text>']
    for ms in ticks(x0, x1, 1):
        x = place(ms, y0)[0]
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{ms:g}</text>')
    out += [f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>',
            f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">ms a picture by the measured table, one thread</text>',
            f'<text x="16" y="{HEIGHT / 2}" transform="rotate(-90 16 {HEIGHT / 2})" text-anchor="middle">AP, part of the development photos</text>']
    spots = [place(s["ms"], whole(s)) for s in steps]
    out.append('<path class="line" d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots) + '"/>')
    for s, (x, y) in zip(steps, spots):
        name, end = s.get("chosen", "riffle-v2-1.5x"), ' text-anchor="end"' if s is steps[0] else ""   # the first one's above, to the left
        out += [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>', f'<text x="{x + 8:.1f}" y="{y + (-10 if end else 18):.1f}"{end}>{name}</text>']
    if tuned:
        (x, y), (tx, ty) = spots[-1], place(steps[-1]["ms"], whole(tuned))
        out += [f'<path class="arrow" d="M{x:.1f} {y:.1f}L{tx:.1f} {ty:.1f}"/>', f'<circle class="end" cx="{tx:.1f}" cy="{ty:.1f}" r="5"/>',
                f'<text x="{tx + 8:.1f}" y="{ty - 8:.1f}">fine-tuned</text>']
    return "\n".join(out) + "\n</svg>\n"


def table(log):
    first = log["steps"][0]["ms"]
    yield "| step | lowered | ms | share | distance | AP |"
    yield "|---|---|---|---|---|---|"
    for s in log["steps"]:
        yield f"| {s['step']} | {s.get('chosen', '')} | {s['ms']:.2f} | {s['ms'] / first:.0%} | {s['error']:.1f} | {whole(s):.2f} |"
    if "tuned" in log:
        yield f"| | long fine-tune | {s['ms']:.2f} | {s['ms'] / first:.0%} | | {whole(log['tuned']):.2f} |"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("log")
    p.add_argument("picture")
    a = p.parse_args()
    with open(a.log) as f:
        log = json.load(f)
    with open(a.picture, "w") as f:
        f.write(svg(log))
    print("\n".join(table(log)))


if __name__ == "__main__":
    main()
