"""What operators on boxes share: boxes made of offsets, and which of several are kept."""

from __future__ import annotations

import struct

from netgen.ir.graph import Node
from netgen.ir.spell_onnx import Body, Const, OnnxNode, number
from netgen.ir.spell_torch import Helper
from netgen.ops.pool import LOWEST

# --- boxes of offsets ----------------------------------------------------------------------------

DECODERS = {
    "corner": Helper(
        "_decode_corners",
        '''
def _decode_corners(
    offsets: Tensor, priors: Tensor, variances: Tensor | None = None
) -> Tensor:
    """Boxes whose corners are moved from those of prior boxes."""
    priors = priors.reshape(len(priors), -1, 1, 4)
    offsets = offsets.reshape(len(offsets), priors.shape[1], -1, 4)
    if variances is not None:
        offsets = offsets * variances.reshape(1, -1, 1, 4)
    return (priors + offsets).flatten(1)
''',
    ),
    "center_size": Helper(
        "_decode_centers",
        '''
def _decode_centers(
    offsets: Tensor, priors: Tensor, variances: Tensor | None = None
) -> Tensor:
    """Boxes whose centres are moved from those of prior boxes and whose sizes grow."""
    priors = priors.reshape(len(priors), -1, 1, 4)
    offsets = offsets.reshape(len(offsets), priors.shape[1], -1, 4)
    if variances is not None:
        offsets = offsets * variances.reshape(1, -1, 1, 4)
    low, high = priors[..., :2], priors[..., 2:]
    center = (low + high) / 2 + offsets[..., :2] * (high - low)
    half = offsets[..., 2:].exp() * (high - low) / 2
    return torch.cat([center - half, center + half], -1).flatten(1)
''',
    ),
    "corner_size": Helper(
        "_decode_sized_corners",
        '''
def _decode_sized_corners(
    offsets: Tensor, priors: Tensor, variances: Tensor | None = None
) -> Tensor:
    """Boxes whose corners are moved from those of priors, by parts of their size."""
    priors = priors.reshape(len(priors), -1, 1, 4)
    offsets = offsets.reshape(len(offsets), priors.shape[1], -1, 4)
    if variances is not None:
        offsets = offsets * variances.reshape(1, -1, 1, 4)
    size = priors[..., 2:] - priors[..., :2]
    return (priors + offsets * torch.cat([size, size], -1)).flatten(1)
''',
    ),
}
"""For each code the function that makes boxes (N, P * K * 4) of offsets, prior boxes (N or 1, P * 4) and variances."""


def decode_onnx(n: Node, offsets: int, priors: str, made: str) -> list[OnnxNode]:
    """Boxes (N, P, K, 4), named ``made``, of offsets (N, P * K * 4), prior boxes (N or 1, P, 1, 4) and variances."""

    def name(part: str) -> str:
        return f"{made}_{part}"

    def split(x: str, *parts: str) -> OnnxNode:
        return OnnxNode("Split", (x, Const([2, 2])), parts, axis=-1)

    each = 1 if n.a.share_location else n.a.classes
    moves = name("offsets")
    nodes = [OnnxNode("Reshape", (offsets, Const([0, -1, each, 4])), (moves,))]
    if not n.a.get("variance_encoded_in_target", True):
        nodes.append(OnnxNode("Mul", (moves, "variances"), (name("moves"),)))
        moves = name("moves")
    if n.a.code == "corner":
        return [*nodes, OnnxNode("Add", (priors, moves), (made,))]
    low, high, size = name("low"), name("high"), name("size")
    nodes += [split(priors, low, high), OnnxNode("Sub", (high, low), (size,))]
    if n.a.code == "corner_size":
        return [
            *nodes,
            OnnxNode("Concat", (size, size), (name("sizes"),), axis=-1),
            OnnxNode("Mul", (moves, name("sizes")), (name("steps"),)),
            OnnxNode("Add", (priors, name("steps")), (made,)),
        ]
    return [
        *nodes,
        split(moves, name("shift"), name("growth")),
        OnnxNode("Add", (low, high), (name("twice"),)),
        OnnxNode("Div", (name("twice"), number(2.0)), (name("middle"),)),
        OnnxNode("Mul", (name("shift"), size), (name("way"),)),
        OnnxNode("Add", (name("middle"), name("way")), (name("centre"),)),
        OnnxNode("Exp", (name("growth"),), (name("factor"),)),
        OnnxNode("Mul", (name("factor"), size), (name("sides"),)),
        OnnxNode("Div", (name("sides"), number(2.0)), (name("half"),)),
        OnnxNode("Sub", (name("centre"), name("half")), (name("from"),)),
        OnnxNode("Add", (name("centre"), name("half")), (name("to"),)),
        OnnxNode("Concat", (name("from"), name("to")), (made,), axis=-1),
    ]


