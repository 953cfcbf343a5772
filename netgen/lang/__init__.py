"""The language: text becomes a graph. ``compile_source`` is the whole way; the files are its steps, in this order.

parse (text to syntax tree) · modules (files and what they use) · scope (names) · elaborate (tree to graph)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netgen.diag import Diagnostic, NetgenError, Source, did_you_mean
from netgen.ir.filler import Filler
from netgen.ir.graph import Graph
from netgen.lang import arithmetic, ast, scope
from netgen.lang.elaborate import elaborate
from netgen.lang.modules import Module, load
from netgen.lang.parse import parse_setting

MAX_LAYERS = 1_000_000
"""How many layers a net may have unless the caller says otherwise."""

__all__ = ["MAX_LAYERS", "check_source", "compile_source", "evaluate_setting", "nets"]


def compile_source(
    source: Source,
    *,
    net: str | None = None,
    settings: Mapping[str, object] | None = None,
    max_layers: int = MAX_LAYERS,
) -> tuple[Graph, list[Diagnostic]]:
    """The graph of one net of a text, and the warnings.

    ``net`` says which where there are several. Raises ``NetgenError`` with all problems of the first stage
    that found any.
    """
    module, warnings = _load_checked(source)
    chosen = _choose(module, net)
    settings = _checked_settings(chosen, settings or {})
    graph, more = elaborate(module, chosen, settings, max_layers)
    return graph, [*warnings, *more]


def check_source(source: Source, *, max_layers: int = MAX_LAYERS) -> list[Diagnostic]:
    """Every problem of a text, warnings included: of its blocks' names and, with default settings, of all its nets."""
    try:
        module, problems = _load_checked(source)
    except NetgenError as error:
        return error.diagnostics
    for block in _nets(module):
        if any(parameter.default is None for parameter in block.parameters):
            continue
        try:
            problems = [*problems, *elaborate(module, block, {}, max_layers)[1]]
        except NetgenError as error:
            problems = [*problems, *error.diagnostics]
    return problems


def nets(source: Source) -> list[str]:
    """The names of a text's nets, in its order."""
    return [block.name.name for block in _nets(load(source)[0])]


def evaluate_setting(text: str, origin: str = "<setting>") -> object:
    """The value of a setting from outside, such as ``48``, ``[3, 4, 23, 3]``, ``true`` or a bare word for a string.

    ``origin`` is what messages call the place where it stands.
    """
    source = Source(origin, text)
    return _constant(parse_setting(text, source))


def _load_checked(source: Source) -> tuple[Module, list[Diagnostic]]:
    """A module whose names are known to be right, and the warnings about it (not about what it uses)."""
    module, modules = load(source)
    problems: list[Diagnostic] = []
    for each in modules:
        if not each.checked:
            found = scope.check(each)
            problems += [problem for problem in found if problem.severity == "error" or each is module]
            each.checked = all(problem.severity != "error" for problem in found)
    if any(problem.code == "NG201" for problem in problems):  # what seems unused may be what a misspelt name means
        problems = [problem for problem in problems if problem.code != "NG211"]
    if any(problem.severity == "error" for problem in problems):
        raise NetgenError(problems)
    return module, problems


def _nets(module: Module) -> list[ast.Block]:
    return [block for block in module.file.blocks if block.is_net]


def _choose(module: Module, wanted: str | None) -> ast.Block:
    """The net that is meant, or an NG218 that says which there are."""
    found = {block.name.name: block for block in _nets(module)}
    listed = ", ".join(found)
    if wanted is not None and wanted in found:
        return found[wanted]
    if wanted is None and len(found) == 1:
        return next(iter(found.values()))
    path = module.path
    if not found:
        hint = "a net begins with `net Name(…) {` and `data = input(1, 3, 224, 224)`"
        blocks = ", ".join(block.name.name for block in module.file.blocks)
        title = f"{path} has no net" + (f", only the blocks {blocks}" if blocks else "")
        raise NetgenError([Diagnostic("NG218", title, hint=hint)])
    if wanted is None:
        raise NetgenError([Diagnostic("NG218", f"{path} has {len(found)} nets: {listed}", hint="say which with --net")])
    hint = did_you_mean(wanted, found) or f"it has {listed}"
    raise NetgenError([Diagnostic("NG218", f"{path} has no net `{wanted}`", hint=hint)])


def _checked_settings(net: ast.Block, settings: Mapping[str, object]) -> dict[str, object]:
    """The settings, if the net has them all and their values are ones that the language knows."""
    known = [parameter.name.name for parameter in net.parameters]
    problems = []
    for name, value in settings.items():
        if name not in known:
            takes = f"it has {', '.join(known)}" if known else "it has none"
            hint = did_you_mean(name, known) or takes
            problems.append(Diagnostic("NG219", f"net {net.name.name} has no setting `{name}`", hint=hint))
        elif not _is_plain(value):
            title = f"setting `{name}` has a value that the language does not know: {type(value).__name__}"
            problems.append(Diagnostic("NG220", title, hint="use ints, floats, bools, strings and lists of them"))
    if problems:
        raise NetgenError(problems)
    return {name: list(value) if isinstance(value, (tuple, range)) else value for name, value in settings.items()}


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple, range)):
        return len(value) <= arithmetic.MAX_ITEMS and all(_is_plain(each) for each in value)
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    if isinstance(value, int):
        return abs(value) <= arithmetic.MAX_INTEGER
    return isinstance(value, (str, Filler))


def _constant(tree: ast.Expr) -> object:
    """The value of an expression without variables."""
    match tree:
        case ast.Number() | ast.Bool():
            return tree.value
        case ast.String():
            if all(isinstance(part, str) for part in tree.parts):
                return "".join(part for part in tree.parts if isinstance(part, str))
        case ast.Name():
            return Filler(tree.name) if tree.name in Filler.KINDS else tree.name
        case ast.ListDisplay():
            return [_constant(item) for item in tree.items]
        case ast.Unary():
            return arithmetic.unary(tree.operator, _constant(tree.operand))
        case ast.Binary():
            return arithmetic.binary(tree.operator, _constant(tree.left), _constant(tree.right))
        case ast.Range():
            whole = arithmetic.stepped_range(_constant(tree.first), _constant(tree.last))
            return list(range(whole.start, whole.stop + 1))
        case ast.Call() if tree.function.name in Filler.KINDS:
            return _constant_filler(tree.function.name, tree.arguments)
    title = f"`{tree.span.text}` is not a constant"
    raise NetgenError(
        [Diagnostic("NG220", title, tree.span, hint="settings are numbers, strings, true, false and lists")]
    )


def _constant_filler(kind: str, arguments: Sequence[ast.Argument]) -> Filler:
    positional = [_constant(argument.value) for argument in arguments if argument.name is None]
    named = {argument.name.name: _constant(argument.value) for argument in arguments if argument.name is not None}
    return arithmetic.filler(kind, positional, named)
