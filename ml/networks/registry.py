"""Networks by name.

A builder takes the number of categories and a precision (`float32` or `mixed_bfloat16`) and gives
a Keras model from uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories). Whatever is done
to the pixels first is done inside the model, so that serving cannot differ from training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ml.networks.lite_unet import LiteUNet
from ml.networks.street_unet import StreetUNet
from ml.networks.unet import UNet, UNetMini
from ml.networks.vgg_unet import VGGUNet
from roadmask.errors import ModelNotFound

Builder = Callable[..., Any]

NETWORKS: dict[str, Builder] = {
    "lite_unet": LiteUNet,
    "lite2_unet": partial(LiteUNet, variant="lite2"),
    "street_unet": StreetUNet,
    "unet": UNet,
    "unet_mini": UNetMini,
    "vgg_unet": VGGUNet,
}


def build_network(name: str, categories: int, precision: str = "float32") -> Any:
    """A new network with random weights. Raises `ModelNotFound`, which lists the names."""
    if name not in NETWORKS:
        raise ModelNotFound(f"There is no network {name!r}; choose from {', '.join(NETWORKS)}.")
    return NETWORKS[name](categories=categories, precision=precision, name=name)
