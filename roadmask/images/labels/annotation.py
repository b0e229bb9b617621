"""Annotation: the pixels of a mask file, before a label map reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.images.raw_mode import grey_factor, raw_mode

_UNREADABLE = (OSError, SyntaxError, ValueError, RuntimeError)
"""What Pillow raises for damaged files; of AVIF a RuntimeError."""
_GREY_RAMP = np.repeat(np.arange(256), 3).reshape(256, 3)


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
        """Read a mask file. Raises `InvalidRequest` for one whose pixels cannot be labels."""
        name = str(source) if isinstance(source, Path) else "The mask"
        try:
            opened = source if isinstance(source, Path) else BytesIO(source)
            with Image.open(opened) as picture:
                if picture.format in ("JPEG", "MPO"):
                    raise InvalidRequest(
                        f"{name} is a JPEG, whose compression changes labels. Export the masks as "
                        "PNG."
                    )
                return cls._of_picture(picture, name)
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
            if np.array_equal(palette[: len(given)], _GREY_RAMP[: len(given)]):
                return cls(ids, None, "an image with a grey palette")
            return cls(ids, _packed(palette)[ids], "an image with a palette of colours", True)
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
