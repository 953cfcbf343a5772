"""OpenCV 4, which reads the prototxt and the caffemodel that netgen writes for it.

It runs in a process of its own: what it is not made for it does not always refuse, and may crash on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from netgen.diag.noise import captured
from netgen.verify import apart
from netgen.verify.apart import Job
from netgen.verify.runtime import Runtime, Watcher

if TYPE_CHECKING:
    from netgen.verify.runtime import Array
    from netgen.verify.subject import Subject


class OpenCv(Runtime):
    """Layer by layer: every layer as the prototxt has it, none joined with others, sums made the plain way."""

    name = "opencv"
    family = "opencv"
    about = "OpenCV 4 on the prototxt and the caffemodel, layer by layer"
    extra = "verify"
    as_it_comes = False

    def missing(self) -> str | None:
        if find_spec("cv2") is None:
            return "the package `cv2` is not installed"
        import cv2

        if not hasattr(cv2, "dnn") or not hasattr(cv2.dnn, "readNetFromCaffe"):
            return f"OpenCV {cv2.__version__} cannot read Caffe's files any more: 4.x can"
        return None

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        files = subject.caffe("opencv4")
        outputs = {(value.node.name, value.index) for value in subject.graph.outputs}
        keys = [key for key in files.places if watcher.wants(key) and (key in outputs or not self.only_outputs)]
        sizes = {(node.name, at): prod(shape) for node in subject.graph.nodes for at, shape in enumerate(node.y)}
        job = {
            "prototxt": files.prototxt,
            "caffemodel": files.caffemodel,
            "inputs": list(files.inputs),
            "asked": [Asked(*files.places[key], files.tops[files.places[key]], sizes[key]) for key in keys],
            "as it comes": self.as_it_comes,
        }
        for at, value in apart.compute("netgen.verify.opencv_runtime:values", job, inputs):
            watcher.see(keys[at], value)


class OpenCvAsItComes(OpenCv):
    """As programs use it: layers joined, sums made the fastest way."""

    name = "opencv-fused"
    about = "OpenCV 4 as it comes, layers fused: outputs only"
    only_outputs = True
    as_it_comes = True


RUNTIMES = (OpenCv(), OpenCvAsItComes())


# --- in a process of its own ----------------------------------------------------------------------

MOST = 1 << 26
"""How many numbers are asked for in one run: OpenCV holds all of them at once."""


class Asked(NamedTuple):
    """A value by its layer, which of the layer's tops it is, the name of that blob, and how many numbers it has."""

    layer: str
    at: int
    top: str
    size: int


class OpenCvError(Exception):
    """What OpenCV says, without the place in its sources."""


def values(job: Job, inputs: Sequence[Array]) -> Iterator[tuple[int, Array]]:
    """What OpenCV makes of a prototxt and a caffemodel, for each value that is asked for and that it has."""
    net = _read(job["prototxt"], job["caffemodel"], as_it_comes=job["as it comes"])
    for name, value in zip(job["inputs"], inputs, strict=True):
        net.setInput(value, name)
    asked = dict(_known(net, [Asked(*each) for each in job["asked"]]))
    for group in _groups(asked):
        yield from _made(net, {at: asked[at] for at in group})


def _read(prototxt: str, caffemodel: str, *, as_it_comes: bool) -> Any:
    import cv2

    try:
        with captured() as noise:
            net = cv2.dnn.readNetFromCaffe(prototxt, caffemodel)
    except cv2.error as error:
        more = noise.text.splitlines()[0] if noise.text else ""
        raise OpenCvError("; ".join(filter(None, (_said(error), more)))) from None
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    if not as_it_comes:
        net.enableFusion(False)
        if hasattr(net, "enableWinograd"):
            net.enableWinograd(False)
    return net


def _said(error: Any) -> str:
    """What an exception of OpenCV says, and where it comes from."""
    return f"{error.err}, in {error.func}"


def _known(net: Any, asked: Sequence[Asked]) -> Iterator[tuple[int, Asked]]:
    """Those that OpenCV has, with its name of the layer: a convolution's is its top. Inputs are no layers."""
    layers = frozenset(net.getLayerNames())
    for at, each in enumerate(asked):
        name = each.layer if each.layer in layers else each.top
        if name in layers:
            yield at, each._replace(layer=name)


def _groups(asked: Mapping[int, Asked]) -> list[list[int]]:
    """The values in groups of at most so many numbers; a network is computed once for each.

    Of a layer that is asked for OpenCV keeps the first top alone: the others are overwritten by who works in place
    behind it, and so are asked for alone, when nothing behind is computed.
    """
    groups: list[list[int]] = [[number] for number, each in asked.items() if each.at]
    groups.append([])
    total = 0
    for number, each in asked.items():
        if each.at:
            continue
        if total + each.size > MOST and groups[-1]:
            groups.append([])
            total = 0
        groups[-1].append(number)
        total += each.size
    return groups


def _made(net: Any, asked: Mapping[int, Asked]) -> Iterator[tuple[int, Array]]:
    import cv2
    import numpy as np

    layers = list(dict.fromkeys(each.layer for each in asked.values()))
    if not layers:
        return
    try:
        made = dict(zip(layers, net.forwardAndRetrieve(layers), strict=True))
    except cv2.error as error:
        raise OpenCvError(_said(error)) from None
    for number, each in asked.items():
        if each.at < len(made[each.layer]):
            yield number, np.asarray(made[each.layer][each.at])
