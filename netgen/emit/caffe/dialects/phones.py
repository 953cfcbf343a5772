"""Converters for phones."""

from __future__ import annotations

from netgen.emit.caffe.dialects import looks
from netgen.emit.caffe.dialects.caffes import CEIL
from netgen.emit.caffe.dialects.hints import HINTS, RESHAPE, SIZE, TURNED, WHOLE
from netgen.emit.caffe.dialects.rules import COMPUTES, Dialect, Rule, never, only, show, square

IGNORED = "does not look at it"
WIDTH_FIRST = "reads (width, height)"
CONVOLUTIONS = "Convolution Deconvolution ConvolutionDepthwise DepthwiseConvolution"
_AXIS_1 = "does not look at it, and takes axis 1"
_CONVERTED = [
    *(
        only(
            kind,
            f"{kind.lower()}_param.{name}",
            default,
            does=f"does not convert it, and computes with {show(default)}",
        )
        for kind in ("Exp", "Log")
        for name, default in (("base", -1.0), ("scale", 1.0), ("shift", 0.0))
    ),
    only("Swish", "swish_param.beta", 1.0, does="does not convert it, and computes with 1"),
]
_NO_BATCH = [
    *(
        only(kind, f"{kind.lower()}_param.axis", 1, 2, 3, -1, -2, -3, does="has no axis for the batch")
        for kind in ("Concat", "Slice", "Softmax")
    ),
    Rule("Permute", looks.moves_batch, "has no axis for the batch"),
]

# tools/caffe/caffe2ncnn.cpp of Tencent/ncnn: the types with a branch of their own, and of the layers in src/ those that
# need no parameters. A Clip comes out without its bounds, a Tile without its number, a HardSwish with other factors.
NCNN = Dialect(
    "ncnn",
    "caffe2ncnn",
    """
    AbsVal BNLL BatchNorm Concat Convolution ConvolutionDepthwise Crop Deconvolution DepthwiseConvolution
    DetectionOutput Dropout ELU Eltwise Embed Exp Flatten InnerProduct Input Interp LRN Log MVN Mish Normalize PReLU
    PSROIPooling Permute Pooling Power PriorBox ROIAlign ROIPooling ReLU ReLU6 Reorg Reshape Scale ShuffleChannel
    Sigmoid Silence Slice Softmax Split Swish TanH Threshold YoloDetectionOutput Yolov3DetectionOutput
    """.split(),
    [
        Rule("Pooling", looks.floors, IGNORED, CEIL),
        Rule("Pooling", looks.mask, "makes one"),
        never("Concat", "concat_param.concat_dim", _AXIS_1, "say axis"),
        only("LRN", "lrn_param.k", 1.0, does="computes with 1"),
        only(
            "InnerProduct",
            "inner_product_param.transpose",
            False,
            does="takes the weights as (out, inputs)",
            hint=TURNED,
        ),
        only("InnerProduct", "inner_product_param.axis", 1, does="flattens from axis 1", hint=RESHAPE),
        *_CONVERTED,
        *_NO_BATCH,
        only("Reshape", "reshape_param.axis", 0, does=IGNORED, hint=WHOLE),
        only("Reshape", "reshape_param.num_axes", -1, does=IGNORED, hint=WHOLE),
        only("Flatten", "flatten_param.axis", 1, does="flattens from axis 1", hint="use `reshape`"),
        only("Flatten", "flatten_param.end_axis", -1, does="flattens to the end", hint="use `reshape`"),
        only("Scale", "scale_param.axis", 1, 0, does="scales along axis 1"),
        only("Scale", "scale_param.num_axes", 1, does="scales along one axis"),
        Rule("Interp", looks.aligned, "does not align them", "use a `deconv` with weight_filler = bilinear"),
        *square(CONVOLUTIONS, ("kernel_size", "stride", "pad", "dilation"), "takes the first for both"),
    ],
    axes=4,
    plain_names=True,
    hints={**HINTS, "Clip": "ncnn has Clip, but its converter writes no bounds"},
)

_MNN_SOURCES = {
    "BatchNorm": "BatchNormalScale",
    "Concat": "Concat",
    "Convolution": "Convolution",
    "ConvolutionDepthwise": "Convolution",
    "Deconvolution": "Convolution",
    "DepthwiseConvolution": "Convolution",
    "Eltwise": "Eltwise",
    "Flatten": "Reshape",
    "Interp": "ResizeInterp",
    "LRN": "LRN",
    "Normalize": "Normalize",
    "Pooling": "Pool",
    "Reshape": "Reshape",
    "Slice": "Slice",
}
"""The files of its converter that read something else."""

# tools/converter/source/caffe and optimizer/caffeextra of alibaba/MNN: the registered converters and the fields that
# they read; and what MNN makes of a layer of each kind. Its Clip is declared, but never registered.
MNN = Dialect(
    "mnn",
    "MNN",
    """
    AbsVal ArgMax BNLL BatchNorm Concat Convolution ConvolutionDepthwise Crop Deconvolution DetectionOutput Dropout ELU
    Eltwise Embed Exp Flatten InnerProduct Input Interp LRN Log MVN Normalize PReLU Permute Pooling Power PriorBox
    ROIPooling ReLU ReLU6 Reduction Reshape Scale ShuffleChannel Sigmoid Slice Softmax Split TanH Threshold
    """.split(),
    [
        Rule("Pooling", looks.floors, IGNORED, CEIL),
        Rule("Pooling", looks.clipped, "keeps it", "choose a pad or a kernel with which the windows fit"),
        Rule("Pooling", looks.window_outside, COMPUTES, "use a stride of at most the kernel"),
        Rule("Pooling", looks.mask, "makes one"),
        never("Concat", "concat_param.concat_dim", _AXIS_1, "say axis"),
        never("Slice", "slice_param.slice_dim", _AXIS_1, "say axis"),
        only("LRN", "lrn_param.k", 1.0, does="computes with 1"),
        only("Reshape", "reshape_param.axis", 0, does=IGNORED, hint=WHOLE),
        only("Reshape", "reshape_param.num_axes", -1, does=IGNORED, hint=WHOLE),
        only("Flatten", "flatten_param.end_axis", -1, does=COMPUTES, hint="use `reshape`"),
        never("Interp", "interp_param.zoom_factor", "adds the inverse of it", SIZE),
        Rule("Pooling", looks.stochastic, COMPUTES),
        Rule("Normalize", looks.factor_shared, COMPUTES, "say channel_shared: false"),
        only("BatchNorm", "batch_norm_param.use_global_stats", True, does="takes the stored statistics"),
        Rule("Scale", looks.two_bottoms, "looks for weights", "repeat the factors, and use `mul`"),
        Rule("Log", looks.natural, "leaves out the logarithm", "say the base"),
        Rule("MVN", looks.normalizes_variance, "divides the input, not its distance from the mean"),
        Rule("Reduction", looks.not_of_4_axes, "reduces as if there were 4"),
        only("Reduction", "reduction_param.coeff", 1.0, does="computes with 1"),
        only("Dropout", "dropout_param.scale_train", True, does="does not scale in testing"),
        Rule("Eltwise", looks.other_coefficients, "knows only 1 and -1", "use `power` to scale"),
        *square(CONVOLUTIONS, ("kernel_size", "stride", "pad", "dilation"), WIDTH_FIRST),
    ],
    hints=HINTS,
    seen="3.6.1",
    sources={kind: f"tools/converter/source/caffe/{name}.cpp" for kind, name in _MNN_SOURCES.items()},
)