# --- the best of them -----------------------------------------------------------------------------

SUPPRESS = Helper(
    "_suppress",
    '''
def _suppress(
    boxes: Tensor,
    valid: Tensor,
    threshold: float,
    eta: float = 1.0,
    most: int = -1,
    strict: bool = False,
) -> Tensor:
    """Non-maximum suppression in each row of boxes, the best first: which are kept.

    A box goes if it overlaps a kept one by more than the threshold, or just as much
    where ``strict``. The threshold shrinks by ``eta`` with each box while it is above
    a half. At ``most`` so many are kept.
    """
    area = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
    places = torch.arange(boxes.shape[1], device=boxes.device)
    limit = torch.full_like(area[:, :1], threshold)
    overlap = torch.full_like(area, -1)  # with those that were kept, the most
    kept = torch.zeros_like(valid)
    left = valid
    while most != 0 and left.any():
        most -= 1
        found = left.any(1, keepdim=True)
        best = left.int().argmax(1, keepdim=True)
        kept = kept | (found & (places == best))
        box = boxes.gather(1, best[..., None].expand(-1, -1, 4))
        low = torch.maximum(box[..., :2], boxes[..., :2])
        high = torch.minimum(box[..., 2:], boxes[..., 2:])
        both = (high - low).clamp(min=0).prod(-1)
        union = area.gather(1, best) + area - both
        overlap = torch.maximum(overlap, torch.where(both > 0, both / union, 0))
        limit = torch.where(found & (limit > 0.5), limit * eta, limit)
        apart = overlap < limit if strict else overlap <= limit
        left = left & (places > best) & apart
    return kept
''',
)
"""Steps once for each box that the fullest row keeps."""


def just_below(value: float) -> float:
    """The greatest float that is less than a positive number, which has no more digits than a float."""
    [bits] = struct.unpack("i", struct.pack("f", value))
    [below] = struct.unpack("f", struct.pack("i", bits - 1))
    return float(below)


def onnx_suppress(
    boxes: str, scores: str, threshold: float, *, most: int = 2**31 - 1, least: float = LOWEST, strict: bool = False
) -> OnnxNode:
    """Non-maximum suppression of ``boxes`` (rows, K, 4) with scores (rows, 1, K) greater than ``least``.

    A box goes if it overlaps a better one by more than the threshold, or just as much where ``strict``: this is what
    Caffe's layers do too, and of equal scores the first wins. ``selected`` has rows (row, 0, box).
    """
    if strict and threshold <= 0:
        most, threshold = 1, 0.0  # no box overlaps another by less than nothing
    elif strict:
        threshold = just_below(threshold)
    limit = min(threshold, 1.0)  # no overlap is greater
    return OnnxNode(
        "NonMaxSuppression",
        (boxes, scores, Const([most]), Const([limit], "float"), Const([least], "float")),
        ("selected",),
    )


