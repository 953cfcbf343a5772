"""What a net is given: the shapes of what layers of data make, as far as the text says them."""

from __future__ import annotations

from collections.abc import Callable

from netgen.formats.message import Message, get
from netgen.ir.graph import UNKNOWN, Shape

COLOURS = 3
"""How many channels images are taken to have where only their height and width are said."""


def data_shapes(layer: Message, tops: int) -> list[Shape] | None:
    """The shapes of the tops of a layer of data, ``UNKNOWN`` where the data alone would tell; None for other layers."""
    found = _SOURCES.get(get(layer, "type"))
    if found is None:
        return None
    shapes = found(layer)
    return [*shapes, *[UNKNOWN] * tops][:tops]


def _transformed(layer: Message, batch: int | None, crop: int | None, channels: int | None = None) -> Shape:
    """Images as the transformation leaves them: a crop is what tells their size."""
    transform: Message = get(layer, "transform_param", [])
    crop = get(transform, "crop_size", 0) or crop
    if not batch or not crop:
        return UNKNOWN
    gray = get(transform, "force_gray", False) is True
    return batch, channels or (1 if gray else COLOURS), crop, crop


def _images(param: str) -> Callable[[Message], list[Shape]]:
    """The rule for layers that read images and labels in batches."""

    def rule(layer: Message) -> list[Shape]:
        said: Message = get(layer, param, [])
        batch = get(said, "batch_size")
        crop = get(said, "crop_size")
        images = _transformed(layer, batch, crop)
        size = get(said, "new_height"), get(said, "new_width")
        if images is UNKNOWN and batch and all(size):
            images = (batch, COLOURS if get(said, "is_color", True) else 1, *size)
        return [images, (batch,) if batch else UNKNOWN]

    return rule


def _memory(layer: Message) -> list[Shape]:
    said: Message = get(layer, "memory_data_param", [])
    shape = tuple(get(said, field) for field in ("batch_size", "channels", "height", "width"))
    if not all(shape):
        return []
    crop = get(get(layer, "transform_param", []), "crop_size", 0)
    return [(*shape[:2], crop, crop) if crop else shape, (shape[0],)]


def _annotated(layer: Message) -> list[Shape]:
    """SSD's images; its boxes are as many as there are."""
    transform: Message = get(layer, "transform_param", [])
    size: Message = get(transform, "resize_param", [])
    batch, height, width = get(get(layer, "data_param", []), "batch_size"), get(size, "height"), get(size, "width")
    return [(batch, COLOURS, height, width)] if batch and height and width else []


_SOURCES: dict[str, Callable[[Message], list[Shape]]] = {
    "Data": _images("data_param"),
    "ImageData": _images("image_data_param"),
    "WindowData": _images("window_data_param"),
    "MemoryData": _memory,
    "AnnotatedData": _annotated,
    "HDF5Data": lambda layer: [],
}
"""The layers that bring data into a net, and what is known of what they bring."""
