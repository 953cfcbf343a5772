"""What is to be measured, and how."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, TypedDict

Half = Literal["fp16", "bf16"]
RUNTIMES = ("torch", "onnxruntime")


class Options(TypedDict, total=False):
    """The options of ``Net.bench``, which ``Settings`` explains."""

    device: str
    batch: tuple[int, ...]
    runs: int | None
    seconds: float
    warmup: int | None
    threads: int | None
    compile: bool
    channels_last: bool
    half: Half | None
    cuda_graph: bool
    against: tuple[str, ...]
    top: int


@dataclass(frozen=True)
class Settings:
    """How a network is measured. Raises ``ValueError`` where that makes no sense."""

    device: str = "cpu"
    """``cpu``, ``cuda``, ``cuda:1`` …"""
    batch: tuple[int, ...] = ()
    """How many images at once, each in turn; by default as many as the network itself takes."""
    runs: int | None = None
    """How many runs are measured; by default as many as ``seconds`` hold."""
    seconds: float = 3.0
    """How long one figure is measured, unless ``runs`` says it."""
    warmup: int | None = None
    """How many runs come before, unmeasured; by default some, for a tenth of ``seconds``."""
    threads: int | None = None
    """How many threads compute on the CPU; by default as many as PyTorch takes."""
    compile: bool = False
    """Whether ``torch.compile`` makes the module fast first."""
    channels_last: bool = False
    """Whether images lie in memory with their channels last."""
    half: Half | None = None
    """Autocast to float16 or bfloat16."""
    cuda_graph: bool = False
    """Whether the run is recorded once as a CUDA graph and then replayed."""
    against: tuple[str, ...] = ("torch",)
    """The runtimes that are measured: ``torch`` and its peers."""
    top: int = 10
    """How many layers are listed with their share of the time; 0 for none."""

    def __post_init__(self) -> None:
        for name in ("runs", "threads"):
            _at_least(1, name, getattr(self, name))
        for name in ("warmup", "top"):
            _at_least(0, name, getattr(self, name))
        for batch in self.batch:
            _at_least(1, "batch", batch)
        if not 0 < self.seconds <= 3600:
            raise ValueError(f"seconds is between 0 and 3600, not {self.seconds:g}")
        if self.half not in (None, "fp16", "bf16"):
            raise ValueError(f"half is fp16 or bf16, not {self.half}")
        if unknown := [name for name in self.against if name not in RUNTIMES]:
            raise ValueError(f"no runtime `{unknown[0]}` to measure; there are {', '.join(RUNTIMES)}")
        if self.cuda_graph and not self.on_cuda:
            raise ValueError(f"CUDA graphs are for device cuda, not for {self.device}")

    @property
    def on_cuda(self) -> bool:
        return self.device.startswith("cuda")

    def data(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)


def _at_least(least: int, name: str, value: int | None) -> None:
    if value is not None and value < least:
        raise ValueError(f"{name} is {least} or more, not {value}")
