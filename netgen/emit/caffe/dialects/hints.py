"""Ways out that several tables show."""

from __future__ import annotations

from netgen.emit.caffe.dialects.caffes import TRAINING

SIZE = "say the height and width"
TURNED = "use transpose = false, with the weights turned"
RESHAPE = "reshape before it, and after"
WHOLE = "give the whole shape"
TEST = "read the net for --phase TEST"

_TRAIN = "what trains is no part of what runs: give the deploy net, or --phase TEST"
_INPUT = "--input BLOB=SHAPE lets the net begin with the blob itself"
_DATA = ("AnnotatedData", "Data", "HDF5Data", "ImageData", "MemoryData", "VideoData", "WindowData")

HINTS = {
    **dict.fromkeys((*TRAINING, "MultiBoxLoss", "SmoothL1Loss"), _TRAIN),
    **dict.fromkeys(_DATA, _INPUT),
    "Bias": "use a `scale` with a bias",
    "Power": "with an exponent of 1 it is a Scale",
    "Tile": "use `concat`",
}
"""By the layer types that consumers lack."""
