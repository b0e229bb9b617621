"""Page of the study: its protocol, its table, its plots and how to make each row again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ml.recipes.recipe import Recipe
from ml.study.outcome import Outcome
from ml.study.plots import PLOTS, draw_plots
from ml.study.rows import PROTOCOL, ROWS
from roadmask.categories import CITYSCAPES

READING = "reading.md"
"""Written by hand beside the plots; the page ends with it."""

_INTRODUCTION = """\
# The study

Three networks, two losses, three augmentations, then everything together: the study that Roadmask
repeats, row by row under one protocol. This page and its plots are written by `roadmask study` from
what the runs measured; the reading at its end, if there is one, by hand.
"""


def write_page(outcomes: Mapping[str, Outcome], protocol: Recipe, docs: Path) -> Path:
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


def _protocol(outcomes: Mapping[str, Outcome], protocol: Recipe) -> str:
    some = next(iter(outcomes.values()))
    height, width = protocol.crop
    names = ", ".join(CITYSCAPES.names[index] for index in CITYSCAPES.real)
    return f"""\
## Protocol
The same for all rows, but for what a row's name says:

- Learnt from {_datasets(some.data)}; measured on {_datasets(some.validation)}.
- Images are resized whole to {height}x{width} (height x width), to learn and to answer. No
  augmentation but a row's own, which adds 10 % generated images: each an image of the data seen
  through it once and for all. "Everything" adds 10 % of each of the three.
- {protocol.epochs} epochs in batches of {protocol.batch}, seed {protocol.seed}. More images make \
an epoch longer: that is not made up for.
- AdamW, weight decay {protocol.weight_decay:g}; a learning rate that rises to
  {protocol.learning_rate:g} in {protocol.warmup:.0%} of the steps and falls along a cosine.
- Cross-entropy; void pixels are ignored, all categories count alike. For truth that is certain
  the Kullback-Leibler divergence is cross-entropy, but for pixels whose true category is given less
  than 1e-7: that row shows how much two runs differ by no more than that.
- All weights are trained, in {protocol.precision}. {_start(outcomes)}
- What is measured is the running average of the weights. The epoch with the best mean IoU on the
  validation data is kept, and the tables show its artifact as it would serve.
- IoU and Dice are the study's: of class probabilities, pixels and classes pooled, so that
  Dice = 2 IoU / (1 + IoU). Accuracy and mean IoU are those of the best answers, the mean over
  {names}.
  All at the images' original size, void ignored.
"""


def _start(outcomes: Mapping[str, Outcome]) -> str:
    names = {str(outcome.recipe["encoder"]) for outcome in outcomes.values()} - {""}
    if not names:
        return "All start at random."
    return f"VGG16 encoders start from the weights `{names.pop()}`, all else at random."


def _results(outcomes: Mapping[str, Outcome]) -> str:
    rows = [
        (
            ROWS[name].title,
            f"{outcome.parameters / 1e6:.1f} M",
            _duration(outcome.fit_seconds),
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
        "fit time",
        "processor time",
        "IoU",
        "Dice",
        "accuracy",
        f"mean IoU of {len(CITYSCAPES.real)}",
        "epoch kept",
    )
    return f"""\
## Results
{_table(headings, rows)}

Fit time is that of all epochs on the wall, with their validation, on a machine that may have had
other work; processor time is what its cores spent on them together.
"""


def _published(outcomes: Mapping[str, Outcome]) -> str:
    rows = []
    for name, outcome in outcomes.items():
        theirs = ROWS[name].published
        ours = (outcome.iou, outcome.dice, outcome.accuracy)
        rows.append((ROWS[name].title, *map(_figure, theirs), *map(_figure, ours)))
    some = next(iter(outcomes.values()))
    measures = ("IoU", "Dice", "accuracy")
    headings = ("model", *(f"{name}, {side}" for side in ("there", "here") for name in measures))
    return f"""\
## Beside the study's own figures
**The data differ**: there Cityscapes, measured on its val; here {_datasets(some.validation)}.
Rows can be compared within a side; a figure of one side and a figure of the other cannot.

{_table(headings, rows)}
"""


def _commands(outcomes: Mapping[str, Outcome]) -> str:
    lines = "\n".join(_command(name, outcome) for name, outcome in outcomes.items())
    return f"""\
## Commands
Each row by itself; without `--rows`, all of them. A row that was interrupted goes on, and one that
is finished is not run again.

```
{lines}
```
"""


def _command(name: str, outcome: Outcome) -> str:
    words = ["roadmask study"]
    words += [f"--data path/to/{folder}" for folder in outcome.data]
    words += [f"--val path/to/{folder}" for folder in outcome.validation]
    words += [f"--encoder path/to/{outcome.encoder}"] if outcome.encoder else []
    epochs = outcome.recipe["epochs"]
    words += [f"--epochs {epochs}"] if epochs != PROTOCOL.epochs else []
    words += ["--smoke"] if outcome.recipe["budget"] != PROTOCOL.budget else []
    return " ".join([*words, "--out runs/study", f"--rows {name}"])


def _machines(outcomes: Mapping[str, Outcome]) -> str:
    groups: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        words = f"{outcome.machine}; code {outcome.git_revision}"
        groups.setdefault(words, []).append(name)
    lines = "\n".join(f"- {', '.join(rows)}: {words}" for words, rows in groups.items())
    return f"## Machine\n{lines}"


def _datasets(counts: Mapping[str, int]) -> str:
    return " and ".join(f"{name} ({count} images)" for name, count in counts.items())


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def _figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
