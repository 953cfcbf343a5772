"""OpenCV 4: its caffe_importer.cpp and the layers that it registers, and what 4.14 makes of a layer of each kind."""

from __future__ import annotations

from netgen.emit.caffe.dialects import looks
from netgen.emit.caffe.dialects.hints import HINTS, SIZE, TEST, TURNED, WHOLE
from netgen.emit.caffe.dialects.rules import BREAKS, COMPUTES, REFUSES, Dialect, Rule, never, only

_FLOOR = "say ceil_mode: false, which it knows"
_SOURCES = {
    "BatchNorm": "batch_norm_layer",
    "Concat": "concat_layer",
    "Deconvolution": "deconvolution_layer",
    "DetectionOutput": "detection_output_layer",
    "InnerProduct": "fully_connected_layer",
    "Interp": "resize_layer",
    "LRN": "lrn_layer",
    "Log": "elementwise_layers",
    "MVN": "mvn_layer",
    "Pooling": "pooling_layer",
    "PriorBox": "prior_box_layer",
    "PriorBoxClustered": "prior_box_layer",
    "Proposal": "proposal_layer",
    "Reorg": "reorg_layer",
    "Scale": "scale_layer",
    "Slice": "slice_layer",
    "Swish": "elementwise_layers",
}
"""The files in modules/dnn/src/layers that compute something else."""

OPENCV = Dialect(
    "opencv4",
    "OpenCV 4",
    """
    AbsVal BNLL BatchNorm Concat Convolution Crop Deconvolution DetectionOutput Dropout ELU Eltwise Exp Flatten
    InnerProduct Input Interp LRN Log MVN Normalize PReLU PSROIPooling Permute Pooling Power PriorBox PriorBoxClustered
    Proposal ROIPooling ReLU ReLU6 Reorg Reshape Scale ShuffleChannel Sigmoid Silence Slice Softmax Split Swish TanH
    """.split(),
    [
        Rule("Input", looks.unread_input, REFUSES, "leave it out"),
        Rule("Pooling", looks.says_rounding, REFUSES, _FLOOR),
        Rule("Pooling", looks.floors_unheard, "does not look at it", _FLOOR),
        Rule("Pooling", looks.stochastic, REFUSES),
        Rule("Pooling", looks.larger_than_image, REFUSES, "use a smaller kernel"),
        Rule("Pooling", looks.window_outside, "gives 0 there", "use a stride of at most the kernel"),
        Rule("Pooling", looks.clipped_without_pad, "keeps it", "use a stride of at most the kernel"),
        Rule("Pooling Split", looks.skips_a_top, REFUSES, "read the tops before it too"),
        Rule("Slice", looks.counts_parts, "makes as many parts as are read", "say cuts"),
        Rule("Convolution", looks.three_directions, REFUSES),
        Rule("Deconvolution MVN", looks.not_two_directions, REFUSES),
        Rule("Deconvolution", looks.joined_wrongly, "joins the two wrongly", "put a `reshape` between them"),
        Rule("Deconvolution", looks.dilated, "makes the size of no dilation", path="convolution_param.dilation"),
        Rule("Concat", looks.one_bottom, COMPUTES),
        never("Concat", "concat_param.concat_dim", "does not look at it, and joins along axis 1", "say axis"),
        Rule("Flatten", looks.inserts_axis, REFUSES, "use `reshape`"),
        Rule("Reshape", looks.counts_from_the_end, REFUSES, WHOLE, "reshape_param.axis"),
        only("Reshape", "reshape_param.num_axes", -1, *range(1, 33), does=REFUSES, hint=WHOLE),
        Rule("Permute", looks.partial_order, REFUSES, "list all axes"),
        Rule("Scale", looks.two_bottoms_and_bias, COMPUTES, "add the bias by itself"),
        Rule("BatchNorm", looks.statistics_of_several, REFUSES, TEST),
        Rule("BatchNorm", looks.statistics_with_eps, "divides by sqrt(1 + eps) once more", TEST),
        Rule("Normalize", looks.factors_of_the_image, REFUSES, "share the factor, and use a `scale`"),
        Rule("PriorBox", looks.no_variance, REFUSES, "say variance = [0.1]"),
        Rule("PriorBox PriorBoxClustered", looks.clip_not_said, "takes it as true", "say clip: false"),
        Rule("PriorBox", looks.part_of_a_pixel, "does not drop the fraction", "use whole pixels"),
        *(
            never("PriorBox PriorBoxClustered", f"prior_box_param.{name}", "does not look at it")
            for name in ("img_size", "img_h", "img_w")
        ),
        Rule("DetectionOutput", looks.refines, REFUSES),
        Rule("DetectionOutput", looks.keeps_all, BREAKS, "say keep_top_k", "detection_output_param.keep_top_k"),
        Rule("DetectionOutput", looks.keeps_no_boxes, REFUSES),
        Rule("DetectionOutput", looks.drops_all, "looks at all"),
        Rule("DetectionOutput", looks.shared_boxes_and_no_background, REFUSES),
        only("DetectionOutput", "detection_output_param.code_type", "CORNER", "CENTER_SIZE", does=REFUSES),
        only("DetectionOutput", "detection_output_param.variance_encoded_in_target", False, does=REFUSES),
        Rule(
            "Proposal", looks.drops_small_regions, "keeps small regions", "say min_size = 1", "proposal_param.min_size"
        ),
        Rule("Proposal", looks.keeps_no_overlap, REFUSES, path="proposal_param.nms_thresh"),
        Rule("LRN", looks.alpha_not_said, "takes it as 0.0001", "say alpha = 1"),
        Rule("LRN", looks.k_across, "computes with 1", path="lrn_param.k"),
        Rule("MVN", looks.eps_of_variance, "adds it inside the root", "leave eps out", "mvn_param.eps"),
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
        never("Interp", "interp_param.shrink_factor", REFUSES, SIZE),
        only("Interp", "interp_param.pad_beg", 0, does="does not look at it", hint=SIZE),
        only("Interp", "interp_param.pad_end", 0, does="does not look at it", hint=SIZE),
        only("Reorg", "reorg_param.stride", 2, does="computes with 2"),
        only("Reorg", "reorg_param.reverse", False, does="does not look at it"),
    ],
    hints=HINTS,
    seen="4.14.0",
    sources={kind: f"modules/dnn/src/layers/{name}.cpp" for kind, name in _SOURCES.items()},
)
