"""``netgen ops``: what the operators' classes declare, and what the libraries hold, as a table or a page."""

from __future__ import annotations

import sys
from argparse import Namespace
from textwrap import indent, wrap

from netgen.cli.blocks import bundled, table
from netgen.cli.console import Console, as_json
from netgen.cli.samples import TARGETS, sample
from netgen.diag import did_you_mean
from netgen.ir.kinds import REQUIRED, Arg
from netgen.ir.operator import WEIGHT_ARGS, Operator
from netgen.ir.text import value_text
from netgen.ops import OPERATORS

WIDTH = 100


def run(args: Namespace, console: Console) -> int:
    """Print all operators and bundled blocks, or those of one name."""
    operators = [op for op in OPERATORS.values() if args.name in (None, op.name)]
    every_block = bundled() if args.name not in OPERATORS else []
    blocks = [block for block in every_block if args.name in (None, block.name)]
    if not operators and not blocks:
        hint = did_you_mean(args.name, {*OPERATORS, *(block.name for block in every_block)})
        args.usage_error(f"no operator or block `{args.name}`; {hint or '`netgen ops` lists them all'}")
    if args.format == "json":
        data = [*map(_data, operators), *(block._asdict() for block in blocks)]
        text = as_json(data[0] if len(data) == 1 else data)
    elif args.name is None:
        text = f"{_table()}\n\n{table(blocks)}"
    else:
        text = "\n\n".join([*map(_page, operators), *(block.page for block in blocks)])
    console.output(text + "\n")
    return 0


def _table() -> str:
    """A line for each operator, under the family that it belongs to."""
    families: dict[str, list[type[Operator]]] = {}
    for op in OPERATORS.values():
        families.setdefault(op.__module__, []).append(op)
    width = max(map(len, OPERATORS))
    parts = []
    for module, operators in sorted(families.items()):
        title = _first_line(sys.modules[module].__doc__).rstrip(".")
        parts.append("\n".join([title, *(f"  {op.name:<{width}}  {_first_line(op.__doc__)}" for op in operators)]))
    return "\n\n".join(parts)


def _page(op: type[Operator]) -> str:
    """All about one operator."""
    summary, _, story = _plain(op.__doc__).partition("\n")
    parts = [_signature(op), summary]
    if story.strip():
        parts.append("\n".join(line.removeprefix("    ") for line in story.strip("\n").splitlines()).strip())
    if op.args:
        parts.append("arguments\n" + indent(_arguments(op.args), "  "))
    parts.append(f"result\n  {op.shape_rule}")
    parts.append(f"name\n  a layer that nothing else names is called `{op.short}`")
    made = sample(op)
    parts.append(f"example\n  {made.call}\n  {made.facts}")
    parts += [f"{title}\n{indent(made.said[target], '  ')}" for target, title in TARGETS.items()]
    return "\n\n".join(parts)


def _signature(op: type[Operator]) -> str:
    """The call in full, less what all operators with weights take."""
    own = [arg for arg in op.args if arg not in WEIGHT_ARGS]
    settings = [arg.name if arg.default is REQUIRED else f"{arg.name} = {_default(arg) or '…'}" for arg in own]
    parts = [*op.operands, *settings, *(["…"] if len(own) < len(op.args) else [])]
    text = f"{op.name}({', '.join(parts)})".replace(" = ", "\0=\0")  # no line breaks there
    return "\n    ".join(wrap(text, WIDTH - 4)).replace("\0", " ")


def _arguments(args: tuple[Arg, ...]) -> str:
    rows = [(arg.name, arg.kind.text, _presence(arg), arg.doc) for arg in args]
    names, kinds, presences = (max(len(row[i]) for row in rows) for i in range(3))
    return "\n".join(
        f"{name:<{names}}  {kind:<{kinds}}  {presence:<{presences}}  {doc}" for name, kind, presence, doc in rows
    )


def _presence(arg: Arg) -> str:
    if arg.default is REQUIRED:
        return "required"
    return f"= {_default(arg)}" if _default(arg) else "optional"


def _default(arg: Arg) -> str:
    return "" if arg.default is None else value_text(arg.default)


def _data(op: type[Operator]) -> dict[str, object]:
    """The declaration as plain data, for programs."""
    made = sample(op)
    return {
        "name": op.name,
        "doc": _plain(op.__doc__),
        "operands": list(op.operands),
        "arguments": [
            {
                "name": arg.name,
                "kind": arg.kind.text,
                "required": arg.default is REQUIRED,
                "default": None if arg.default is REQUIRED else _default(arg) or None,
                "doc": arg.doc,
            }
            for arg in op.args
        ],
        "shape": op.shape_rule,
        "example": made.call,
        "targets": made.said,
    }


def _plain(doc: str | None) -> str:
    return (doc or "").replace("``", "`").strip()


def _first_line(doc: str | None) -> str:
    return _plain(doc).partition("\n")[0]
