"""Page of the study: its protocol, its table, its plots and how to make each row again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ml.recipes.recipe import Recipe
from ml.study.markdown import table
from ml.study.plots import PLOTS, draw_plots
from ml.study.row_result import RowResult
from ml.study.rows import PROTOCOL, ROWS
from roadmask.masks.taxonomy import CITYSCAPES

READING = "reading.md"
"""Written by hand beside the plots; the page ends with it."""

_INTRODUCTION = """\
# The study

Three networks, two losses, three augmentations, then everything together: Roadmask repeats this
study row by row, under one protocol. `roadmask study` writes this page and its plots from the
results of the runs. The section *Reading* is written by hand.
"""


def write_page(outcomes: Mapping[str, RowResult], protocol: Recipe, docs: Path) -> Path:
    """Write `study.md` and the plots in `study/` below `docs`, from the rows there are."""
    plots = docs / "study"
    drawn = draw_plots(outcomes, plots)
    reading = plots / READING
    parts = [
        _INTRODUCTION,
        _protocol(outcomes, protocol),
        _results(outcomes),
        _published(outcomes),
        "\n".join(["## IoU over epochs", *(f"![{PLOTS[n][0]}](study/{n}.svg)" for n in drawn)]),
        _commands(outcomes),
        _machines(outcomes),
        f"## Reading\n{reading.read_text().strip()}" if reading.exists() else "",
    ]
    page = docs / "study.md"
    page.write_text("\n\n".join(part.strip() for part in parts if part) + "\n")
    return page


def _protocol(outcomes: Mapping[str, RowResult], protocol: Recipe) -> str:
    some = next(iter(outcomes.values()))
    height, width = protocol.crop
    names = ", ".join(CITYSCAPES.names[index] for index in CITYSCAPES.real)
    return f"""\
## Protocol
The protocol is the same for all rows, except for the change that names a row:

- Trained on {_datasets(some.data)}; measured on {_datasets(some.validation)}.
- Images are resized whole to {height}x{width} (height x width), for training and for inference.
  The only augmentation is that of the row. It adds 10 % generated images: each is an image of the
  data, augmented once for the whole run. "Everything" adds 10 % of each of the three.
- At most {protocol.epochs} epochs in batches of {protocol.batch}, seed {protocol.seed}.
  Early stopping ends a run after {protocol.patience} epochs without a better mean IoU. With more
  images an epoch is longer; this is not compensated.
- AdamW, weight decay {protocol.weight_decay:g}; a learning rate that rises to
  {protocol.learning_rate:g} in {protocol.warmup:.0%} of the steps and falls along a cosine.
- Cross-entropy; void pixels are ignored, all categories count alike. For a one-hot truth the
  Kullback-Leibler divergence equals cross-entropy, except for pixels whose true category gets a
  probability below 1e-7. So that row shows how much two equal runs differ.
- All weights are trained, {_precision(protocol)}. {_start(outcomes)}
- The measured weights are the running average. The epoch with the best mean IoU on the validation
  data is kept, and the tables have the scores of its artifact as the service would serve it.
- IoU and Dice are the study's: of class probabilities, with pixels and classes pooled, so that
  Dice = 2 IoU / (1 + IoU). Accuracy and mean IoU are of the masks; the mean is over
  {names}.
  All are at the images' original size, without void.
"""


def _precision(protocol: Recipe) -> str:
    if protocol.precision == "auto":
        return "in float32 or bfloat16, whichever is faster on the machine of the row"
    return f"in {protocol.precision}"


def _start(outcomes: Mapping[str, RowResult]) -> str:
    names = {str(outcome.recipe["encoder"]) for outcome in outcomes.values()} - {""}
    if not names:
        return "All start at random."
    return f"VGG16 encoders start from the weights `{names.pop()}`, all else at random."


def _results(outcomes: Mapping[str, RowResult]) -> str:
    rows = [
        (
            ROWS[name].title,
            f"{outcome.parameters / 1e6:.1f} M",
            _duration(outcome.train_seconds),
            _duration(outcome.processor_seconds),
            _figure(outcome.iou),
            _figure(outcome.dice),
            _figure(outcome.accuracy),
            _figure(outcome.mean_iou),
            f"{outcome.epoch}",
        )
        for name, outcome in outcomes.items()
    ]
    headings = (
        "model",
        "parameters",
        "train time",
        "processor time",
        "IoU",
        "Dice",
        "accuracy",
        f"mean IoU of {len(CITYSCAPES.real)}",
        "epoch kept",
    )
    return f"""\
## Results
{table(headings, rows, figures=True)}

Train time is the wall time of all epochs with their validation, on a machine that may have had
other work. Processor time is the sum over its cores.
"""


def _published(outcomes: Mapping[str, RowResult]) -> str:
    rows = []
    for name, outcome in outcomes.items():
        theirs = ROWS[name].published
        ours = (outcome.iou, outcome.dice, outcome.accuracy)
        rows.append((ROWS[name].title, *map(_figure, theirs), *map(_figure, ours)))
    some = next(iter(outcomes.values()))
    measures = ("IoU", "Dice", "accuracy")
    headings = ("model", *(f"{name}, {side}" for side in ("there", "here") for name in measures))
    return f"""\
## The study's own figures
**The data differ**: there Cityscapes val, here {_datasets(some.validation)}.
Compare rows within one side only.

{table(headings, rows, figures=True)}
"""


def _commands(outcomes: Mapping[str, RowResult]) -> str:
    lines = "\n".join(_command(name, outcome) for name, outcome in outcomes.items())
    return f"""\
## Commands
Each command runs one row; without `--rows` it runs all of them. An interrupted row is resumed, and
a finished one is not run again.

```
{lines}
```
"""


def _command(name: str, outcome: RowResult) -> str:
    words = ["roadmask study"]
    words += [f"--data path/to/{folder}" for folder in outcome.data]
    words += [f"--val path/to/{folder}" for folder in outcome.validation]
    words += [f"--encoder path/to/{outcome.encoder}"] if outcome.encoder else []
    epochs = outcome.recipe["epochs"]
    words += [f"--epochs {epochs}"] if epochs != PROTOCOL.epochs else []
    words += ["--smoke"] if outcome.recipe["budget"] != PROTOCOL.budget else []
    return " ".join([*words, "--out runs/study", f"--rows {name}"])


def _machines(outcomes: Mapping[str, RowResult]) -> str:
    groups: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        words = f"{outcome.machine}; code {outcome.git_revision}"
        groups.setdefault(words, []).append(name)
    lines = "\n".join(f"- {', '.join(rows)}: {words}" for words, rows in groups.items())
    return f"## Machine\n{lines}"


def _datasets(counts: Mapping[str, int]) -> str:
    return " and ".join(f"{name} ({count} images)" for name, count in counts.items())


def _figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
