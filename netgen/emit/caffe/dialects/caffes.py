"""Caffe itself: what registers itself in the sources, of BVLC's at the tag 1.0 and on master, and of the SSD branch."""

from __future__ import annotations

from netgen.emit.caffe.dialects.looks import floors
from netgen.emit.caffe.dialects.rules import UNKNOWN_FIELD, Dialect, Rule, never

PLAIN = """
AbsVal ArgMax BNLL BatchNorm BatchReindex Bias Concat Convolution Crop Deconvolution Dropout ELU Eltwise Embed Exp
Filter Flatten Im2col InnerProduct Input LRN LSTM LSTMUnit Log MVN PReLU Parameter Pooling Power RNN ReLU Reduction
Reshape SPP Scale Sigmoid Silence Slice Softmax Split TanH Threshold Tile
""".split()
TRAINING = """
Accuracy ContrastiveLoss Data DummyData EuclideanLoss HDF5Data HDF5Output HingeLoss ImageData InfogainLoss MemoryData
MultinomialLogisticLoss Python SigmoidCrossEntropyLoss SoftmaxWithLoss WindowData
""".split()
SSD = """
AnnotatedData DetectionEvaluate DetectionOutput MultiBoxLoss Normalize Permute PriorBox SmoothL1Loss VideoData
""".split()
CEIL = 'rounding = "ceil" is Caffe\'s own; or choose sizes that divide'

_IN_SSD = "the dialect ssd has it"
_FLOOR = Rule("Pooling", floors, UNKNOWN_FIELD, CEIL)

BVLC_1_0 = Dialect("bvlc-1.0", "BVLC's Caffe 1.0", [*PLAIN, *TRAINING], [_FLOOR], hints=dict.fromkeys(SSD, _IN_SSD))
BVLC = Dialect(
    "bvlc",
    "BVLC's Caffe",
    [*PLAIN, *TRAINING, "Clip", "Swish"],
    [
        never("Pooling", "pooling_param.ceil_mode", UNKNOWN_FIELD, CEIL),
        never("Pooling", "pooling_param.torch_pooling", UNKNOWN_FIELD, CEIL),
    ],
    hints=dict.fromkeys(SSD, _IN_SSD),
)
SSD_BRANCH = Dialect("ssd", "the SSD branch", [*PLAIN, *TRAINING, *SSD], [_FLOOR])
