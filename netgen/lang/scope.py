"""Names before anything runs: what is unknown, unused, misspelt or recursive, in every block of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from netgen.diag import Diagnostic, Note, Span, did_you_mean
from netgen.ir.filler import Filler
from netgen.lang import ast
from netgen.lang.arithmetic import FUNCTIONS
from netgen.lang.modules import LIBRARY, Module, libraries
from netgen.ops import OPERATORS

TYPES = ("int", "float", "bool", "string", "filler", "tensor")
RESERVED = "name"
"""Every instance knows its own name by this variable."""


def check(module: Module) -> list[Diagnostic]:
    """Errors and warnings of the blocks that a module defines itself."""
    problems: list[Diagnostic] = []
    for block in module.file.blocks:
        problems.extend(_BlockCheck(module, block).run())
    problems.extend(_recursion(module))
    problems.extend(_unused_imports(module))
    return problems


class _BlockCheck:
    """One walk over one block, in the program's order."""

    def __init__(self, module: Module, block: ast.Block) -> None:
        self.module = module
        self.block = block
        self.problems: list[Diagnostic] = []
        self.known: dict[str, Span] = {}
        self.read: set[str] = set()
        self.assigned: dict[str, ast.Name] = {}
        self.makes_layers: set[str] = set()

    def run(self) -> list[Diagnostic]:
        for parameter in self.block.parameters:
            self._parameter(parameter)
        self._statements(self.block.body)
        self._unused()
        return self.problems

    def _error(
        self, code: str, title: str, span: Span, label: str = "", hint: str = "", *, note: Note | None = None
    ) -> None:
        self.problems.append(Diagnostic(code, title, span, label, hint=hint, notes=[note] if note else []))

    def _parameter(self, parameter: ast.Parameter) -> None:
        name = parameter.name.name
        if parameter.default is not None:
            self._expression(parameter.default)
        if name in self.known:
            self._error(
                "NG210",
                f"parameter `{name}` is defined twice",
                parameter.name.span,
                "again here",
                note=Note("first here", self.known[name]),
            )
        self._not_reserved(parameter.name)
        if parameter.type is not None and parameter.type.name not in TYPES:
            written = parameter.type.name
            self._error(
                "NG201",
                f"unknown type `{written}`",
                parameter.type.span,
                f"types are {', '.join(TYPES)}",
                did_you_mean(written, TYPES) or {"str": "did you mean `string`?"}.get(written, ""),
            )
        is_tensor = parameter.default is None and (parameter.type is None or parameter.type.name == "tensor")
        if is_tensor and self.block.is_net:
            self._error(
                "NG221",
                "a net takes no tensors",
                parameter.name.span,
                f"`{name}` is a tensor, since it has no type",
                f"give it a type, such as `{name}: int`, or make its tensor with `{name} = input(1, 3, 224, 224)`",
            )
        self.known[name] = parameter.name.span

    def _not_reserved(self, name: ast.Name) -> None:
        if name.name == RESERVED:
            self._error(
                "NG227",
                "`name` is reserved",
                name.span,
                "it stands for the name of the instance",
                "call it something else, such as `id`",
            )

    # --- statements ------------------------------------------------------------------------

    def _statements(self, statements: Sequence[ast.Statement]) -> None:
        for i, statement in enumerate(statements):
            self._statement(statement)
            if isinstance(statement, ast.Return) and i + 1 < len(statements):
                self.problems.append(
                    Diagnostic(
                        "NG211",
                        "statement is never reached",
                        statements[i + 1].span,
                        "after a return",
                        severity="warning",
                        hint="remove it, or move it before the return",
                    )
                )
                break

    def _statement(self, statement: ast.Statement) -> None:
        match statement:
            case ast.Assign():
                self._expression(statement.value)
                self._targets(statement.targets, isinstance(statement.value, (ast.Call, ast.Chain)))
            case ast.Evaluate():
                if isinstance(statement.value, ast.Name):
                    self._variable(statement.value, alone=True)
                else:
                    self._expression(statement.value)
            case ast.For():
                self._expression(statement.items)
                for target in statement.targets:
                    self._not_reserved(target)
                    self.known.setdefault(target.name, target.span)
                self._statements(statement.body)
            case ast.If():
                self._expression(statement.test)
                self._statements(statement.body)
                self._statements(statement.otherwise)
            case ast.Return():
                for value in statement.values:
                    self._expression(value)
            case ast.Require():
                self._expression(statement.test)
                if statement.message is not None:
                    self._expression(statement.message)
            case ast.Default():
                self._default(statement)

    def _targets(self, targets: Iterable[ast.Name], layers: bool) -> None:
        for target in targets:
            self._not_reserved(target)
            self.known.setdefault(target.name, target.span)
            self.assigned.setdefault(target.name, target)
            if layers:
                self.makes_layers.add(target.name)

    def _default(self, statement: ast.Default) -> None:
        call = statement.call
        name = call.function.name
        if name not in OPERATORS:
            label = "a block, not an operator" if name in self.module.blocks else "no operator has this name"
            hint = did_you_mean(name, OPERATORS)
            if name in self.module.blocks:
                hint = "set the defaults of the operators inside it"
            self._error("NG202", f"no defaults for `{name}`", call.function.span, label, hint)
        for argument in call.arguments:
            if argument.name is None:
                self._error(
                    "NG204",
                    "a default is given by name",
                    argument.span,
                    "which argument is this for?",
                    f"write `default {name}(bias = false)`, say",
                )
        self._call_arguments(call)

    # --- expressions -----------------------------------------------------------------------

    def _expression(self, value: ast.Expr) -> None:
        match value:
            case ast.Name():
                self._variable(value)
            case ast.Call():
                self._call(value, piped=False)
            case ast.Chain():
                self._chain(value)
            case ast.String():
                for part in value.parts:
                    if not isinstance(part, str):
                        self._expression(part)
            case ast.Attribute():
                self._expression(value.value)
            case ast.Binary():
                self._expression(value.left)
                self._expression(value.right)
            case ast.Unary():
                self._expression(value.operand)
            case ast.Conditional():
                for each in (value.test, value.yes, value.no):
                    self._expression(each)
            case ast.ListDisplay():
                for each in value.items:
                    self._expression(each)
            case ast.Index():
                self._expression(value.value)
                self._expression(value.index)
            case ast.Range():
                self._expression(value.first)
                self._expression(value.last)

    def _chain(self, chain: ast.Chain) -> None:
        for i, link in enumerate(chain.links):
            if i == 0:
                self._expression(link.value)
            elif isinstance(link.value, ast.Name):
                self._function(link.value)
            elif isinstance(link.value, ast.Call):
                self._call(link.value, piped=True)
            if link.label is not None:
                self._expression(link.label)

    def _variable(self, name: ast.Name, *, alone: bool = False) -> None:
        """A name that is read; ``alone`` where it is a whole statement, so that a keyword may be meant."""
        self.read.add(name.name)
        if name.name in self.known or name.name == RESERVED or name.name in Filler.KINDS:
            return
        if name.name in OPERATORS or name.name in self.module.blocks:
            self._error(
                "NG201",
                f"`{name.name}` is not called",
                name.span,
                "a block or operator, not a value",
                f"write {name.name}(x, …) or x -> {name.name}",
            )
            return
        python = {"True": "true", "False": "false"}.get(name.name)
        words = (*self.known, *Filler.KINDS, *(_KEYWORDS if alone else ()))
        hint = f"write `{python}`" if python else did_you_mean(name.name, words)
        if alone and name.name in _DECLARATIONS:
            hint = f"a value is named without a word before it: leave `{name.name}` out"
        later = " yet" if name.name in _assigned_names(self.block.body) else ""
        self._error("NG201", f"unknown name `{name.name}`", name.span, f"nothing has this name{later}", hint)

    def _function(self, name: ast.Name) -> bool:
        if any(name.name in table for table in (self.module.blocks, OPERATORS, FUNCTIONS, Filler.KINDS)):
            return True
        if name.name in self.known:
            self._error("NG202", f"`{name.name}` cannot be called", name.span, "a variable, not a block or operator")
            self.read.add(name.name)
            return False
        known = [*self.module.blocks, *OPERATORS, *FUNCTIONS]
        hint = _elsewhere(name.name) or did_you_mean(name.name, known)
        self._error(
            "NG202",
            f"unknown operator or block `{name.name}`",
            name.span,
            "nothing that can be called has this name",
            hint or "`netgen ops` lists the operators; blocks of the library are imported with `use`",
        )
        return False

    def _call(self, call: ast.Call, piped: bool) -> None:
        if self._function(call.function):
            block = self.module.blocks.get(call.function.name)
            if block is not None:
                self._block_call(call, block, piped)
        self._call_arguments(call)

    def _call_arguments(self, call: ast.Call) -> None:
        seen: dict[str, Span] = {}
        for argument in call.arguments:
            self._expression(argument.value)
            if argument.name is None:
                if seen:
                    self._error(
                        "NG205",
                        "positional argument after a named one",
                        argument.span,
                        "which argument is this for?",
                        "put it before the named arguments, or name it",
                    )
                continue
            name = argument.name.name
            if name in seen:
                self._error(
                    "NG206",
                    f"argument `{name}` is given twice",
                    argument.name.span,
                    "again here",
                    note=Note("first here", seen[name]),
                )
            seen[name] = argument.name.span
            self._argument_name(call.function.name, argument.name)

    def _argument_name(self, function: str, name: ast.Name) -> None:
        if function in self.module.blocks:
            known = [parameter.name.name for parameter in self.module.blocks[function].parameters]
        elif function in OPERATORS:
            known = [arg.name for arg in OPERATORS[function].args]
        else:
            return
        if name.name not in known:
            takes = f"`{function}` takes {', '.join(known)}" if known else f"`{function}` takes no settings"
            hint = did_you_mean(name.name, known) or _FROM_PYTORCH.get(name.name, "")
            self._error("NG204", f"unknown argument `{name.name}`", name.span, takes, hint)

    def _block_call(self, call: ast.Call, block: ast.Block, piped: bool) -> None:
        if block.is_net:
            self._error(
                "NG202",
                f"`{call.function.name}` is a net",
                call.function.span,
                "only blocks can be called",
                "make a block of the part that both need",
            )
        positional = sum(argument.name is None for argument in call.arguments) + piped
        given = {argument.name.name for argument in call.arguments if argument.name is not None}
        names = [parameter.name.name for parameter in block.parameters]
        if positional > len(names):
            self._error(
                "NG205",
                f"too many arguments for `{call.function.name}`",
                call.span,
                f"it takes {len(names)}: {', '.join(names)}; got {positional}"
                if names
                else f"it takes none; got {positional}",
            )
        for name in names[:positional]:
            if name in given:
                place = next(a for a in call.arguments if a.name is not None and a.name.name == name)
                self._error("NG206", f"argument `{name}` is given twice", place.span, "it was given by position too")
        missing = [
            parameter.name.name
            for parameter in block.parameters[positional:]
            if parameter.default is None and parameter.name.name not in given
        ]
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing)
            self._error(
                "NG203",
                f"missing argument{'s' if len(missing) > 1 else ''} of `{call.function.name}`",
                call.span,
                f"needs {listed}",
                note=Note("the block is defined here", block.name.span),
            )

    # --- what nobody reads -----------------------------------------------------------------

    def _unused(self) -> None:
        for parameter in self.block.parameters:
            name = parameter.name.name
            if name not in self.read and not name.startswith("_"):
                self._warn(f"parameter `{name}` is never used", parameter.name.span, "nothing reads it")
        for name, target in self.assigned.items():
            if name in self.read or name.startswith("_") or (self.block.is_net and name in self.makes_layers):
                continue
            self._warn(f"value `{name}` is never used", target.span, "nothing reads it")

    def _warn(self, title: str, span: Span, label: str) -> None:
        hint = "remove it, or begin its name with `_` to say that this is meant"
        self.problems.append(Diagnostic("NG211", title, span, label, severity="warning", hint=hint))


