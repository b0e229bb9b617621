"""The pages of the shipped models, generated from their cards."""

from __future__ import annotations

import json

from chart import chart

from ml.registry.artifact import find_artifact, shipped
from ml.registry.card import Card, Measurement
from ml.study.markdown import code, table

INTRODUCTION = """\
# Model cards

Each shipped model: its training data, its scores, and its terms. These pages are generated from
`ml/weights/*/card.json`. `roadmask card NAME` prints a card as JSON, and `GET /v1/models/NAME`
returns that of a published version. Mean IoU is over all categories except void, at the images' own
size, with the pixels of all images pooled.
"""


def card_pages() -> dict[str, str]:
    """Return the pages as Markdown, by file name."""
    cards = shipped()
    default = find_artifact("default").card.name
    rows = [
        (
            f"[{card.name}]({card.name}.md){' (the default)' if card.name == default else ''}",
            f"{card.parameters / 1e6:.2f} M",
            *_first_figures(card),
        )
        for card in cards
    ]
    headings = ("model", "parameters", "measured on", "mean IoU", "accuracy")
    index = f"{INTRODUCTION}\n{table(headings, rows, figures=True)}\n"
    return {"cards/README.md": index} | {f"cards/{card.name}.md": _page(card) for card in cards}


def _first_figures(card: Card) -> tuple[str, str, str]:
    if not card.metrics:
        return "", "", ""
    first = card.metrics[0]
    return first.dataset, _figure(first.scores.mean_iou), _figure(first.scores.accuracy)


def _page(card: Card) -> str:
    sections = {
        "": _facts(card),
        "Terms": _bullets(card.notices),
        "Limits": _bullets(card.limits),
        "Why it is shipped": card.choice,
        "Measured": "\n\n".join(_measurement(card, each) for each in card.metrics),
        "Training": _training(card),
        "From an image to the network": card.preprocessing,
    }
    parts = [f"# {card.name}"]
    for title, text in sections.items():
        if text:
            parts += [f"## {title}", text] if title else [text]
    return "\n\n".join(parts) + "\n"


def _facts(card: Card) -> str:
    labels = ", ".join(label.name for label in card.categories.labels)
    rows = [
        ("version", code(str(card.model_version))),
        ("network", code(card.network)),
        ("parameters", f"{card.parameters:,}".replace(",", "\u202f")),
        ("categories", f"{card.categories.name}: {labels}"),
        ("budget", f"about {card.input_size.budget:,} pixels per image".replace(",", "\u202f")),
        ("sha256 of `model.keras`", code(card.sha256)),
    ]
    return table(("fact", "value"), rows)


def _measurement(card: Card, measured: Measurement) -> str:
    scores = measured.scores
    rows = [
        ("**mean**", f"**{_figure(scores.mean_iou)}**", f"**{_figure(scores.mean_dice)}**"),
        *(
            (name, _figure(each.iou), _figure(each.dice))
            for name, each in scores.per_category.items()
        ),
    ]
    more = {"accuracy": scores.accuracy, "soft IoU": measured.soft_iou} | {
        "mean IoU before the weights were stored in half precision": (measured.float32_mean_iou)
    }
    values = [f"{name} {_figure(value)}" for name, value in more.items() if value is not None]
    return f"""### {measured.dataset}

{scores.images} images; {"; ".join(values)}.

{table(("category", "IoU", "Dice"), rows, figures=True)}

```
roadmask evaluate {card.name} path/to/{measured.dataset}
```"""


def _training(card: Card) -> str:
    origin = card.provenance
    rows = [
        ("data", ", ".join(f"{name} ({count} images)" for name, count in origin.data.items())),
        ("epoch kept", str(origin.epochs)),
        ("seed", str(origin.seed)),
        ("time", f"{origin.seconds / 60:.0f} minutes" if origin.seconds else ""),
        ("date", f"{origin.date:%Y-%m-%d}"),
        ("revision of the code", code(origin.git_revision)),
        ("libraries", ", ".join(f"{name} {which}" for name, which in origin.versions.items())),
        ("sha256 of the encoder's weights", code(origin.encoder_sha256 or "")),
        ("fine-tuned from", code(origin.base_model)),
    ]
    facts = table(("fact", "value"), [row for row in rows if row[1]])
    settings = [(code(name), code(json.dumps(value))) for name, value in origin.recipe.items()]
    charts = [chart(name, values) for name, values in card.curves.items() if len(values) > 1]
    recipe = f"### Recipe\n\n{table(('field', 'value'), settings)}"
    curves = ["### Curves", f'<div class="charts">\n{"".join(charts)}</div>'] if charts else []
    return "\n\n".join([facts, recipe, *curves])


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
