"""netgen: convolutional networks written once, compiled to Caffe, PyTorch and ONNX.

>>> net = netgen.compile("examples/peleenet.net", growth=48)
>>> net.to_prototxt(), net.torch_source(), net.to_torch()
>>> net.load_weights("peleenet.pth"), net.save_caffemodel("peleenet.caffemodel"), net.verify()

>>> net = netgen.load("deploy.prototxt", weights="net.caffemodel")
>>> net.save_onnx("net.onnx", dynamic="batch"), net.summary(), net.draw("net.html")

``help(netgen.Net)`` has all that a net can do; bad input raises ``NetgenError``, whose text is the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netgen.api import Layer, Net, Shapes, check, compile, format, load  # noqa: A004
    from netgen.diag import Diagnostic, NetgenError

__version__ = "0.3.0"

__all__ = ["Diagnostic", "Layer", "Net", "NetgenError", "Shapes", "__version__", "check", "compile", "format", "load"]


def __getattr__(name: str) -> object:
    """The public names, loaded with the compiler when one is first asked for: the command line starts without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from netgen import api

    for each in __all__:
        if each != "__version__":
            globals()[each] = getattr(api, each)
    return globals()[name]


def __dir__() -> list[str]:
    return __all__