_KEYWORDS = ("return", "require", "default", "for", "if", "else")
_DECLARATIONS = ("let", "var", "val", "const", "auto", "set", "local", "int", "float", "bool", "string", "tensor")
"""What other languages write before a new variable."""

_FROM_PYTORCH = {
    "padding": "did you mean `pad`?",
    "out_channels": "did you mean `out`?",
    "num_output": "did you mean `out`?",
    "kernel_size": "did you mean `kernel`?",
    "group": "did you mean `groups`?",
    "bias_term": "did you mean `bias`?",
    "momentum": "did you mean `moving_average`? It is 1 - momentum",
    "negative_slope": "did you mean `slope`?",
    "ceil_mode": 'did you mean `rounding`? "ceil" is the default',
    "dim": "did you mean `axis`?",
}


def _elsewhere(name: str) -> str:
    """A hint for a block of the bundled libraries that was not imported, or for a name from elsewhere."""
    for library in libraries():
        with open(os.path.join(LIBRARY, library + ".net"), encoding="utf-8") as file:
            if f"block {name}(" in file.read():
                return f"write `use {library}: {name}` at the head of the file"
    known = _FOREIGN.get(name.lower().replace("_", ""))
    return f"did you mean `{known}`?" if known else ""


_FOREIGN = {
    "conv2d": "conv",
    "convolution": "conv",
    "convtranspose2d": "deconv",
    "deconvolution": "deconv",
    "innerproduct": "linear",
    "dense": "linear",
    "fc": "linear",
    "maxpool2d": "max_pool",
    "avgpool2d": "avg_pool",
    "pooling": "max_pool",
    "batchnorm2d": "batch_norm",
    "bn": "batch_norm",
    "eltwise": "add",
    "cat": "concat",
    "split": "slice",
    "interp": "upsample",
    "interpolate": "upsample",
    "transpose": "permute",
    "view": "reshape",
    "pixelshuffle": "shuffle_channels",
    "shufflechannel": "shuffle_channels",
}