def onnx_suppress_shrinking(
    boxes: str, scores: str, threshold: float, eta: float, *, most: int, least: float
) -> list[OnnxNode]:
    """The same with a threshold that shrinks by ``eta`` with each box while it is above a half.

    ONNX's own suppression has one threshold: this looks at one place of all rows (rows, K) after another. ``left`` has
    rows (row, box).
    """
    places = Const(list(range(most)))
    turn = [
        OnnxNode("Unsqueeze", ("turn", Const([0])), ("at",)),
        OnnxNode("Gather", ("low", "at"), ("own_low",), axis=1),
        OnnxNode("Gather", ("high", "at"), ("own_high",), axis=1),
        OnnxNode("Gather", ("area", "at"), ("own_area",), axis=1),
        OnnxNode("Gather", ("is_candidate", "at"), ("is_own_candidate",), axis=1),
        OnnxNode("Max", ("low", "own_low"), ("inner_low",)),
        OnnxNode("Min", ("high", "own_high"), ("inner_high",)),
        OnnxNode("Sub", ("inner_high", "inner_low"), ("inner_sides",)),
        OnnxNode("Relu", ("inner_sides",), ("common_sides",)),
        OnnxNode("ReduceProd", ("common_sides", Const([-1])), ("common",), keepdims=0),
        OnnxNode("Add", ("area", "own_area"), ("both",)),
        OnnxNode("Sub", ("both", "common"), ("union",)),
        OnnxNode("Div", ("common", "union"), ("overlap",)),
        OnnxNode("Greater", ("overlap", "limit"), ("is_near",)),  # of two empty boxes it is no number
        OnnxNode("And", ("is_near", "kept"), ("is_rival",)),
        OnnxNode("Cast", ("is_rival",), ("rival",), to="float"),
        OnnxNode("ReduceMax", ("rival", Const([-1])), ("rivals",), keepdims=1),
        OnnxNode("Equal", ("rivals", number(0.0)), ("is_apart",)),
        OnnxNode("And", ("is_apart", "is_own_candidate"), ("stays",)),
        OnnxNode("Equal", (places, "turn"), ("is_here",)),
        OnnxNode("And", ("is_here", "stays"), ("is_new",)),
        OnnxNode("Or", ("kept", "is_new"), ("next_kept",)),
        OnnxNode("Greater", ("limit", number(0.5)), ("is_high",)),
        OnnxNode("And", ("is_high", "stays"), ("shrinks",)),
        OnnxNode("Mul", ("limit", number(eta)), ("lower_limit",)),
        OnnxNode("Where", ("shrinks", "lower_limit", "limit"), ("next_limit",)),
    ]
    body = Body({"kept": "bool", "limit": "float", "turn": "int64"}, turn, ("next_kept", "next_limit"))
    return [
        OnnxNode("Split", (boxes, Const([2, 2])), ("low", "high"), axis=-1),
        OnnxNode("Sub", ("high", "low"), ("sides",)),
        OnnxNode("ReduceProd", ("sides", Const([-1])), ("area",), keepdims=0),
        OnnxNode("Greater", (scores, number(least)), ("is_candidate",)),
        OnnxNode("Greater", (scores, scores), ("none_kept",)),  # nothing is greater than itself
        OnnxNode("Shape", (scores,), ("sizes",)),
        OnnxNode("Gather", ("sizes", Const([0])), ("row_count",), axis=0),
        OnnxNode("Concat", ("row_count", Const([1])), ("limit_sizes",), axis=0),
        OnnxNode("Expand", (number(threshold), "limit_sizes"), ("limits",)),
        OnnxNode("Scan", ("none_kept", "limits", places), ("all_kept", "last_limits"), num_scan_inputs=1, body=body),
        OnnxNode("NonZero", ("all_kept",), ("kept_at",)),
        OnnxNode("Transpose", ("kept_at",), ("left",), perm=(1, 0)),
    ]


def onnx_or_nothing(x: int) -> list[OnnxNode]:
    """The result (1, 1, rows, 7): what was ``found``, or else a row of -1 for each image of an input."""
    return [
        OnnxNode("Shape", (x,), ("input_sizes",)),
        OnnxNode("Gather", ("input_sizes", Const(0)), ("images",), axis=0),
        OnnxNode("Shape", ("found",), ("found_sizes",)),
        OnnxNode("Gather", ("found_sizes", Const(0)), ("count",), axis=0),
        OnnxNode("Equal", ("count", Const(0)), ("is_nothing",)),
        OnnxNode("Where", ("is_nothing", "images", Const(0)), ("missing",)),
        OnnxNode("Range", (Const(0), "missing", Const(1)), ("numbers",)),
        OnnxNode("Cast", ("numbers",), ("names",), to="float"),
        OnnxNode("Unsqueeze", ("names", Const([1])), ("heads",)),
        OnnxNode("Pad", ("heads", Const([0, 0, 0, 6]), number(-1.0)), ("nothing",), mode="constant"),
        OnnxNode("Concat", ("found", "nothing"), ("rows",), axis=0),
        OnnxNode("Unsqueeze", ("rows", Const([0, 1]))),
    ]
