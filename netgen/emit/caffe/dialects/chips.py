"""Converters for chips."""

from __future__ import annotations

from netgen.emit.caffe.dialects import looks
from netgen.emit.caffe.dialects.caffes import CEIL
from netgen.emit.caffe.dialects.hints import HINTS, RESHAPE, TEST
from netgen.emit.caffe.dialects.phones import CONVOLUTIONS, WIDTH_FIRST
from netgen.emit.caffe.dialects.rules import REFUSES, UNKNOWN_FIELD, Dialect, Rule, never, only, square

_FORK_FLOOR = "say round_mode, which it knows"
_OLD = "is not known to look at it"
_PORTABLE = [
    never("Concat", "concat_param.concat_dim", _OLD, "say axis"),
    never("Slice", "slice_param.slice_dim", _OLD, "say axis"),
    *square(CONVOLUTIONS, ("kernel_size", "stride", "pad"), "is not known to read (height, width)"),
]
"""What converters whose sources are not open may read in one way or the other, and what can always be said plainly."""

# Huawei's "Caffe Operator Boundaries" of ATC, its list of operators for Caffe, and the chapter on changing a prototxt.
ASCEND = Dialect(
    "ascend",
    "Ascend's ATC",
    """
    AbsVal ArgMax BNLL BatchNorm Bias Clip Concat Convolution ConvolutionDepthwise Crop Deconvolution Dropout ELU
    Eltwise Exp Flatten InnerProduct Input Interp LRN LSTM Log MVN Normalize PReLU PSROIPooling Permute Pooling Power
    PriorBox Proposal ROIAlign ROIPooling RNN ReLU ReLU6 Reduction Reshape Reverse SPP SSDDetectionOutput Scale
    ShuffleChannel Sigmoid Slice Softmax Split TanH Threshold Tile Upsample
    """.split(),
    [
        never("Pooling", "pooling_param.ceil_mode", UNKNOWN_FIELD, _FORK_FLOOR),
        never("Pooling", "pooling_param.torch_pooling", UNKNOWN_FIELD, _FORK_FLOOR),
        Rule("Upsample", looks.masked_upsample, "repeats pixels"),
        Rule("Upsample", looks.no_stride, "takes `scale` for what values are multiplied by"),
    ],
    called={"DetectionOutput": "SSDDetectionOutput"},
    axes=4,
    plain_names=True,
    hints=HINTS,
)

# HiSilicon's documents on nnie_mapper, as OpenHarmony quotes them: Caffe 1.0's layers and public ones that extend it
# (the ROI poolings, Normalize, Permute). What it does not know cuts the net, as "Custom" or "Proposal".
_CUT = 'say it as custom(…, type = "Custom"): the net is cut there, and it is computed on the CPU'
NNIE = Dialect(
    "nnie",
    "NNIE's mapper",
    """
    AbsVal BNLL BatchNorm Bias Concat Convolution Crop Custom Deconvolution DepthwiseConv Dropout ELU Eltwise Exp
    Flatten InnerProduct Input LRN LSTM Log MVN Normalize PReLU PSROIPooling Permute Pooling Power Proposal RNN
    ROIPooling ReLU Reduction Reshape SPP Scale Sigmoid Silence Slice Softmax Split TanH Threshold Tile
    """.split(),
    [
        Rule("Pooling", looks.floors, UNKNOWN_FIELD, CEIL),
        Rule("Pooling", looks.mask, "makes one"),
        *_PORTABLE,
        Rule("Proposal", looks.several_tops, "takes one"),
        Rule(
            "Custom", looks.no_shapes, "needs it", 'params = "custom_param {{ shape {{ dim: … }} }}", one for each top'
        ),
    ],
    axes=4,
    plain_names=True,
    hints={
        **dict.fromkeys(("ArgMax", "DetectionOutput", "Interp", "PriorBox", "ShuffleChannel", "Upsample"), _CUT),
        **HINTS,
    },
)

# python/transform/CaffeConverter.py of sophgo/tpu-mlir: its table of types without those that raise "not implemented".
SOPHGO = Dialect(
    "sophgo",
    "Sophgo's tpu-mlir",
    """
    AbsVal ArgMax BN BatchNorm Concat Convolution ConvolutionDepthwise Crop Deconvolution DetectionOutput Dropout
    Eltwise Flatten InnerProduct Input Interp LRN LSTM Mish Normalize PReLU Permute Pooling PriorBox Proposal
    ROIPooling ReLU ReLU6 Reduction Reorg Reshape Reverse Scale ShuffleChannel Sigmoid Silence Slice Softmax TanH
    Upsample
    """.split(),
    [
        Rule("Pooling", looks.floors, UNKNOWN_FIELD, CEIL),
        Rule("Pooling", looks.whole_with_pad, "pools the whole image", "use a global pooling"),
        *square(CONVOLUTIONS, ("kernel_size", "stride", "pad", "dilation"), WIDTH_FIRST),
        never("Concat", "concat_param.concat_dim", "does not look at it, and takes axis 1", "say axis"),
        never("Slice", "slice_param.slice_dim", "does not look at it, and takes axis 1", "say axis"),
        only("InnerProduct", "inner_product_param.axis", 1, does="flattens from axis 1", hint=RESHAPE),
        only("Flatten", "flatten_param.axis", 1, does="flattens from axis 1", hint="use `reshape`"),
        only("Flatten", "flatten_param.end_axis", -1, does="flattens to the end", hint="use `reshape`"),
        only("Scale", "scale_param.axis", 1, 0, does="scales along axis 1"),
        only("Scale", "scale_param.num_axes", 1, does="scales along one axis"),
        Rule("Scale", looks.neither_2_nor_4_axes, "takes 2 or 4", RESHAPE),
        Rule("LRN", looks.within_channel, "normalises across channels"),
        Rule("Reduction", looks.not_a_mean_of_the_last_axis, REFUSES),
        Rule("ArgMax", looks.no_axis, REFUSES, "say the axis"),
        only("ArgMax", "argmax_param.top_k", 1, does=REFUSES),
        only("Normalize", "norm_param.across_spatial", False, does=REFUSES),
        only("Dropout", "dropout_param.scale_train", True, does="does not scale in testing"),
        only("DetectionOutput", "detection_output_param.variance_encoded_in_target", False, does=REFUSES),
        only("BatchNorm", "batch_norm_param.use_global_stats", True, does=REFUSES, hint=TEST),
    ],
    axes=4,
    plain_names=True,
    hints=HINTS,
)

# Rockchip's user guide of the RKNN toolkit 1.x: Berkeley's Caffe with the layers of SSD; the input is a layer.
RKNN = Dialect(
    "rknn",
    "RKNN's toolkit",
    """
    AbsVal ArgMax BatchNorm Bias Concat Convolution ConvolutionDepthwise Crop Deconvolution DetectionOutput Dropout ELU
    Eltwise Exp Flatten InnerProduct Input Interp LRN LSTM Log MVN Normalize PReLU Permute Pooling Power PriorBox
    Proposal ROIPooling ReLU ReLU6 Reduction Reorg Reshape Scale ShuffleChannel Sigmoid Slice Softmax Split TanH Tile
    """.split(),
    [
        Rule("Pooling", looks.floors, UNKNOWN_FIELD, CEIL),
        *_PORTABLE,
    ],
    axes=4,
    plain_names=True,
    hints=HINTS,
)
