"""The targets: a folder for each, which turns a graph into text. Pure: nothing here touches a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netgen.ir.graph import Graph


class Target:
    """One thing that a graph can be turned into. ``emit`` raises ``NetgenError`` with all that it cannot say."""

    __slots__ = ("about", "emit", "suffix")

    def __init__(self, suffix: str, about: str, emit: Callable[[Graph], str]) -> None:
        self.suffix = suffix
        """How the names of its files end."""
        self.about = about
        self.emit = emit


def _prototxt(graph: Graph) -> str:
    from netgen.emit import caffe

    return caffe.emit(graph)


def _torch(graph: Graph) -> str:
    from netgen.emit import torch

    return torch.emit(graph).source


def _net(graph: Graph) -> str:
    from netgen.emit import net

    return net.emit(graph)


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "prototxt": Target(".prototxt", "Caffe's text", _prototxt),
        "torch": Target(".py", "a Python file with a PyTorch module", _torch),
        "net": Target(".net", "a program in netgen's own language", _net),
    }
)
"""By the names that ``--target`` knows. An emitter is imported when it is first used."""

ARRAYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "caffemodel": (".caffemodel", "the weights for Caffe"),
        "state_dict": (".pth", "the weights for the PyTorch module, as safetensors if the file's name ends so"),
        "safetensors": (".safetensors", "the same as safetensors"),
    }
)
"""What ``--target`` knows besides, made of a net's weights: how the names of the files end, and what they are."""

MODELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"onnx": (".onnx", "an ONNX model; with --weights it has them, else its parameters are inputs")}
)
"""What it knows that is network and weights in one file, likewise. Without weights it is the structure alone."""

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        **{name: target.suffix for name, target in TARGETS.items()},
        **{name: suffix for name, (suffix, _) in (*MODELS.items(), *ARRAYS.items())},
    }
)
"""How the names of the files of each end."""

ABOUT: Mapping[str, str] = MappingProxyType(
    {
        **{name: target.about for name, target in TARGETS.items()},
        **{name: about for name, (_, about) in (*MODELS.items(), *ARRAYS.items())},
    }
)
"""All that ``--target`` knows, and what each is."""

DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "bvlc-1.0": "BVLC's Caffe 1.0 of 2017: no Clip, no Swish, no round_mode",
        "bvlc": "BVLC's Caffe, master",
        "ssd": "Caffe's SSD branch: 1.0 with Permute, Normalize, PriorBox, DetectionOutput",
        "opencv4": "OpenCV 4, readNetFromCaffe",
        "ncnn": "ncnn, by caffe2ncnn",
        "mnn": "MNN, by MNNConvert",
        "ascend": "Huawei Ascend, by ATC",
        "nnie": "HiSilicon NNIE, by nnie_mapper: Caffe 1.0, what is foreign as Custom or Proposal",
        "sophgo": "Sophgo's TPUs, by tpu-mlir",
        "rknn": "Rockchip, by the RKNN toolkit",
    }
)
"""Who takes Caffe's text, by the names that ``--dialect`` knows. What each takes is in ``emit.caffe.dialects``."""
