"""What tables look for in a layer, where that is more than the value of a field. Each gives what it found, in words."""

from __future__ import annotations

from netgen.emit.caffe.dialects.rules import Said, show
from netgen.formats.message import Message, get
from netgen.ir.graph import Node
from netgen.ops.rules import each_way

# --- pooling --------------------------------------------------------------------------------------


def floors(said: Said) -> str:
    """Whether a pooling says that sizes round down, in any fork's words."""
    if str(said.value("pooling_param.round_mode")) == "FLOOR":
        return "`round_mode` is FLOOR"
    if said.value("pooling_param.ceil_mode") is False:
        return "`ceil_mode` is false"
    return "`torch_pooling` is true" if said.value("pooling_param.torch_pooling") is True else ""


def says_rounding(said: Said) -> str:
    """Whether it says how to round in words that OpenCV lacks, and anything for both directions at once.

    Of a message with a field that it lacks, OpenCV takes all fields as said: those of one direction too, as 0.
    """
    both = any(said.values(f"pooling_param.{name}") for name in ("kernel_size", "stride"))
    field = next((name for name in ("round_mode", "torch_pooling") if said.values(f"pooling_param.{name}")), "")
    return f"`pooling_param.{field}` is said" if both and field else ""


def floors_unheard(said: Said) -> str:
    """Whether it rounds down in words that OpenCV lacks, each direction by itself."""
    return "" if said.value("pooling_param.ceil_mode") is False or says_rounding(said) else floors(said)


def stochastic(said: Said) -> str:
    return "`pool` is STOCHASTIC" if str(said.value("pooling_param.pool")) == "STOCHASTIC" else ""


def _windows(node: Node) -> list[tuple[int, int, int, int, int]]:
    """Of each axis of a pooling its extent, kernel, stride, pad and number of windows; nothing of another node."""
    if node.op.name not in ("max_pool", "avg_pool") or not node.is_known:
        return []
    ways = (each_way(node, name) for name in ("kernel", "stride", "pad"))
    return list(zip(node.x[0][2:], *ways, node.y[0][2:], strict=True))


def window_outside(said: Said) -> str:
    """Whether a last window lies wholly outside the input, as Caffe keeps it where there is no pad."""
    for extent, _, stride, pad, count in _windows(said.node):
        if (count - 1) * stride >= extent + pad:
            return f"the last window begins at {(count - 1) * stride}, outside the {extent} places"
    return ""


