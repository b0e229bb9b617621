"""Annotation: the pixels of a mask file, before a label map reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from roadmask.errors import InvalidRequest, ItemError
from roadmask.images.raw_mode import grey_factor, raw_mode
from roadmask.images.sniffing import MAX_SIDE, sniff
from roadmask.images.turning import turned

_UNREADABLE = (OSError, SyntaxError, ValueError)
"""What Pillow raises for damaged files."""


@dataclass(frozen=True)
class Annotation:
    """The labels of each pixel, uint32 (H, W): ids, colours, or both for a mask with a palette.

    A colour is red << 16 | green << 8 | blue.
    """

    ids: NDArray[np.uint32] | None
    colors: NDArray[np.uint32] | None
    description: str
    """What kind of image it is, for errors."""
    has_palette: bool = False

    @classmethod
    def read(cls, source: Path | bytes) -> Annotation:
        """Read a mask file, turned by its orientation like an image.

        Raises `InvalidRequest` for one whose pixels cannot be labels.
        """
        name = str(source) if isinstance(source, Path) else "The mask"
        try:
            opened = source if isinstance(source, Path) else BytesIO(source)
            facts = sniff(source, MAX_SIDE**2)
            if facts.is_lossy:
                raise InvalidRequest(
                    f"{name} is a lossy {facts.format.upper()}, whose compression changes labels. "
                    "Export the masks as PNG."
                )
            with Image.open(opened) as picture:
                found = cls._of_picture(picture, name)
            # Pillow turns TIFFs itself.
            return found if facts.format == "tiff" else found._turned(facts.orientation)
        except ItemError as error:
            raise InvalidRequest(f"{name} cannot be read. {error.detail}") from None
        except UnidentifiedImageError:
            raise InvalidRequest(
                f"{name} has a form of {facts.format.upper()} that is not read as a mask. Export "
                "the masks as 8-bit PNG."
            ) from None
        except Image.DecompressionBombError:
            raise InvalidRequest(
                f"{name} has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, which is the "
                "limit of masks. Scale it and its image down, or cut both into tiles."
            ) from None
        except _UNREADABLE as error:
            raise InvalidRequest(f"{name} cannot be read ({error}). Copy the file again.") from None

    @classmethod
    def _of_picture(cls, picture: Image.Image, name: str) -> Annotation:
        mode = picture.mode
        # Pillow keeps the upper 8 bits of each sample: ids would all be 0.
        if mode.startswith("RGB") and ";16" in raw_mode(picture):
            raise InvalidRequest(
                f"{name} has 16 bits for each colour. Save it as a grey image of ids, or in 8-bit "
                "RGB colours."
            )
        if mode == "P":
            ids = np.asarray(picture).astype(np.uint32)
            palette = np.zeros((256, 3), np.uint32)
            given = np.array(picture.getpalette("RGB") or [], np.uint32).reshape(-1, 3)[:256]
            palette[: len(given)] = given
            if _is_ramp(given):
                return cls(ids, None, "an image with a grey palette")
            colors = _packed(palette)[ids]
            if (given == given[:, :1]).all():
                # Programs that make PNGs smaller store few greys as a palette of them.
                return cls(colors & np.uint32(255), colors, "an image with a palette of greys")
            return cls(ids, colors, "an image with a palette of colours", True)
        if mode in ("1", "L", "LA") or mode.startswith("I"):
            factor = grey_factor(picture)
            values = np.asarray(picture) // factor
            plane = values[..., 0] if values.ndim == 3 else values
            if plane.min(initial=0) < 0:
                raise InvalidRequest(f"{name} has negative values, which are no labels.")
            return cls(plane.astype(np.uint32), None, "a grey image")
        if mode in ("RGB", "RGBA", "RGBX"):
            rgb = np.asarray(picture)[..., :3].astype(np.uint32)
            is_grey = bool((rgb == rgb[..., :1]).all())
            return cls(rgb[..., 0] if is_grey else None, _packed(rgb), "an image in colours")
        raise InvalidRequest(
            f"{name} has the mode {mode}. A mask is a grey image of ids, an image with a palette, "
            "or an image in RGB colours."
        )

    def _turned(self, orientation: int) -> Annotation:
        ids, colors = (
            None if labels is None else turned(labels, orientation)
            for labels in (self.ids, self.colors)
        )
        return replace(self, ids=ids, colors=colors)

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        labels = self.colors if self.ids is None else self.ids
        assert labels is not None
        return labels.shape[1], labels.shape[0]

    @cached_property
    def id_counts(self) -> dict[int, int]:
        """Pixels of each id."""
        return {} if self.ids is None else _counts(self.ids)

    @cached_property
    def color_counts(self) -> dict[int, int]:
        """Pixels of each colour."""
        return {} if self.colors is None else _counts(self.colors)

    @property
    def used_colors(self) -> set[int]:
        """The colours that its pixels have."""
        return set(self.color_counts)


def color_text(color: int) -> str:
    """A colour as people write it: `#804080`."""
    return f"#{color:06x}"


def _is_ramp(palette: NDArray[np.uint32]) -> bool:
    """Whether a palette shows its indices, (N, 3), as greys at equal distances from black.

    The greys are the indices themselves, or go up to white.
    """
    last = len(palette) - 1
    ramps = (np.rint(np.linspace(0, white, last + 1)) for white in (last, 255))
    return any(np.array_equal(palette, ramp[:, None].repeat(3, axis=1)) for ramp in ramps)


def _packed(rgb: NDArray[np.uint32]) -> NDArray[np.uint32]:
    packed = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    return packed.astype(np.uint32, copy=False)


def _counts(labels: NDArray[np.uint32]) -> dict[int, int]:
    """Pixels of each label. Masks are long runs of one label: their ends are few."""
    flat = labels.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)
    lengths = np.diff(ends, prepend=-1)
    values, places = np.unique(flat[ends], return_inverse=True)
    pixels = np.bincount(places.ravel(), lengths, len(values)).astype(np.int64)
    return dict(zip(values.tolist(), pixels.tolist(), strict=True))
