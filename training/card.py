"""The model card beside the shipped weights, written from what was measured."""
import json
import os

from . import export, macs

TEXT = """# {name}

{title}: {trunk} trunk, GhostPAN neck, dense towers that propose boxes (first stage), and
a Faster R-CNN head that pools each of up to {proposals} proposals, scores it again and moves its box (second stage). Input
{size} x {size} RGB, aspect not kept; MS COCO's 80 classes. {params:.2f} M parameters, float16 on disk.

## Measured

pycocotools on the 300 photos of ../shared/data/val (COCO val2017; 92 % hold a person, so figures are not those of the full
val2017), from this file's float16 weights, with the Python preprocessing and post-processing of training/:

| | AP | AP50 | AP75 | APs | APm | APl | AR100 |
|---|---|---|---|---|---|---|---|
{rows}

Score of the whole = prior^{rest:g} x head^{alpha:g}. On the development set (photos held out of training, {chosen}; the checkpoint is the last one): first stage {dev_first:.2f}, both {dev_whole:.2f} AP.

| multiply-accumulates | |
|---|---|
| first stage | {first_macs:.1f} M |
| second stage, {proposals} proposals | {second_macs:.1f} M |
| whole | {all_macs:.1f} M |

## Where the weights come from

{origin}

## Data and labels

{train} training photos of ../shared/data/train (longest side 384 px), {dev} more held out for development. No photo of COCO
val2017 is among them. Labels are the fused detections of two teachers, NanoDet-Plus-m-1.5x at 416 and PP-PicoDet-S at 512
(both Apache-2.0), run on the photos at full size; on PASCAL VOC photos they are blended with people's labels of VOC's 20
classes, and where people have labelled all of COCO's, theirs stand alone.

Sources and terms: COCO annotations CC BY 4.0 (COCO Consortium); COCO, PASCAL VOC and Flickr8k photos under their owners'
terms on Flickr, many of them non-commercial; ADE20K and ImageNet photos for research; OpenImages photos CC BY 2.0; others as
../shared/data/README.txt lists them. No photo is part of this repository or of this file.

## Licence

{licence}.

## Known weaknesses

- Small objects: AP of small boxes is {small:.0f} against {large:.0f} of large ones; the input is {size} pixels.
- Labels of most photos are other nets' opinions; their mistakes are learnt too. Rare in training: hair drier, toaster,
  toothbrush, parking meter, skis, snowboard, surfboard, kite.
- The second stage adds {gain:+.2f} AP on val to the first alone. With 300 photos, differences of about half a point are noise.
- Very wide or tall photos are squeezed to a square.
- Scores are chances to be right (IoU 0.5) on photos like the development ones (`python -m training.calibrate`); on others they
  may promise too much. 0.3 is a fair threshold for showing boxes.
"""


GROWN = """The first stage was **initialised from {begin}** (RangiLyu/nanodet, Apache-2.0; an ncnn conversion,
int8 weights dequantised, input channels turned to RGB) and then trained here; it is not trained from scratch, and most of its quality is
inherited. The second stage was initialised at random and trained here. Every tensor was moved by that training:
`python -m training.check_trained` compares each with what it began as and fails on one that is only rounded or scaled.

Training (`python -m training.run --recipe {name}`), {processes} processes of one CPU core each, {minutes:.0f} minutes of each
core, {photos:,} photo passes:

{phases}

- Second stage: quality focal loss on soft targets, the label's score times a ramp of the refined box's IoU ({ramp}), the
  second-best box on an object paid less; GIoU for boxes, extra weight where refinement made a box worse.
- First stage: KL divergence of every dense point's 80 class scores and box distributions to those of the untouched
  teacher on the same view, with each object's scores shifted towards its label; GIoU to the labels' boxes.
- AdamW, cosine to 2 %, moving average of the weights; the first stage's rate is a share of each tensor's own size.
- Views: crop, zoom out, flip, sharpen. Photos like COCO's (coco_, osie, flickr8k) come twice."""

DISTILLED = """The trunk was **initialised at random**, everything behind it as riffle-v2-1.5x's neck, towers and second stage, which rest on
NanoDet-Plus-m-1.5x (Apache-2.0); all of it was trained here (`python -m training.distill --recipe {name}`, then `python -m training.head`),
{photos:,} photo passes of the first stage, {hours:.1f} hours of one CPU core in the last runs; ImageNet was never seen:

- Features: mean squared error to what riffle-v2-1.5x's neck is fed of the same view, in the trunk's first phase nothing else.
- First stage: KL divergence of every dense point's class scores and box distributions to riffle-v2-1.5x's. No labels.
- Second stage: {second}.
- AdamW, cosine, moving average of the weights; views grow from 60 % of the input's side to all of it; batch norms folded into
  the convolutions afterwards.
- Views of the first stage: crops of half to all of a side, flips, brightness by channel; of the second: crop, zoom out, flip,
  sharpen, people's photos most often."""


