"""A report as tables for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netgen.diag.columns import aligned
from netgen.ir.text import shape_text

if TYPE_CHECKING:
    from netgen.bench.report import Report, Row

_HEAD = ("runtime", "batch", "median", "p10", "p90", "images/s", "MACs/s", "memory")


def show(report: Report, *, markdown: bool) -> str:
    """The machine, a line for each runtime and batch, the layers that take longest."""
    parts = [
        ("\n\n" if markdown else "\n").join(_about(report)),
        _figures(report, markdown),
        *_layers(report, markdown),
    ]
    return "\n\n".join(part for part in parts if part)


def _about(report: Report) -> list[str]:
    inputs = ", ".join(f"{name} {shape_text(shape)}" for name, shape in report.inputs.items())
    counts = f"{report.parameters:,} parameters, {metric(report.macs)} MACs an image"
    on = ", ".join([report.machine.device, _threads(report.machine.threads), *report.machine.software])
    return [f"{report.net} ({inputs}): {counts}", on, _manner(report)]


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def _manner(report: Report) -> str:
    """How PyTorch ran, in words."""
    settings = report.settings
    numbers = {None: "float32", "fp16": "autocast to float16", "bf16": "autocast to bfloat16"}[settings.half]
    words = [numbers]
    if settings.on_cuda and settings.half is None:
        words[0] += " (TF32 as PyTorch has it: in convolutions)"
    words += ["channels last"] * settings.channels_last
    words += ["torch.compile"] * settings.compile + ["CUDA graph"] * settings.cuda_graph
    return "torch: " + ", ".join(words)


def _figures(report: Report, markdown: bool) -> str:
    rows = [_HEAD, *(_figure(row) for row in report.rows if not row.error)]
    faults = [f"{row.runtime}, batch {row.batch}: {row.error}" for row in report.rows if row.error]
    table = _table(rows, words=1, markdown=markdown) if len(rows) > 1 else ""
    return "\n\n".join(filter(None, [table, "\n".join(faults)]))


def _figure(row: Row) -> tuple[str, ...]:
    memory = "" if row.memory is None else f"{metric(row.memory)}B"
    times = (duration(row.median), duration(row.p10), duration(row.p90))
    return row.runtime, str(row.batch), *times, digits(row.images_per_second), metric(row.macs_per_second), memory


def _layers(report: Report, markdown: bool) -> list[str]:
    """The layers that take longest at the largest batch, with their share at each; and the same by operator."""
    measured = [row for row in report.rows if row.layers]
    if not measured:
        return []
    shares = [{layer.name: layer.share for layer in row.layers} for row in measured]
    operators = {layer.name: layer.operator for row in measured for layer in row.layers}
    last = measured[-1].layers
    top = last[: report.settings.top]
    heads = [f"batch {row.batch}" for row in measured]
    rows = [
        ("layer", "operator", *heads, "time", "MACs/s"),
        *(
            (layer.name, layer.operator, *(percent(share.get(layer.name, 0.0)) for share in shares),
             duration(layer.seconds), metric(layer.macs_per_second) if layer.macs else "")
            for layer in top
        ),
    ]  # fmt: skip
    if rest := last[report.settings.top :]:
        others = (percent(1 - sum(share.get(layer.name, 0.0) for layer in top)) for share in shares)
        rows.append((f"{len(rest):,} others", "", *others, duration(sum(layer.seconds for layer in rest)), ""))
    kinds = [("operator", *heads), *_by_operator(shares, operators, report.settings.top)]
    return [_table(rows, words=2, markdown=markdown), _table(kinds, words=1, markdown=markdown)]


def _by_operator(shares: Sequence[dict[str, float]], operators: dict[str, str], top: int) -> list[tuple[str, ...]]:
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(shares))
    for column, share in enumerate(shares):
        for name, part in share.items():
            sums[operators[name]][column] += part
    ordered = sorted(sums.items(), key=lambda each: -each[1][-1])
    return [(operator, *map(percent, parts)) for operator, parts in ordered[:top]]


def _table(rows: Sequence[Sequence[str]], *, words: int, markdown: bool) -> str:
    """Columns, of which the first so many are words and the others numbers; the first row is the head."""
    lines = aligned(rows, "l" * words + "r")
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    widths = map(len, lines[0])
    rule = ["-" * width if at < words else "-" * (width - 1) + ":" for at, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


# --- numbers --------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """``1.23 ms``"""
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= unit:
            return f"{digits(seconds / unit)} {name}"
    return f"{digits(seconds / 1e-6)} us"


def metric(number: float) -> str:
    """``508 M``"""
    for unit, name in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= unit:
            return digits(number / unit) + name
    return digits(number) + " "


def digits(number: float) -> str:
    """Three digits that count."""
    if number >= 100 or number == 0:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def percent(part: float) -> str:
    return f"{part * 100:.1f} %"
