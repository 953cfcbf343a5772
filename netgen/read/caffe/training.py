"""What ``param`` messages say of a layer's weights: multipliers, and which are shared."""

from __future__ import annotations

from netgen.formats.message import Message, get, get_all
from netgen.ir.graph import Node


def read_params(node: Node, layer: Message) -> None:
    """Set the arguments of a node that a layer's ``param`` messages mean."""
    said: list[Message] = get_all(layer, "param")
    learned = [param.name for param in node.params if param.learned]
    if not said or not learned:
        return
    order, _ = node.op.caffe_blobs(node, layer)
    by_blob = dict(zip(order, said, strict=False))
    messages = [by_blob.get(name, []) for name in learned]
    for field in ("lr_mult", "decay_mult"):
        given = [get(message, field, 1.0) for message in messages]
        if any(isinstance(each, str) for each in given):  # a placeholder, which the reader has warned of
            continue
        values = tuple(map(float, given))
        if field in node.a and any(get(message, field) is not None for message in messages):
            node.a[field] = values[:1] if len(set(values)) == 1 else values
    names = tuple(get(message, "name", "") for message in messages)
    if "share" in node.a and any(names):
        node.a["share"] = names if len(names) > 1 else (*names, "")  # a lone name would be that of a set
