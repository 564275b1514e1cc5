"""The plot of docs/benchmarks.md: a bar a program, its time over that of the fastest peer."""
from xml.sax.saxutils import escape

COLOURS = {"riffle": "#0b6e4f", "xnnpack": "#5f7fa3", "xnnpack-apart": "#a9bdd4", "ncnn": "#c2a878", "onnxruntime": "#a98bb8"}
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 900, 250, 110, 13, 16, 84


def svg(rows, engines, title, threads_text):
    """rows of measure_case; engines: (key, name) pairs in the order of their bars."""
    parts, y = [], TOP
    limit = max(1.05, *(t["median"] / _best(r) for r in rows for t in r["times"].values()))
    scale = (WIDTH - LEFT - RIGHT) / limit
    first = y
    for threads in sorted({r["threads"] for r in rows}):
        parts.append(_text(16, y + 12, threads_text(threads).capitalize(), weight="bold"))
        y += 24
        for r in [r for r in rows if r["threads"] == threads]:
            bars = [(key, r["times"][key]["median"]) for key, _ in engines if key in r["times"]]
            parts.append(_text(LEFT - 10, y + len(bars) * BAR / 2 + 4, title(r), anchor="end"))
            for key, ms in bars:
                length = ms / _best(r) * scale
                parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 1}" fill="{COLOURS[key]}"/>')
                bold = "bold" if key == "riffle" else "normal"
                parts.append(_text(LEFT + length + 6, y + BAR - 3, f"{ms:.2f} ms", size=11, weight=bold))
                y += BAR
            y += GAP
    one = LEFT + scale
    parts.append(f'<path d="M{one:.1f} {first} V{y}" stroke="#555" stroke-dasharray="3 3"/>')
    parts.append(_text(one, y + 14, "fastest peer = 1", size=11, anchor="middle"))
    x = LEFT
    for key, name in engines:
        if any(key in r["times"] for r in rows):
            parts.append(f'<rect x="{x}" y="46" width="12" height="12" fill="{COLOURS[key]}"/>')
            parts.append(_text(x + 17, 56, name))
            x += 40 + 8 * len(name)
    heading = _text(16, 26, "Time of an inference, relative to the fastest peer (shorter is better)", size=16, weight="bold")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 28}" viewBox="0 0 {WIDTH} {y + 28}" '
            f'font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n'
            + "\n".join([heading, *parts]) + "\n</svg>\n")


def _best(row):
    peers = [t["median"] for name, t in row["times"].items() if name != "riffle"]
    return min(peers) if peers else row["times"]["riffle"]["median"]


def _text(x, y, text, size=13, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="#222">'
            f"{escape(text)}</text>")
