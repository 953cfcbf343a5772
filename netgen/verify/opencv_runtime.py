"""OpenCV 4, which reads the prototxt and the caffemodel that netgen writes for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from netgen.diag.noise import captured
from netgen.verify.runtime import Runtime, ValueKey, Watcher

if TYPE_CHECKING:
    from netgen.verify.caffe_files import CaffeFiles, Place
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
        net = _read(files, as_it_comes=self.as_it_comes)
        for name, value in zip(files.inputs, inputs, strict=True):
            net.setInput(value, name)
        outputs = {(value.node.name, value.index) for value in subject.graph.outputs}
        places = _called(net, files)
        keys = [key for key in places if watcher.wants(key) and (key in outputs or not self.only_outputs)]
        for group in _groups(subject, places, keys):
            _show(net, places, group, watcher)


class OpenCvAsItComes(OpenCv):
    """As programs use it: layers joined, sums made the fastest way."""

    name = "opencv-fused"
    about = "OpenCV 4 as it comes, layers fused: outputs only"
    only_outputs = True
    as_it_comes = True


class OpenCvError(Exception):
    """What OpenCV says, without the place in its sources."""


def _read(files: CaffeFiles, *, as_it_comes: bool) -> Any:
    import cv2

    try:
        with captured() as noise:
            net = cv2.dnn.readNetFromCaffe(files.prototxt, files.caffemodel)
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


def _called(net: Any, files: CaffeFiles) -> dict[ValueKey, Place]:
    """The places of values by what OpenCV calls the layers: a convolution by its top. Inputs are no layers to it."""
    layers = frozenset(net.getLayerNames())
    found = {}
    for key, (layer, at) in files.places.items():
        name = layer if layer in layers else files.tops[layer, at]
        if name in layers:
            found[key] = name, at
    return found


MOST = 1 << 26
"""How many numbers are asked for in one run: OpenCV holds all of them at once."""


def _groups(subject: Subject, places: Mapping[ValueKey, Place], keys: Sequence[ValueKey]) -> list[list[ValueKey]]:
    """The values in groups of at most so many numbers; a network is computed once for each.

    Of a layer that is asked for OpenCV keeps the first top alone: the others are overwritten by who works in place
    behind it, and so are asked for alone, when nothing behind is computed.
    """
    from math import prod

    shapes = {(node.name, at): shape for node in subject.graph.nodes for at, shape in enumerate(node.y)}
    groups: list[list[ValueKey]] = [[key] for key in keys if places[key][1]]
    groups.append([])
    total = 0
    for key in keys:
        if places[key][1]:
            continue
        size = prod(shapes[key])
        if total + size > MOST and groups[-1]:
            groups.append([])
            total = 0
        groups[-1].append(key)
        total += size
    return groups


def _show(net: Any, places: Mapping[ValueKey, Place], keys: Sequence[ValueKey], watcher: Watcher) -> None:
    import numpy as np

    layers = list(dict.fromkeys(places[key][0] for key in keys))
    if not layers:
        return
    import cv2

    try:
        made = dict(zip(layers, net.forwardAndRetrieve(layers), strict=True))
    except cv2.error as error:
        raise OpenCvError(_said(error)) from None
    for key in keys:
        layer, at = places[key]
        if at < len(made[layer]):
            watcher.see(key, np.asarray(made[layer][at]))


RUNTIMES = (OpenCv(), OpenCvAsItComes())
