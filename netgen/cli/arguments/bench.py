"""`netgen bench` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

from netgen.cli.arguments.common import (
    examples,
    limit,
    output,
    positive,
    prototxt,
    settings,
    source,
    unknown,
    weights_from,
    whole,
)

RUNTIMES = ("torch", "onnxruntime")


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "Measure a net in PyTorch: the time of a run (its median, and that of the fastest and slowest tenth), images a "
        "second, memory, and the layers that the time goes to. Exit code 1 if something could not be measured."
    )
    parser.epilog = examples(
        ("netgen bench peleenet.net", "on the CPU, with the batch that the net itself has"),
        ("netgen bench peleenet.net --device cuda --batch 1,8,64", "on a card, for several batches"),
        ("netgen bench peleenet.net --device cuda --half fp16 --channels-last --cuda-graph", "as fast as it gets"),
        ("netgen bench deploy.prototxt --against torch,onnxruntime --threads 1", "beside ONNX Runtime"),
        ("netgen bench resnet.net --set blocks=[3,4,23,3] --format json", "for programs: seconds and bytes"),
    )
    source(parser)
    parser.add_argument("--device", metavar="NAME", default="cpu", help="cpu, cuda, cuda:1 … (default: %(default)s)")
    parser.add_argument(
        "--batch", metavar="LIST", type=_batches, default=(), help="images at once, say 1,8,64 (default: the net's own)"
    )
    parser.add_argument(
        "--against",
        metavar="LIST",
        type=_runtimes,
        default=("torch",),
        help=f"{' and '.join(RUNTIMES)}, or one of them (default: torch)",
    )
    parser.add_argument("--top", metavar="N", type=whole, default=10, help="list so many layers (default: %(default)s)")
    parser.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="what to print (default: text)"
    )
    output(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    _manner(parser)
    settings(parser)
    weights_from(parser.add_argument_group("of the weights, on which the speed hardly depends"))
    prototxt(parser)
    limit(parser)


def _manner(parser: ArgumentParser) -> None:
    manner = parser.add_argument_group("how it runs")
    manner.add_argument("--seconds", metavar="S", type=_seconds, default=3.0, help="measure so long (default: 3)")
    manner.add_argument("--runs", metavar="N", type=positive, help="or so many runs")
    manner.add_argument(
        "--warmup", metavar="N", type=whole, help="unmeasured runs before (default: a tenth of the time)"
    )
    manner.add_argument("--threads", metavar="N", type=positive, help="of the CPU (default: PyTorch's)")
    manner.add_argument("--compile", action="store_true", help="with torch.compile")
    manner.add_argument("--channels-last", action="store_true", help="images with their channels last in memory")
    manner.add_argument("--half", choices=("fp16", "bf16"), help="autocast to half the precision")
    manner.add_argument("--cuda-graph", action="store_true", help="recorded once and replayed; on a card only")


def _batches(text: str) -> tuple[int, ...]:
    return tuple(positive(each.strip()) for each in text.split(","))


def _runtimes(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(each.strip() for each in text.split(",")))
    for name in names:
        if name not in RUNTIMES:
            raise ArgumentTypeError(unknown("runtime", name, list(RUNTIMES)))
    return names


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise ArgumentTypeError(f"`{text}` is not a number of seconds up to 3600")
    return seconds