def clipped(said: Said) -> str:
    """Whether Caffe leaves out a last window that begins behind the pad."""
    for extent, kernel, stride, pad, count in _windows(said.node):
        rounded_up = -(-(extent + 2 * pad - kernel) // stride) + 1
        if count < rounded_up and said.node.a.rounding == "ceil":
            return f"of {rounded_up} windows Caffe leaves out the last, which begins behind the pad"
    return ""


def clipped_without_pad(said: Said) -> str:
    """Whether Caffe leaves out a last window on an axis that has no pad itself, because the other has one."""
    for extent, kernel, stride, pad, count in _windows(said.node):
        if not pad and count < -(-(extent - kernel) // stride) + 1 and said.node.a.rounding == "ceil":
            return "only the other axis has a pad, and Caffe leaves out the last window"
    return ""


def larger_than_image(said: Said) -> str:
    """Whether a window is larger than the image with its pads, as Caffe takes it."""
    for extent, kernel, _, pad, _ in _windows(said.node):
        if kernel > extent + 2 * pad:
            return f"a window of {kernel} is larger than the {extent + 2 * pad} places"
    return ""


def whole_with_pad(said: Said) -> str:
    """Whether a window is as large as the image, and yet there is a pad."""
    ways = _windows(said.node)
    if ways and all(kernel == extent for extent, kernel, *_ in ways) and any(pad for _, _, _, pad, _ in ways):
        return "the window is as large as the image, and there is a pad"
    return ""


def mask(said: Said) -> str:
    """Whether a pooling makes the places of its maxima too."""
    return "the places of the maxima are a second top" if len(said.y) > 1 else ""


# --- several bottoms, several tops ----------------------------------------------------------------


def one_bottom(said: Said) -> str:
    return "there is but one bottom" if len(said.node.inputs) == 1 else ""


def two_bottoms(said: Said) -> str:
    """Whether a Scale, wherever it comes from, is given its factors."""
    given = len(said.layer.inputs or ()) > 1 or len(said.x) > 1
    return "a second bottom gives the values" if given else ""


def several_tops(said: Said) -> str:
    return f"it has {len(said.y)} tops" if len(said.y) > 1 else ""


def two_bottoms_and_bias(said: Said) -> str:
    return two_bottoms(said) and ("there is a bias too" if said.value("scale_param.bias_term", False) else "")


def unread_input(said: Said) -> str:
    return "" if any(value.readers for value in said.node.outputs) else "no layer reads it"


def counts_parts(said: Said) -> str:
    """Whether a Slice into equal parts has tops that no layer reads."""
    unread = any(not value.readers for value in said.node.outputs)
    in_parts = unread and not said.values("slice_param.slice_point")
    return "it is cut into equal parts, not all of which are read" if in_parts else ""


def skips_a_top(said: Said) -> str:
    """Whether a top is read that stands behind one that is not."""
    read = [bool(value.readers) for value in said.node.outputs]
    return "a top is read, and one before it is not" if read != sorted(read, reverse=True) else ""


# --- fields ---------------------------------------------------------------------------------------


def partial_order(said: Said) -> str:
    """Whether a Permute leaves out axes, which then follow in order."""
    order = said.values("permute_param.order")
    return f"`permute_param.order` lists {len(order)} axes" if said.x and len(order) < len(said.x[0]) else ""


def moves_batch(said: Said) -> str:
    order = said.values("permute_param.order")
    return f"axis {order[0]} becomes the first" if order and order[0] != 0 else ""


def no_variance(said: Said) -> str:
    return "" if said.values("prior_box_param.variance") else "`prior_box_param.variance` is not said"


def aligned(said: Said) -> str:
    return "`Interp` aligns the corners"


def other_coefficients(said: Said) -> str:
    """Whether an Eltwise does more than to add, or to subtract the second of two."""
    coeff = said.values("eltwise_param.coeff")
    plain = coeff in ([], [1.0, -1.0]) or all(each == 1 for each in coeff)
    return "" if plain else f"`coeff` is {', '.join(map(show, coeff))}"


def within_channel(said: Said) -> str:
    region = str(said.value("lrn_param.norm_region"))
    return "`norm_region` is WITHIN_CHANNEL" if region == "WITHIN_CHANNEL" else ""


def neither_2_nor_4_axes(said: Said) -> str:
    return f"a blob of {len(said.x[0])} axes" if said.x and len(said.x[0]) not in (2, 4) else ""


def no_axis(said: Said) -> str:
    return "" if said.values("argmax_param.axis") else "`argmax_param.axis` is not said"


def not_a_mean_of_the_last_axis(said: Said) -> str:
    operation = str(said.value("reduction_param.operation", "SUM"))
    if operation != "MEAN":
        return f"`operation` is {operation}"
    axis = said.value("reduction_param.axis", 0)
    last = not said.x or axis in (-1, len(said.x[0]) - 1)
    return "" if last and said.value("reduction_param.coeff", 1.0) == 1 else "it is not of the last axis alone"


def no_shapes(said: Said) -> str:
    """Whether a Custom layer does not say the shape of each top."""
    said_shapes = len(said.values("custom_param.shape"))
    return "" if said_shapes >= len(said.node.outputs) else "`custom_param` does not say the shape of each top"


def masked_upsample(said: Said) -> str:
    """SegNet's Upsample puts values back where their maxima were."""
    return "a second bottom has the places" if len(said.node.inputs) > 1 else ""


def no_stride(said: Said) -> str:
    """Darknet's Upsample says its factor as `scale`."""
    return "" if said.values("upsample_param.stride") else "`upsample_param` says no stride"


def natural(said: Said) -> str:
    base = said.value("log_param.base", -1.0)
    return "it is the natural logarithm" if base == -1 else ""


def normalizes_variance(said: Said) -> str:
    return "`normalize_variance` is true" if said.value("mvn_param.normalize_variance", True) else ""


def not_of_4_axes(said: Said) -> str:
    """Whether a reduction is of other than the last of 4 axes, counted from the first."""
    axis = said.value("reduction_param.axis", 0)
    if isinstance(axis, int) and axis < 0:
        return f"`reduction_param.axis` is {axis}"
    return f"a blob of {len(said.x[0])} axes" if said.x and len(said.x[0]) != 4 else ""


# --- what OpenCV alone does otherwise -------------------------------------------------------------


def dilated(said: Said) -> str:
    """Whether the places of a deconvolution's kernel lie apart."""
    if said.node.op.name != "deconv" or not said.node.is_known:
        return ""
    both = zip(each_way(said.node, "kernel"), each_way(said.node, "dilation"), strict=True)
    return "`dilation` is more than 1" if any(kernel > 1 and dilation > 1 for kernel, dilation in both) else ""


_SKIPPED = frozenset({"dropout", "identity", "power"})
"""Layers that may do nothing, and are then left out before others are joined."""


def joined_wrongly(said: Said) -> str:
    """Whether a grouped deconvolution is scaled behind: OpenCV puts the factors into its weights, in wrong places."""
    if said.value("convolution_param.group", 1) == 1:
        return ""
    behind = [reader for value in said.node.outputs for reader in value.readers]
    for reader in behind:
        if reader.op.name == "batch_norm" or (reader.op.name == "scale" and len(reader.inputs) == 1):
            return f"it has groups, and `{reader.name}` scales what it makes"
        if reader.op.name in _SKIPPED:
            behind += [each for value in reader.outputs for each in value.readers]
    return ""


def _directions(said: Said) -> int:
    return len(said.x[0]) - 2 if said.x else 2


def three_directions(said: Said) -> str:
    return "it has three directions" if _directions(said) > 2 else ""


def not_two_directions(said: Said) -> str:
    return f"a blob of {len(said.x[0])} axes" if _directions(said) != 2 else ""


def inserts_axis(said: Said) -> str:
    """Whether a Flatten of no axes puts in one of length 1."""
    return "it flattens no axis, and inserts one" if said.x and len(said.y[0]) > len(said.x[0]) else ""


def counts_from_the_end(said: Said) -> str:
    axis = said.value("reshape_param.axis", 0)
    return f"`reshape_param.axis` is {axis}" if isinstance(axis, int) and axis < 0 else ""


def _images(said: Said) -> int:
    """Of how many images a BatchNorm takes the statistics; 0 if it has its own."""
    of_these = said.value("batch_norm_param.use_global_stats") is False and said.node.is_known
    return said.node.x[0][0] if of_these else 0


def statistics_of_several(said: Said) -> str:
    return f"`use_global_stats` is false, for {_images(said)} images" if _images(said) > 1 else ""


def statistics_with_eps(said: Said) -> str:
    """Whether eps is more than the usual one, whose effect is that of rounding."""
    eps = said.value("batch_norm_param.eps", 1e-5)
    odd = _images(said) == 1 and isinstance(eps, float) and eps > 1e-5
    return f"`use_global_stats` is false, and eps is {show(eps)}" if odd else ""


def factors_of_the_image(said: Said) -> str:
    across = said.value("norm_param.across_spatial", True)
    own = not said.value("norm_param.channel_shared", True) and said.x and said.x[0][1] > 1
    return "one length is taken of the image, and each channel has its factor" if across and own else ""


def factor_shared(said: Said) -> str:
    """Whether all of several channels have one factor, as Caffe has it unless told otherwise."""
    shared = said.value("norm_param.channel_shared", True) and said.node.is_known and said.node.x[0][1] > 1
    return "`norm_param.channel_shared` is true" if shared else ""


def clip_not_said(said: Said) -> str:
    return "" if said.values("prior_box_param.clip") else "`prior_box_param.clip` is not said"


def part_of_a_pixel(said: Said) -> str:
    sizes = [size for name in ("min_size", "max_size") for size in said.values(f"prior_box_param.{name}")]
    odd = next((size for size in sizes if isinstance(size, float) and size != int(size)), None)
    return f"a size is {show(odd)}; Caffe takes whole pixels" if odd is not None else ""


def refines(said: Said) -> str:
    """Whether boxes are refined by what a first stage found, as in RefineDet."""
    return f"it has {len(said.node.inputs)} bottoms" if len(said.node.inputs) > 3 else ""


def keeps_all(said: Said) -> str:
    keep = said.value("detection_output_param.keep_top_k", -1)
    return "`keep_top_k` is not said" if keep == -1 else ""


def _suppression(said: Said, name: str) -> object:
    inner: list[Message] = [each for each in said.values("detection_output_param.nms_param") if isinstance(each, list)]
    return next((get(each, name, None) for each in inner), None)


def keeps_no_boxes(said: Said) -> str:
    """Whether no boxes are kept, or none that overlap: OpenCV wants numbers above 0."""
    keeps_none = said.value("detection_output_param.keep_top_k", -1) == 0
    return "`nms_threshold` is 0" if _suppression(said, "nms_threshold") == 0 else "`keep_top_k` is 0" * keeps_none


def drops_all(said: Said) -> str:
    return "`top_k` is 0" if _suppression(said, "top_k") == 0 else ""


def shared_boxes_and_no_background(said: Said) -> str:
    shared = said.value("detection_output_param.share_location", True)
    without = said.value("detection_output_param.background_label_id", 0) == -1
    return "all classes share boxes, and there is no background" if shared and without else ""


def drops_small_regions(said: Said) -> str:
    size = said.value("proposal_param.min_size", 16)
    return f"`proposal_param.min_size` is {size}" if isinstance(size, int) and size > 1 else ""


def keeps_no_overlap(said: Said) -> str:
    return "`nms_thresh` is 0" if said.value("proposal_param.nms_thresh", 0.7) == 0 else ""


def alpha_not_said(said: Said) -> str:
    return "" if said.values("lrn_param.alpha") else "`lrn_param.alpha` is not said"


def k_across(said: Said) -> str:
    k = said.value("lrn_param.k", 1.0)
    return f"`lrn_param.k` is {show(k)}" if k != 1 and not within_channel(said) else ""


def eps_of_variance(said: Said) -> str:
    eps = said.value("mvn_param.eps", 1e-9)
    return f"`mvn_param.eps` is {show(eps)}" if eps != 1e-9 and normalizes_variance(said) else ""
