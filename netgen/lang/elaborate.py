"""Programs become graphs: blocks are unfolded, loops unrolled, conditions decided, shapes inferred on the way.

The walk goes on after an error: what could not be computed becomes ``BROKEN``, and whatever depends on it stays
silent, so that one run reports every independent problem once. This file has nets and statements; expressions.py
and calls.py have the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netgen.diag import Diagnostic, NetgenError, Note, Span
from netgen.ir.fault import Fault
from netgen.ir.graph import Graph, Instance, Loop, Value
from netgen.ir.kinds import a_type, show, type_name
from netgen.lang import arithmetic, ast
from netgen.lang.calls import Calls, Given
from netgen.lang.expressions import Env
from netgen.lang.modules import Module
from netgen.lang.names import Names, Token, join
from netgen.lang.reporter import Stop
from netgen.lang.values import BROKEN, as_declared, documentation, misfit, tensors
from netgen.ops import OPERATORS


def elaborate(
    module: Module, net: ast.Block, settings: Mapping[str, object], max_layers: int
) -> tuple[Graph, list[Diagnostic]]:
    """The graph of a net for some settings, and warnings. Raises ``NetgenError`` with all that is wrong."""
    elaborator = Elaborator(module, net, settings, max_layers, frozenset())
    elaborator.run()
    if elaborator.names.late and not elaborator.errors:
        elaborator = Elaborator(module, net, settings, max_layers, elaborator.names.explicit)
        elaborator.run()
    if elaborator.errors:
        raise NetgenError(elaborator.problems)
    return elaborator.graph, elaborator.problems


class Elaborator(Calls):
    """One elaboration of one net."""

    def __init__(
        self, module: Module, net: ast.Block, settings: Mapping[str, object], max_layers: int, reserved: frozenset[str]
    ) -> None:
        graph = Graph(net.name.name, documentation(net.doc), module.file.title)
        super().__init__(graph, Names(reserved), max_layers)
        self.module = module
        self.net = net
        self.settings = settings
        self._run: dict[type, Callable[[Any, Env], list[object] | None]] = {
            ast.Assign: self._assign,
            ast.Evaluate: self._evaluate,
            ast.For: self._for,
            ast.If: self._if,
            ast.Return: self._return,
            ast.Require: self._require,
            ast.Default: self._default,
        }

    # --- the net -----------------------------------------------------------------------------

    def run(self) -> None:
        """Elaborate the net; ``graph``, ``problems`` and ``errors`` have the outcome."""
        root = self.graph.root
        env = Env(self.module, root, Token(self.net.name.name, self.net.name.span))
        env.variables["name"] = self.net.name.name
        try:
            self._net_settings(env)
            returned = self.body(self.net.body, env)
            self._outputs(returned)
        except Stop:
            pass
        except RecursionError:
            self.problem("NG217", "the program nests too deeply", self.net.name.span, "split it into smaller blocks")

    def _net_settings(self, env: Env) -> None:
        for parameter in self.net.parameters:
            name = parameter.name.name
            if name in self.settings:
                value: object = self.settings[name]
                default = self._default_of(parameter, env)
                problem = misfit(parameter, value, default)
                if problem:
                    is_text = not misfit(parameter, show(value), default)
                    hint = f"in quotes it is a string: --set '{name}=\"{show(value)}\"'" if is_text else ""
                    title, label = f"setting `{name}` has the wrong type", f"{problem}, got {show(value)}"
                    self.problem("NG220", title, parameter.span, label, hint=hint)
                    value = BROKEN
                value = as_declared(parameter, value)
            elif parameter.default is not None:
                value = as_declared(parameter, self.eval(parameter.default, env, env.token.inside()))
                self._check_default(parameter, value)
            else:
                self.problem(
                    "NG203",
                    f"setting `{name}` has no value",
                    parameter.span,
                    "it has no default",
                    hint=f"give one: --set {name}=…, or compile(…, {name} = …)",
                )
                value = BROKEN
            env.variables[name] = value
            env.instance.args[name] = value

    def _default_of(self, parameter: ast.Parameter, env: Env) -> object:
        if parameter.default is None or parameter.type is not None:
            return None
        return self.eval(parameter.default, env, env.token.inside())

    def _check_default(self, parameter: ast.Parameter, value: object) -> None:
        problem = "" if value is BROKEN else misfit(parameter, value, value)
        if problem and parameter.default is not None:
            self.problem("NG207", "wrong type of default", parameter.default.span, f"{problem}, got {type_name(value)}")

    def _outputs(self, returned: list[object] | None) -> None:
        graph = self.graph
        graph.inputs = [value for node in graph.nodes if node.op.name == "input" for value in node.outputs]
        if all(node.inputs for node in graph.nodes) and not self.errors:
            self.problem(
                "NG221",
                "a net begins with input",
                self.net.name.span,
                "this one has no `input`",
                hint="begin it with `data = input(1, 3, 224, 224)`, say",
            )
        if returned is not None:
            values = tensors(returned)
            if values is None and not self.errors:
                self.problem("NG207", "a net returns tensors", self.net.name.span, "this one returns something else")
            graph.outputs = list(dict.fromkeys(values or []))
        else:
            graph.outputs = [value for node in graph.nodes for value in node.outputs if not value.readers]
        graph.root.outputs = graph.outputs
        self._unread_inputs(returned is not None)

    def _unread_inputs(self, returns: bool) -> None:
        for value in self.graph.inputs:
            meant = value.variable.startswith("_") or (returns and value in self.graph.outputs)
            if not value.readers and not meant and len(self.graph.nodes) > len(self.graph.inputs) and not self.errors:
                self.warn("NG211", f"input `{value.node.name}` is never used", value.node.span, "no layer reads it")

    # --- statements: each gives the returned values, or None while the block goes on -----------

    def body(self, statements: list[ast.Statement], env: Env) -> list[object] | None:
        defaults = self.defaults
        try:
            for statement in statements:
                returned = self._run[type(statement)](statement, env)
                if returned is not None:
                    return returned
        finally:
            self.defaults = defaults
        return None

    def _assign(self, statement: ast.Assign, env: Env) -> None:
        targets = statement.targets
        prefix = env.instance.name
        if len(targets) == 1:
            target = targets[0].name
            token = Token(join(prefix, target), targets[0].span, variable=target)
            value = self.eval(statement.value, env, token)
            if isinstance(value, Value) and not value.variable:
                value.variable = target
            env.variables[target] = value
            return
        value = self.eval(statement.value, env, Token(prefix, targets[0].span, nested=True))
        self._unpack(targets, value, statement.value.span, env, layers=True)
        made = env.instance.items[-1] if env.instance.items else None
        if isinstance(made, Instance) and made.outputs == value:
            made.results = [target.name for target in targets]

    def _unpack(self, targets: list[ast.Name], value: object, span: Span, env: Env, layers: bool = False) -> None:
        values: Sequence[object] = [BROKEN] * len(targets)
        if value is not BROKEN:
            if not arithmetic.is_list(value):
                self.problem(
                    "NG223", "wrong number of results", span, f"one {type_name(value)} for {len(targets)} names"
                )
            elif len(value) != len(targets):
                self.problem("NG223", "wrong number of results", span, f"{len(value)} for {len(targets)} names")
            else:
                values = value
        for target, each in zip(targets, values, strict=True):
            if layers and isinstance(each, Value) and not each.variable:
                each.variable = target.name
            env.variables[target.name] = each

    def _evaluate(self, statement: ast.Evaluate, env: Env) -> None:
        self.eval(statement.value, env, Token(env.instance.name, statement.span, nested=True))

    def _for(self, statement: ast.For, env: Env) -> list[object] | None:
        items = self.eval(statement.items, env, Token(env.instance.name, statement.span, nested=True))
        if items is BROKEN:
            for target in statement.targets:
                env.variables[target.name] = BROKEN
            return None
        if not arithmetic.is_list(items) and not isinstance(items, str):
            label = f"this is {a_type(items)}"
            hint = f"count with `1..{show(items)}`" if type(items) is int else ""
            self.problem("NG225", "`for` needs a list", statement.items.span, label, hint=hint)
            return None
        outer = env.loops
        span = statement.items.span
        first = statement.targets[0].name
        returned = None
        for turn, item in enumerate(items):
            self.step(span)
            if len(statement.targets) == 1:
                env.variables[first] = item
            else:
                self._unpack(statement.targets, item, span, env)
            env.loops = (*outer, Loop(statement.span, turn, first, env.variables[first]))
            returned = self.body(statement.body, env)
            if returned is not None:
                break
        env.loops = outer
        return returned

    def _if(self, statement: ast.If, env: Env) -> list[object] | None:
        test = self.truth(statement.test, env)
        if test is None:
            self._break_assigned([*statement.body, *statement.otherwise], env)
            return None
        return self.body(statement.body if test else statement.otherwise, env)

    def _break_assigned(self, statements: Sequence[ast.Statement], env: Env) -> None:
        """Neither branch of a broken condition ran: what they would have assigned is unknown."""
        for statement in statements:
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    env.variables[target.name] = BROKEN
            elif isinstance(statement, (ast.For, ast.If)):
                self._break_assigned(statement.body, env)
                if isinstance(statement, ast.If):
                    self._break_assigned(statement.otherwise, env)

    def _return(self, statement: ast.Return, env: Env) -> list[object]:
        first, *others = statement.values
        values = [self.eval(first, env, env.token)]
        values += [self.eval(each, env, Token(env.instance.name, each.span, nested=True)) for each in others]
        return values

    def _require(self, statement: ast.Require, env: Env) -> list[object] | None:
        """A failed check ends the block: what follows relies on it, and would only fail in other words."""
        if self.truth(statement.test, env) is not False:
            return None
        message = f"`{statement.test.span.text}` does not hold"
        if statement.message is not None:
            said = self.eval(statement.message, env, env.token)
            if isinstance(said, str):
                message = said
        if not self.frames:
            self.problem("NG222", message, statement.test.span, "required here")
            return [BROKEN]
        caller = self.frames.pop()
        self.problem(
            "NG222",
            message,
            caller.span,
            f"`{caller.block}` cannot be used like this",
            notes=[Note("required here", statement.test.span)],
        )
        self.frames.append(caller)
        return [BROKEN]

    def _default(self, statement: ast.Default, env: Env) -> None:
        call = statement.call
        op = OPERATORS.get(call.function.name)
        if op is None:
            return
        before = self.defaults.get(op.name)
        values = dict(before.values) if before else {}
        spans = dict(before.spans) if before else {}
        for argument in call.arguments:
            if argument.name is None:
                continue
            value = self.eval(argument.value, env, env.token.inside())
            if value is BROKEN:
                continue
            arg = next(arg for arg in op.args if arg.name == argument.name.name)
            try:
                arg.kind.accept(value)
            except Fault as fault:
                self.fault(fault, argument.value.span)
                continue
            values[arg.name] = value
            spans[arg.name] = argument.span
        self.defaults = {**self.defaults, op.name: Given(values, spans)}