def _assigned_names(statements: Sequence[ast.Statement]) -> set[str]:
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, (ast.Assign, ast.For)):
            names.update(target.name for target in statement.targets)
        if isinstance(statement, (ast.For, ast.If)):
            names |= _assigned_names(statement.body)
        if isinstance(statement, ast.If):
            names |= _assigned_names(statement.otherwise)
    return names


def _unused_imports(module: Module) -> list[Diagnostic]:
    called = {call.name for block in module.file.blocks for call in calls(block.body)}
    return [
        Diagnostic(
            "NG211",
            f"`{item.alias.name}` is imported and never used",
            item.alias.span,
            "nothing calls it",
            severity="warning",
            hint="remove it from the `use`",
        )
        for use in module.file.uses
        for item in use.names
        if item.alias.name not in called and module.file.blocks
    ]


# --- recursion -----------------------------------------------------------------------------------


def _recursion(module: Module) -> list[Diagnostic]:
    """Blocks that call themselves, directly or through others of the same file.

    Files cannot use each other in a circle, so a circle of blocks stays within one file.
    """
    graph = {
        block.name.name: [call for call in calls(block.body) if module.homes.get(call.name) is module]
        for block in module.file.blocks
    }
    problems = []
    done: set[str] = set()
    for start, called in graph.items():
        path = [start]
        stack = [iter(called)] if start not in done else []
        while stack:
            call = next(stack[-1], None)
            if call is None:
                stack.pop()
                done.add(path.pop())
            elif call.name in path:
                ring = [*path[path.index(call.name) :], call.name]
                problems.append(
                    Diagnostic(
                        "NG216",
                        "a block calls itself",
                        call.span,
                        " calls ".join(f"`{name}`" for name in ring),
                        hint="use a `for` loop: blocks are unrolled while compiling",
                    )
                )
            elif call.name not in done:
                path.append(call.name)
                stack.append(iter(graph[call.name]))
    return problems


def calls(tree: object) -> list[ast.Name]:
    """The names of all that is called below a statement, an expression or a list of them, in no order."""
    found: list[ast.Name] = []
    pending = [tree]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, ast.Call):
            found.append(each.function)
            pending.extend(argument.value for argument in each.arguments)
        elif isinstance(each, ast.Chain):
            for i, link in enumerate(each.links):
                if i and isinstance(link.value, ast.Name):
                    found.append(link.value)
                else:
                    pending.append(link.value)
                pending.append(link.label)
        elif isinstance(each, ast.Tree):
            pending.extend(getattr(each, field) for field in each.fields)
    return found
