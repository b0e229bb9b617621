"""Recipes by name."""

from __future__ import annotations

from ml.recipes.recipe import Recipe
from roadmask.errors import InvalidRequest

UNET_MINI = Recipe(
    name="unet_mini",
    network="unet_mini",
    crop=(192, 256),
    batch=8,
    epochs=56,
    loss="cross_entropy+dice",
    # About the inverse square root of each category's share of CamVid's pixels, the rare ones held
    # back: full weights make the network see people everywhere.
    category_weights=(0.8, 1.0, 2.5, 1.3, 1.0, 3.0, 1.8),
    precision="mixed_bfloat16",
)

LITE_UNET = Recipe(
    name="lite_unet",
    network="lite_unet",
    encoder="efficientnet_lite0_imagenet",
    crop=(256, 320),
    # A 480x360 image at 640x480: poles and people are few pixels wide. Larger than most of what is
    # learnt from, and better so, also on a sequence that was not learnt from
    # (docs/models/experiments.md).
    budget=307_200,
    zoom=(0.525, 1.2),
    batch=8,
    epochs=32,
    learning_rate=1e-3,
    loss="cross_entropy+dice",
    category_weights=(0.8, 1.0, 2.5, 1.3, 1.0, 3.0, 1.8),
    averaging=0.995,
)

VGG_UNET = Recipe(
    name="vgg_unet",
    network="vgg_unet",
    encoder="vgg16_hed",
    # Edges and textures are the same in every street; learning goes a quarter faster without them.
    frozen=("block1_", "block2_"),
    crop=(224, 288),
    budget=172_800,
    zoom=(0.6, 1.4),
    batch=4,
    epochs=20,
    learning_rate=6e-4,
    loss="cross_entropy+dice",
    category_weights=(0.8, 1.0, 2.5, 1.3, 1.0, 3.0, 1.8),
    averaging=0.995,
    precision="mixed_bfloat16",
)

STREET_UNET = Recipe(
    name="street_unet",
    network="street_unet",
    encoder="deeplab_mobilenet_edgetpu_slim_cityscapes",
    # Square: of a tall picture of a person, most is seen at once.
    crop=(320, 320),
    # A 480x360 image at 576x416, as fast as Lite U-Net at 640x480.
    budget=239_616,
    # Nearer than served: people and cars that fill the picture.
    zoom=(0.6, 2.0),
    batch=8,
    epochs=20,
    learning_rate=1.5e-3,
    # The encoder has no batch normalisation.
    encoder_rate=0.1,
    loss="cross_entropy+dice",
    category_weights=(0.8, 1.0, 2.5, 1.3, 1.0, 3.0, 1.8),
    averaging=0.998,
    precision="mixed_bfloat16",
)

RECIPES = {recipe.name: recipe for recipe in (UNET_MINI, LITE_UNET, VGG_UNET, STREET_UNET)}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises `InvalidRequest`, which lists the names."""
    if name not in RECIPES:
        raise InvalidRequest(f"There is no recipe {name!r}; choose from {', '.join(RECIPES)}.")
    return RECIPES[name]
