"""Colorimetry: colours that a file names by numbers of ITU-T H.273, as an ICC profile."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LINEAR = 8
"""The transfer characteristics of samples that are proportional to light."""
HDR_CURVES = {16: "PQ", 18: "HLG"}
"""Transfer characteristics that sRGB does not resemble, by their number."""
_GAMMAS = {4: 2.2, 5: 2.8, 17: 2.6}
"""Transfer characteristics that are powers. All others are read as sRGB, as browsers do."""
_D65 = (0.3127, 0.3290)
_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_PRIMARIES = {
    1: _SRGB,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""Chromaticities of red, green, blue and white, by their number."""
_D50 = np.array([0.9642, 1.0, 0.8249])
"""The white of ICC profiles."""
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@lru_cache(maxsize=64)
def profile_of(primaries: int, transfer: int) -> bytes:
    """The ICC profile of samples of these colour primaries and transfer characteristics.

    Empty if they are sRGB, or nothing can be said of them. Linear samples are those that have been
    given the curve of sRGB, and those of high dynamic range stay as they are.
    """
    if transfer in HDR_CURVES:
        return b""
    chromaticities = _PRIMARIES.get(primaries, _SRGB)
    gamma = _GAMMAS.get(transfer)
    if chromaticities == _SRGB and gamma is None:
        return b""
    return _profile(_to_d50(chromaticities), _curve(gamma))


def _to_d50(chromaticities: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """XYZ of red, green and blue, (3, 3) by columns, with the white of D50."""
    colors = np.array([(x / y, 1, (1 - x - y) / y) for x, y in chromaticities]).T
    white = colors[:, 3]
    xyz = colors[:, :3] * np.linalg.solve(colors[:, :3], white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.solve(_BRADFORD, cones[:, None] * (_BRADFORD @ xyz)))


def _curve(gamma: float | None) -> bytes:
    """A curve of ICC, from samples to light: a power, or that of sRGB as a table."""
    if gamma is not None:
        return b"curv" + struct.pack(">4xIH2x", 1, round(gamma * 256))
    values = np.linspace(0, 1, 1024)
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    table: bytes = np.rint(light * 65535).astype(">u2").tobytes()
    return b"curv" + struct.pack(">4xI", 1024) + table


def _profile(colors: NDArray[np.float64], curve: bytes) -> bytes:
    """A display profile of ICC 2.4."""
    tags = {
        b"desc": b"desc" + struct.pack(">4xI", 1) + bytes(79),
        b"cprt": b"text" + bytes(8),
        b"wtpt": _xyz(_D50),
        b"rXYZ": _xyz(colors[:, 0]),
        b"gXYZ": _xyz(colors[:, 1]),
        b"bXYZ": _xyz(colors[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    start = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI", start + len(data), 0x02400000) + b"mntrRGB XYZ " + bytes(12)
    head += b"acsp" + bytes(28) + _xyz(_D50)[8:]
    profile: bytes = head.ljust(128, b"\0") + table + data
    return profile


def _xyz(color: NDArray[np.float64]) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *(round(float(value) * 65536) for value in color))
