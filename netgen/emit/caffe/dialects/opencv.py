"""OpenCV 4: its caffe_importer.cpp and the layers that it registers, and what 4.14 makes of a layer of each kind."""

from __future__ import annotations

from netgen.emit.caffe.dialects import looks
from netgen.emit.caffe.dialects.caffes import CEIL
from netgen.emit.caffe.dialects.hints import HINTS, SIZE, TURNED
from netgen.emit.caffe.dialects.rules import COMPUTES, REFUSES, Dialect, Rule, never, only

OPENCV = Dialect(
    "opencv4",
    "OpenCV 4",
    """
    AbsVal BNLL BatchNorm Concat Convolution Crop Deconvolution DetectionOutput Dropout ELU Eltwise Exp Flatten
    InnerProduct Input Interp LRN Log MVN Normalize PReLU PSROIPooling Permute Pooling Power PriorBox Proposal
    ROIPooling ReLU ReLU6 Reshape Scale ShuffleChannel Sigmoid Silence Slice Softmax Split Swish TanH
    """.split(),
    [
        Rule("Pooling", looks.floors, REFUSES, CEIL),
        Rule("Pooling", looks.window_outside, COMPUTES, "use a stride of at most the kernel"),
        Rule("Concat", looks.one_bottom, COMPUTES),
        never("Concat", "concat_param.concat_dim", "does not look at it, and joins along axis 1", "say axis"),
        Rule("Permute", looks.partial_order, REFUSES, "list all axes"),
        Rule("PriorBox", looks.no_variance, REFUSES, "say variance = [0.1]"),
        only("LRN", "lrn_param.k", 1.0, does="computes with 1"),
        only("MVN", "mvn_param.eps", 1e-9, does="adds it inside the root", hint="leave eps out"),
        only(
            "InnerProduct",
            "inner_product_param.transpose",
            False,
            does="takes the weights as (out, inputs)",
            hint=TURNED,
        ),
        only("Log", "log_param.base", -1.0, does="computes the natural logarithm"),
        only("Log", "log_param.scale", 1.0, does="computes with 1"),
        only("Log", "log_param.shift", 0.0, does="computes with 0"),
        only("Swish", "swish_param.beta", 1.0, does="computes with 1"),
        only("Interp", "interp_param.shrink_factor", 1, does=REFUSES, hint=SIZE),
        only("Interp", "interp_param.pad_beg", 0, does=REFUSES, hint=SIZE),
        only("Interp", "interp_param.pad_end", 0, does=REFUSES, hint=SIZE),
        only("Dropout", "dropout_param.scale_train", True, does="does not scale in testing"),
    ],
    hints=HINTS,
)
