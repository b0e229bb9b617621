"""CamVid's 32 annotation colours, in the 8 categories.

Source of the colours: the label table of the CamVid database (Brostow, Fauqueur, Cipolla, Pattern
Recognition Letters 30(2), 2009). "Bicyclist" includes the bicycle there, so it counts as human.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadmask.categories import CITYSCAPES

_COLORS: dict[str, list[tuple[int, int, int]]] = {
    "flat": [
        (128, 64, 128),  # Road
        (128, 0, 192),  # LaneMkgsDriv
        (192, 0, 64),  # LaneMkgsNonDriv
        (128, 128, 192),  # RoadShoulder
        (64, 192, 128),  # ParkingBlock
        (0, 0, 192),  # Sidewalk
    ],
    "construction": [
        (128, 0, 0),  # Building
        (64, 192, 0),  # Wall
        (64, 64, 128),  # Fence
        (192, 0, 128),  # Archway
        (0, 128, 64),  # Bridge
        (64, 0, 64),  # Tunnel
    ],
    "object": [
        (192, 192, 128),  # Column_Pole
        (192, 128, 128),  # SignSymbol
        (0, 64, 64),  # TrafficLight
        (0, 0, 64),  # TrafficCone
        (128, 128, 64),  # Misc_Text
    ],
    "nature": [
        (128, 128, 0),  # Tree
        (192, 192, 0),  # VegetationMisc
    ],
    "sky": [(128, 128, 128)],
    "human": [
        (64, 64, 0),  # Pedestrian
        (192, 128, 64),  # Child
        (64, 0, 192),  # CartLuggagePram
        (0, 128, 192),  # Bicyclist
    ],
    "vehicle": [
        (64, 0, 128),  # Car
        (64, 128, 192),  # SUVPickupTruck
        (192, 128, 192),  # Truck_Bus
        (192, 64, 128),  # Train
        (192, 0, 192),  # MotorcycleScooter
        (128, 64, 64),  # OtherMoving
    ],
}


def colors_to_categories(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Category indices, uint8 (H, W), from a colour annotation, RGB uint8 (H, W, 3).

    Colours that are not in the table, Void and Animal among them, become void.
    """
    packed = rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    mask = np.full(packed.shape, CITYSCAPES.void, np.uint8)
    for name, colors in _COLORS.items():
        wanted = [red << 16 | green << 8 | blue for red, green, blue in colors]
        mask[np.isin(packed, wanted)] = CITYSCAPES.index(name)
    return mask