SHRUNK = """riffle-v2-1.5x, **shrunk by NetAdapt** (arXiv:1804.03230; `python -m training.netadapt`, docs/netadapt.md) in {steps} steps to
{share:.0%} of its latency by the table of one CPU, {ms:.1f} of {first_ms:.1f} ms: channels taken out of the units' second branches, the neck with the
towers, and the second stage, their readers refitted by least squares, a short fine-tune a step. Then trained, {processes} processes of
one CPU core each, {minutes:.0f} minutes of each core, {photos:,} photo passes, towards the answers of riffle-v2-1.5x and the labels:

{phases}

What riffle-v2-1.5x rests on (initialised from {begin}, Apache-2.0, then trained here) holds for this one too. Widths: branches
{branches}, neck {neck}, pooled channels {thin}, fully connected layers {hidden}."""


def _shrunk(recipe, folder):
    """What the search logged of a shrunk network."""
    with open(os.path.join(folder, "search.json")) as f:
        steps = json.load(f)["steps"]
    first, last = steps[0]["ms"], steps[-1]["ms"]
    return {"steps": len(steps) - 1, "share": last / first, "ms": last, "first_ms": first, "branches": ", ".join(map(str, recipe.branches)),
            "neck": recipe.neck, "thin": recipe.thin, "hidden": recipe.hidden}


def _row(name, f):
    return f"| {name} | " + " | ".join(f"{100 * f[k]:.2f}" for k in ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")) + " |"


def _history(logs):
    """-> sizes of the photo lists, photo passes and minutes by phase, all passes that a distillation counts."""
    lines = []
    for path in logs:
        if os.path.exists(path):
            with open(path) as f:
                lines += [json.loads(line) for line in f]
    sizes = next((r for r in lines if "train" in r and isinstance(r.get("dev"), int)), {"train": 0, "dev": 0})
    passes, minutes, before = {}, {}, {}
    for r in lines:
        if "photos" in r:
            name = r["phase"]
            passes[name] = passes.get(name, 0) + r["photos"]
            now = r.get("minute", 0)  # a distillation counts passes only
            step = now - before.get(name, 0)
            minutes[name] = minutes.get(name, 0) + (step if step > 0 else now)
            before[name] = now
    return sizes, passes, minutes, max((r["passes"] for r in lines if "passes" in r), default=0)


def write(path, recipe, folder, logs, dev, first, whole, alpha, processes=2):
    """folder: of a search by netadapt.py; logs: of the runs, in order."""
    from .losses import RAMP
    sizes, passes, minutes, distilled = _history(logs)
    origin = SHRUNK if recipe.branches else GROWN if recipe.begin else DISTILLED
    told = {"head": "second stage alone on the frozen first stage", "all": "every tensor, end to end",
            "last": "second stage alone again, on the trained first stage",
            "cached": "second stage alone once more, on cached features (`python -m training.head`)"}
    c = macs.count(recipe)
    fields = dict(
        name=recipe.name, title=recipe.title, trunk=recipe.trunk, begin=recipe.begin, size=recipe.size, params=c["params"] / 1e6, alpha=alpha, rest=round(1 - alpha, 3),
        rows=_row("first stage alone", first) + "\n" + _row("**whole network**", whole),
        dev_first=100 * dev["first"], dev_whole=100 * dev["whole"],
        first_macs=c["first"] / 1e6, second_macs=c["second"] / 1e6, all_macs=(c["first"] + c["second"]) / 1e6,
        processes=processes, minutes=sum(minutes.values()), photos=distilled or sum(passes.values()), hours=sum(minutes.values()) / 60,
        second=f"{passes['cached']:,} views of cached features, quality focal loss and GIoU on labels" if "cached" in passes else "riffle-v2-1.5x's, not trained further",
        phases="\n".join(f"- {told[n]}: {minutes[n]:.0f} minutes, {passes[n]:,} photo passes." for n in told if n in passes),
        ramp=f"{RAMP[0]:g} to {RAMP[1]:g}", train=sizes["train"], dev=sizes["dev"], licence=export.licence(recipe),
        proposals=recipe.proposals, small=100 * whole["APs"], large=100 * whole["APl"], gain=100 * (whole["AP"] - first["AP"]))
    fields["chosen"] = "where the weight\nand the share of the box movement were chosen"
    if recipe.branches:
        fields["chosen"] = "a quarter of them, by\nwhich the search was watched; the weight is riffle-v2-1.5x's"
        fields.update(_shrunk(recipe, folder))
    text = TEXT.format(origin=origin.format(**fields), **fields)
    with open(path, "w") as f:
        f.write(text)
