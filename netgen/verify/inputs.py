"""What goes into the network: arrays that the user gives, of files or in memory, and numbers by chance for the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netgen.diag import Diagnostic, NetgenError, did_you_mean
from netgen.formats.files import not_read, of_file
from netgen.ir.graph import Graph, Shape, Value
from netgen.ir.text import shape_text, value_name
from netgen.passes.resize import with_batch, with_inputs
from netgen.verify.random_inputs import random_inputs

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

ARRAYS = (".npy", ".npz")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff")
FILES = (*ARRAYS, *IMAGES)
"""How the names of files end that ``--input`` takes."""
MAX_FILE = 4 << 30
"""How large such a file may be, in bytes."""


def prepare(
    graph: Graph, given: Mapping[str, Array], *, batch: int | None = None, seed: int = 0
) -> tuple[Graph, list[Array]]:
    """The network and an array for each of its inputs, where the user gives some; the others are by chance.

    A batch, or a size, that is not the network's own makes it the network for that shape, if its layers allow it.
    Raises ``NetgenError`` where there is no such input, or where its array is none that the network can take.
    """
    inputs = {value_name(value): value for value in graph.inputs}
    for name in given:
        if name not in inputs:
            hint = did_you_mean(name, inputs) or (f"there are {', '.join(inputs)}" if inputs else "")
            raise NetgenError([Diagnostic("NG701", f"the net has no input `{name}`", hint=hint)])
    arrays = {name: _numbers(inputs[name], array) for name, array in given.items()}
    sizes = {len(array) for array in arrays.values() if array.ndim}
    if batch is None and len(sizes) == 1 and all(_differs_in_batch(inputs[name], arrays[name]) for name in arrays):
        batch = sizes.pop()
    for name, array in arrays.items():
        if batch is not None and array.shape[:1] != (batch,):
            raise NetgenError([_another_batch(inputs[name], array.shape, batch)])
    if batch is not None and any(value.shape[:1] != (batch,) for value in graph.inputs):
        graph = with_batch(graph, batch)
    shapes = {value_name(value): value.shape for value in graph.inputs}
    others = {name: array.shape for name, array in arrays.items() if array.shape != shapes[name]}
    if others:
        graph = _for_arrays(graph, inputs, others)
    if len(arrays) < len(graph.inputs):
        arrays = {**random_inputs(graph, seed), **arrays}
    return graph, [arrays[value_name(value)] for value in graph.inputs]


def for_shapes(graph: Graph, shapes: Mapping[str, Shape]) -> Graph:
    """The network for inputs of other shapes; raises ``NetgenError`` where that would need other weights."""
    grown = with_inputs(graph, shapes)
    for node, other in zip(graph.nodes, grown.nodes, strict=True):
        for have, wanted in zip(node.params, other.params, strict=True):
            if have.shape != wanted.shape:
                given = ", ".join(f"{name}={shape_text(shape)}" for name, shape in shapes.items())
                label = f"layer `{node.name}` has a {have.name} of {shape_text(have.shape)}; this takes "
                label += shape_text(wanted.shape)
                raise NetgenError([Diagnostic("NG702", f"the net does not take {given}", node.span, label)])
    return grown


def _for_arrays(graph: Graph, inputs: Mapping[str, Value], shapes: Mapping[str, Shape]) -> Graph:
    """The network for arrays of other shapes; where that cannot be, an array may only be laid out otherwise."""
    try:
        return for_shapes(graph, shapes)
    except NetgenError:
        turned = [_misshapen(inputs[name], shape) for name, shape in shapes.items() if _order(inputs[name], shape)]
        if not turned:
            raise
        raise NetgenError(turned) from None


def _differs_in_batch(value: Value, array: Array) -> bool:
    """Whether an array is for the input but for how many images it has."""
    return array.ndim == len(value.shape) > 0 and array.shape[1:] == value.shape[1:] and len(array) != value.shape[0]


def _numbers(value: Value, array: Array) -> Array:
    """An array as float32, with the axes that the input has; raises ``NetgenError`` where it is no such array."""
    import numpy as np

    array = np.asarray(array)
    name = value_name(value)
    if array.dtype.kind not in "fiub":
        label = f"its numbers are of the type {array.dtype}; an input takes float32, or what becomes that"
        raise NetgenError([Diagnostic("NG705", f"not an array for the input `{name}`", label=label)])
    if array.ndim == len(value.shape) - 1 and value.shape[0] == 1 and array.shape[:1] == value.shape[1:2]:
        array = array[None]  # one image, without the axis of the batch
    if array.ndim != len(value.shape) or 0 in array.shape:
        raise NetgenError([_misshapen(value, array.shape)])
    given = array
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, np.float32)
    strange = array.size - int(np.isfinite(array).sum())
    if strange:
        at = tuple(int(each) for each in np.argwhere(~np.isfinite(array))[0])
        are = "are too large for float32" if np.isfinite(given[at]) else "are not finite"
        label = f"{strange:,} of {array.size:,} numbers {are}, the first is {given[at]} at {list(at)}"
        raise NetgenError([Diagnostic("NG705", f"not an array for the input `{name}`", label=label)])
    return array


def _misshapen(value: Value, shape: Shape) -> Diagnostic:
    label = f"the array is {shape_text(shape)}, the input `{value_name(value)}` {shape_text(value.shape)}"
    hint = ""
    if order := _order(value, shape):
        hint = f"channels come first, as Caffe has them: {order}"
    elif len(shape) == len(value.shape) - 1:
        hint = f"the first axis is the batch: array[None] is one image of {shape_text((1, *shape))}"
    return Diagnostic("NG702", "the net does not take this input", value.node.span, label, hint=hint)


def _order(value: Value, shape: Shape) -> str:
    """How to turn an array of images whose channels stand last; nothing where they do not."""
    if len(value.shape) != 4 or len(shape) not in (3, 4) or not shape[-1] == value.shape[1] != shape[-3]:
        return ""
    turned = (*shape[:-3], shape[-1], *shape[-3:-1])
    return f"array.transpose({'0, 3, 1, 2' if len(shape) == 4 else '2, 0, 1'}) is {shape_text(turned)}"


def _another_batch(value: Value, shape: Shape, batch: int) -> Diagnostic:
    label = f"the array for `{value_name(value)}` is {shape_text(shape)}; a batch of {batch} is asked for"
    hint = "leave the batch out: the array says how many there are"
    return Diagnostic("NG702", "the net does not take this input", value.node.span, label, hint=hint)


# --- files ----------------------------------------------------------------------------------------


class Picture:
    """How a picture becomes numbers of an input: (pixel - mean) * scale, in the order B, G, R or R, G, B."""

    __slots__ = ("mean", "rgb", "scale")

    def __init__(self, mean: Sequence[float] = (), scale: float | None = None, rgb: bool = False) -> None:
        self.mean = tuple(mean)
        self.scale = scale
        self.rgb = rgb


def read_inputs(graph: Graph, given: Sequence[tuple[str, str]], picture: Picture | None = None) -> dict[str, Array]:
    """The arrays of files, by the names of inputs. A file without a name is for the first input that has none yet.

    An ``.npz`` without a name has the names in it, if they are those of inputs.
    """
    names = [value_name(value) for value in graph.inputs]
    shapes = {value_name(value): value.shape for value in graph.inputs}
    found: dict[str, Array] = {}
    for name, path in sorted(given, key=lambda each: not each[0]):
        if name and name not in names:
            hint = did_you_mean(name, names) or (f"there are {', '.join(names)}" if names else "")
            raise NetgenError([Diagnostic("NG701", f"the net has no input `{name}`", hint=hint)])
        arrays = _read(path, shapes.get(name or (names[0] if names else ""), ()), picture or Picture())
        if (not name and len(arrays) > 1) or set(arrays) & set(names):
            found.update(arrays)
            continue
        if len(arrays) > 1:
            raise NetgenError([_several(path, list(arrays))])
        free = [each for each in names if each not in found]
        if not name and not free:
            raise NetgenError([Diagnostic("NG701", f"no input is left for {path}: the net has {len(names)}")])
        found[name or free[0]] = next(iter(arrays.values()))
    return found


def is_picture(path: str) -> bool:
    """Whether a file is a picture, by its name."""
    return path.lower().endswith(IMAGES)


def _several(path: str, names: list[str]) -> Diagnostic:
    said = ", ".join(f"`{name}`" for name in names[:6])
    return of_file("NG705", "not an array for an input", path, f"it has {len(names)} arrays: {said}", "give it one")


def _read(path: str, shape: Shape, picture: Picture) -> dict[str, Array]:
    """The arrays of a file by the names that it has for them; a file of one array has none."""
    try:
        size = os.path.getsize(path)
    except OSError as error:
        raise not_read(path, FILES, error) from None
    if size > MAX_FILE:
        raise NetgenError([of_file("NG518", "too large", path, f"{size:,} bytes, the most is {MAX_FILE:,}")])
    if is_picture(path):
        return {"": _read_picture(path, shape, picture)}
    return _read_arrays(path)


def _read_arrays(path: str) -> dict[str, Array]:
    import numpy as np

    try:
        read = np.load(path, allow_pickle=False)
        if isinstance(read, np.ndarray):
            return {"": read}
        with read:
            arrays = {name: read[name] for name in read.files}
    except OSError as error:
        if error.errno is not None:
            raise not_read(path, FILES, error) from None
        raise NetgenError([_no_array(path)]) from None
    except Exception:  # numpy and zipfile throw what comes up first in a file that is none of theirs
        raise NetgenError([_no_array(path)]) from None
    if not arrays:
        raise NetgenError([of_file("NG705", "not an array for an input", path, "there is no array in it")])
    return arrays if len(arrays) > 1 else {"" if name == "arr_0" else name: each for name, each in arrays.items()}


def _no_array(path: str) -> Diagnostic:
    label = "it is no array of numbers that numpy can read"
    hint = "np.save(path, array) writes one; files with pickled objects in them are not read"
    if not path.lower().endswith(ARRAYS):
        label = f"its name ends neither as that of an array ({', '.join(ARRAYS)}) nor as that of a picture"
        hint = f"pictures are {', '.join(IMAGES)}"
    return of_file("NG705", "not an array for an input", path, label, hint)


def _read_picture(path: str, shape: Shape, picture: Picture) -> Array:
    """A picture as Caffe takes it: channels first, B, G, R, at the size of the input.

    Without a mean and a scale its numbers lie between -1 and 1.
    """
    import numpy as np

    try:
        import cv2
    except ImportError:
        label = "it takes the package `cv2`, which is not installed"
        raise NetgenError(
            [of_file("NG608", "a package is missing", path, label, "pip install 'netgen[verify]'")]
        ) from None
    if len(shape) != 4 or shape[1] not in (1, 3):
        label = f"a picture has 1 or 3 channels; the input takes {shape_text(shape)}"
        raise NetgenError([of_file("NG702", "the net does not take this input", path, label)])
    with open(path, "rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    read = cv2.imdecode(data, cv2.IMREAD_COLOR if shape[1] == 3 else cv2.IMREAD_GRAYSCALE) if data.size else None
    if read is None:
        raise NetgenError(
            [of_file("NG705", "not an array for an input", path, "it is no picture that OpenCV can read")]
        )
    scaled = cv2.resize(read, (shape[3], shape[2]), interpolation=cv2.INTER_AREA).reshape(shape[2], shape[3], -1)
    pixels = scaled[:, :, ::-1] if picture.rgb else scaled
    unit = not picture.mean and picture.scale is None
    mean, scale = ((127.5,), 1 / 127.5) if unit else (picture.mean or (0.0,), picture.scale or 1.0)
    if len(mean) not in (1, shape[1]):
        raise NetgenError(
            [of_file("NG705", "not an array for an input", path, f"{len(mean)} means for {shape[1]} channels")]
        )
    numbers = (pixels.astype(np.float32) - np.asarray(mean, np.float32)) * np.float32(scale)
    return np.ascontiguousarray(numbers.transpose(2, 0, 1)[None])
