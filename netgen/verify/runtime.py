"""What a runtime declares: something that computes a network and shows what it computes on the way.

A runtime is one class in a module of this folder that ``runtimes.py`` lists. It is told a ``Subject`` (the network, its
weights, and the files that are made of both), inputs, and a ``Watcher``, to which it hands each value as soon as it
has it: nothing keeps the values of a whole network unless the runtime itself has to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np

    from netgen.verify.subject import Subject

    Array = np.ndarray[Any, np.dtype[Any]]

ValueKey = tuple[str, int]
"""What a value is known by: the name of the node that makes it, and which of its outputs it is."""

FLOAT32 = 1e-4
"""How far results in float32 may lie apart, as a part of the largest number of a value.

Sums are made in another order in each runtime, which costs about 1e-7 a layer, and layers pass it on.
"""

STEP = 2e-5
"""How far one layer may be off that was fed the same numbers, in float32: sums of thousands in another order."""


class Watcher(Protocol):
    """Who looks at the values of a run."""

    def wants(self, key: ValueKey) -> bool:
        """Whether a value would be looked at. A runtime that can leave out the others may do so."""

    def see(self, key: ValueKey, value: Array) -> None:
        """Look at a value. The array is not kept, unless it is copied: its memory may be used again."""


class Runtime(ABC):
    """Something that computes networks. Subclasses are made without arguments, once."""

    name: ClassVar[str]
    """What ``--against`` calls it, and the table."""
    family: ClassVar[str]
    """The program that it is: ``torch`` of ``torch-cuda-fp16``. ``--against`` takes a whole family too."""
    about: ClassVar[str]
    """What it is, in a few words."""
    extra: ClassVar[str]
    """The extra of netgen that installs it: ``pip install 'netgen[EXTRA]'``."""
    device: ClassVar[str] = "cpu"
    """Where it computes: ``cpu`` or ``cuda``."""
    bound: ClassVar[float] = FLOAT32
    """How far a value may be off, as a part of its largest number: what rounding explains, and no more."""
    bound_reason: ClassVar[str] = "float32: sums in another order"
    """Why that is the bound, in a few words. It is printed; a bound is never loosened to let a network pass."""
    step: ClassVar[float] = STEP
    """How far one layer may be off that was fed the same numbers: it tells layers that compute something else from
    those that pass on what came before."""
    only_outputs: ClassVar[bool] = False
    """Whether it shows what comes out of the network only, as one that joins layers does."""
    slow: ClassVar[str] = ""
    """Why it is left out unless it is asked for; empty for one that always takes part."""

    @abstractmethod
    def missing(self) -> str | None:
        """Why it cannot run here, in the words of a diagnostic's label; None if it can.

        Such as "the package `onnxruntime` is not installed" or "there is no CUDA device". It must be cheap: a package
        is looked for, not imported, where that will do.
        """

    @abstractmethod
    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        """Compute the network and show the watcher each value that it wants and that this runtime can show.

        ``inputs`` are float32, in the order of ``subject.graph.inputs`` and of their shapes. Values go out as numpy
        arrays in the graph's own shape and order of axes, whatever the runtime has inside, and as float32 (integers
        may stay integers). The order of values does not matter. Raise ``NetgenError`` where the network cannot be said
        for this runtime (the emitters do that), and let whatever the runtime itself throws pass: both become a row of
        the table.
        """
