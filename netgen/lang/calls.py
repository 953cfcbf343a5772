"""Calls: operators become nodes, blocks become instances, and both get their names."""

from __future__ import annotations

from typing import Any

from netgen.diag import Frame, Note, Span
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Graph, Instance, Node, Value
from netgen.ir.kinds import a_type, type_name
from netgen.ir.operator import Operator
from netgen.ir.sharing import Sharing
from netgen.lang import arithmetic, ast
from netgen.lang.expressions import Env, Expressions
from netgen.lang.modules import Module
from netgen.lang.names import Clash, Names, Token, join
from netgen.lang.values import BROKEN, as_declared, documentation, misfit, tensors
from netgen.ops import OPERATORS, bind

MAX_DEPTH = 64
"""How deep block calls may nest. Deeper than any real network, shallower than Python's stack."""


class Given:
    """The values of one operator's ``default`` statements that hold at some place, with their places."""

    __slots__ = ("spans", "values")

    def __init__(self, values: dict[str, object], spans: dict[str, Span]) -> None:
        self.values = values
        self.spans = spans


class Site:
    """One call while it is evaluated: what is called, from where, and what the arguments turned out to be.

    ``values`` are positional, the piped one first. ``spans`` has the place of each argument, by its name or as ``#0``,
    ``#1`` … for positional ones.
    """

    __slots__ = ("arguments", "env", "function", "named", "span", "spans", "token", "values")

    def __init__(self, tree: ast.Call | ast.Name, piped: list[object], env: Env, token: Token) -> None:
        self.function = tree.function.name if isinstance(tree, ast.Call) else tree.name
        self.arguments = tree.arguments if isinstance(tree, ast.Call) else []
        self.span = tree.span
        self.env = env
        self.token = token
        self.values = piped
        self.named: dict[str, object] = {}
        self.spans: dict[str, Span] = {}

    @property
    def is_broken(self) -> bool:
        return BROKEN in self.values or BROKEN in self.named.values()

    def place(self, position: int) -> Span:
        """The place of a positional argument; of the call, for a piped one."""
        return self.spans.get(f"#{position}", self.span)


class Calls(Expressions):
    """Evaluates calls and chains of them, adding to ``graph``."""

    def __init__(self, graph: Graph, names: Names, max_layers: int) -> None:
        super().__init__(max_layers)
        self.graph = graph
        self.names = names
        self.defaults: dict[str, Given] = {}
        self._shared = Sharing()
        self.evaluators[ast.Call] = self._call
        self.evaluators[ast.Chain] = self._chain

    def body(self, statements: list[ast.Statement], env: Env) -> list[object] | None:
        """Run statements; gives the returned values, or None where nothing was returned."""
        raise NotImplementedError

    # --- chains ---------------------------------------------------------------------------------

    def _chain(self, tree: ast.Chain, env: Env, token: Token) -> object:
        """Rule 4: the first link that makes something takes the name, each that follows ``name/<short name>``."""
        first, *others = tree.links
        if first.label is not None:
            token = self._labelled(first.label, token, env)
        if isinstance(first.value, ast.Call):
            site = Site(first.value, [], env, token)
            value = self._apply(site)
            base: Token | None = Token(site.token.text, first.value.span, nested=True)
            token = token.without_variable()
        else:
            value = self.eval(first.value, env, token)
            base = Token(token.text, first.value.span, nested=True) if _makes_layers(first.value) else None
            if base is None and first.label is not None:
                label = "`as` names a new layer, and no layer is made before it"
                self.problem("NG230", "nothing is named here", first.label.span, label)
        for link in others:
            assert isinstance(link.value, (ast.Call, ast.Name))
            named = base is None or link.label is not None
            if link.label is not None:
                token = self._labelled(link.label, token, env)
            site = Site(link.value, [value], env, token if named else base or token)
            value = self._apply(site)
            if named:
                base = Token(site.token.text, link.value.span, nested=True)
                token = token.without_variable()
        return value

    def _labelled(self, label: ast.String, token: Token, env: Env) -> Token:
        span = label.span
        text = self.eval(label, env, token.inside())
        if not isinstance(text, str):
            return token
        if not text:
            self.problem("NG208", "a layer's name is empty", span, "give it at least one character")
            return token
        return Token(text, span, explicit=True, variable=token.variable)

    # --- calls ----------------------------------------------------------------------------------

    def _call(self, tree: ast.Call, env: Env, token: Token) -> object:
        return self._apply(Site(tree, [], env, token))

    def _apply(self, site: Site) -> object:
        """The result of a call. ``site.token`` then has the name that its layer or instance got."""
        name = site.function
        self.step(site.span)
        block = site.env.module.blocks.get(name)
        if block is not None:
            return self._block_call(block, site.env.module.homes[name], site)
        op = OPERATORS.get(name)
        if op is not None and name not in arithmetic.FUNCTIONS:
            return self._operator_call(op, site)
        self._arguments(site, site.token.inside())
        if site.is_broken:
            return BROKEN
        if op is not None and tensors(site.values[:1]):
            return self._node(op, site)
        return self._plain_call(site)

    def _arguments(self, site: Site, token: Token) -> None:
        """Evaluate the arguments; ``token`` names what is made inside them."""
        for argument in site.arguments:
            value = self.eval(argument.value, site.env, token)
            if argument.name is None:
                site.spans[f"#{len(site.values)}"] = argument.span
                site.values.append(value)
            else:
                site.spans[argument.name.name] = argument.span
                site.named[argument.name.name] = value

    def _plain_call(self, site: Site) -> object:
        """A function of plain values, or a filler."""
        name = site.function
        try:
            if name in Filler.KINDS:
                return arithmetic.filler(name, site.values, site.named)
            return arithmetic.FUNCTIONS[name](*site.values, **site.named)
        except Fault as fault:
            return self.fault(fault, site.spans.get(fault.arg, site.span))
        except TypeError:
            got = len(site.values) + len(site.named)
            return self.problem("NG205", f"wrong number of arguments for `{name}`", site.span, f"got {got}")

    # --- operators --------------------------------------------------------------------------------

    def _operator_call(self, op: type[Operator], site: Site) -> object:
        """A call of an operator. Its name is settled before its arguments when those may make layers too."""
        inside = site.token
        if any(not isinstance(argument.value, _SIMPLE) for argument in site.arguments):
            site.token = self._resolve(site.token, op.short)
            inside = Token(site.token.text, site.span, nested=True)
        self._arguments(site, inside)
        return self._node(op, site)

    def _node(self, op: type[Operator], site: Site) -> object:
        site.token = self._resolve(site.token, op.short)
        spans = site.spans
        spans[""] = site.span
        inputs, given = self._operands(op, site)
        if inputs is None:
            return BROKEN
        for name, value in site.named.items():
            if name in given:
                self.problem("NG206", f"argument `{name}` is given twice", spans[name], "it was given by position too")
            given[name] = value
        default = self.defaults.get(op.name)
        if default is not None:
            given = {**default.values, **given}
            spans = {**default.spans, **spans}
        if BROKEN in given.values():
            return BROKEN
        try:
            attrs = bind(op, given)
        except Fault as fault:
            return self.fault(fault, spans.get(fault.arg, site.span))
        if BROKEN in inputs:
            return BROKEN
        return self._add(op, attrs, inputs, spans, site)

    def _operands(self, op: type[Operator], site: Site) -> tuple[list[Any] | None, dict[str, object]]:
        """Split positional values into the tensors, which come first, and settings, which follow."""
        variadic = bool(op.operands) and op.operands[-1].endswith("...")
        inputs: list[object] = []
        taken = 0
        for value in site.values:
            if not variadic and len(inputs) == len(op.operands):
                break
            spread = [value] if value is BROKEN else tensors([value])
            if not spread or (arithmetic.is_list(value) and not variadic):
                break
            for each in spread:
                site.spans[f"x{len(inputs)}"] = site.place(taken)
                inputs.append(each)
            taken += 1
        rest = site.values[taken:]
        if not self._right_count(op, site, len(inputs), taken, variadic):
            return None, {}
        if len(rest) > len(op.args):
            takes = ", ".join(arg.name for arg in op.args) or "no settings"
            place = site.place(taken + len(op.args))
            self.problem("NG205", f"too many arguments for `{op.name}`", place, f"it takes {takes}")
            return None, {}
        given: dict[str, object] = {}
        for i, (arg, value) in enumerate(zip(op.args, rest, strict=False)):
            given[arg.name] = value
            site.spans[arg.name] = site.place(taken + i)
        return inputs, given

    def _right_count(self, op: type[Operator], site: Site, count: int, taken: int, variadic: bool) -> bool:
        fewest = op.fewest if op.fewest is not None else len(op.operands)
        rest = site.values[taken:]
        if count >= fewest and not any(isinstance(value, Value) for value in rest):
            return True
        if count == 0 and fewest == 1 and rest:
            label = f"`{op.name}` begins with a tensor, this is {a_type(rest[0])}"
            hint = f"write {op.name}(x, …) or x -> {op.name}(…)"
            self.problem("NG209", "wrong number of tensors", site.place(taken), label, hint=hint)
            return False
        most = len(op.operands)
        wanted = f"at least {fewest}" if variadic else str(fewest) if fewest == most else f"{fewest} to {most}"
        got = count + sum(isinstance(value, Value) for value in rest)
        label = f"`{op.name}` takes {wanted} tensor{'' if wanted == '1' else 's'}, got {got}"
        hint = "" if op.operands else f"`{op.name}` stands at the beginning of a chain"
        self.problem("NG209", "wrong number of tensors", site.span, label, hint=hint)
        return False

    def _resolve(self, token: Token, short: str) -> Token:
        """The token with the name that a layer really gets. Resolving twice changes nothing."""
        if token.owned:
            return token
        if token.explicit:
            try:
                self.names.claim_explicit(token.text, token.span, self.frames[-1].span if self.frames else None)
            except Clash as clash:
                self._clash(clash, token.span)
            return Token(token.text, token.span, owned=True, explicit=True, variable=token.variable)
        text = join(token.text, short) if token.nested else token.text
        return Token(self.names.claim(text), token.span, owned=True, variable=token.variable)

    def _clash(self, clash: Clash, span: Span) -> None:
        """Two layers with one explicit name: both places, or both calls where one place names both."""
        notes = [Note("first here", clash.first)]
        hint = "weights are found by layer names; change one of them"
        if clash.first == span and clash.call is not None:
            notes = [Note("first by this call", clash.call)]
            hint = 'put "{name}", the name of the instance, into it, so that each instance has its own'
        self.problem("NG212", f'two layers are named "{clash.name}"', span, "again here", notes=notes, hint=hint)

    def _add(self, op: type[Operator], attrs: Attrs, inputs: list[Value], spans: dict[str, Span], site: Site) -> object:
        if len(self.graph.nodes) >= self.max_layers:
            self.too_large(site.span, "the net has too many layers", f"the limit is {self.max_layers}")
        token, env = site.token, site.env
        node = Node(
            op,
            attrs,
            inputs,
            token.text,
            instance=env.instance,
            spans=spans,
            variable=token.variable,
            loops=env.loops,
        )
        try:
            outputs = self.graph.add(node)
            _check_multipliers(node)
            self._shared.take_in(node)
        except Fault as fault:
            return self.fault(fault, spans.get(fault.arg, site.span))
        return outputs[0] if len(outputs) == 1 else outputs

    # --- blocks -----------------------------------------------------------------------------------

    def _block_call(self, block: ast.Block, home: Module, site: Site) -> object:
        if len(self.frames) >= MAX_DEPTH:
            self.too_large(site.span, "block calls nest too deeply", f"the limit is {MAX_DEPTH} levels")
        token = site.token = self._instance_token(site.token, block.name.name)
        self._arguments(site, Token(token.text, site.span, nested=True))
        outer = site.env
        instance = Instance(
            block.name.name,
            token.text,
            outer.instance,
            site.span,
            doc=documentation(block.doc),
            variable=token.variable,
            loops=outer.loops,
        )
        inner = Env(home, instance, token.without_variable())
        inner.variables["name"] = token.text
        if not self._bind_parameters(block, inner, site):
            return BROKEN
        outer.instance.items.append(instance)
        self.frames.append(Frame(block.name.name, site.span))
        returned = self.body(block.body, inner)
        self.frames.pop()
        return self._block_result(block, instance, returned, site.span)

    def _instance_token(self, token: Token, short: str) -> Token:
        """The name of an instance. Explicit ones are claimed by the layer that takes them (rule 3)."""
        if token.explicit or token.owned:
            return token
        text = join(token.text, short) if token.nested else token.text
        return Token(self.names.claim(text), token.span, owned=True, variable=token.variable)

    def _block_result(self, block: ast.Block, instance: Instance, returned: list[object] | None, span: Span) -> object:
        if returned is None:
            if self.errors:
                return BROKEN
            return self.problem(
                "NG226",
                f"`{block.name.name}` returns nothing",
                span,
                "its result is wanted here",
                hint="end the block with `return …`",
                notes=[Note("the block is defined here", block.name.span)],
            )
        if BROKEN in returned:
            return BROKEN if len(returned) == 1 else returned
        instance.outputs = tensors(returned) or []
        return returned[0] if len(returned) == 1 else returned

    def _bind_parameters(self, block: ast.Block, inner: Env, site: Site) -> bool:
        """Give every parameter its value; false where one does not fit, so that the block is not entered."""
        good = True
        for i, parameter in enumerate(block.parameters):
            name = parameter.name.name
            if i < len(site.values):
                value, place = site.values[i], site.place(i)
            elif name in site.named:
                value, place = site.named[name], site.spans[name]
            elif parameter.default is None:
                return False
            else:
                value, place = self.eval(parameter.default, inner, inner.token.inside()), parameter.default.span
            if value is BROKEN:
                good = False
                continue
            good = self._fits(block, parameter, value, place, inner) and good
            value = as_declared(parameter, value)
            inner.variables[name] = value
            self._record(inner.instance, parameter, value)
        return good

    def _record(self, instance: Instance, parameter: ast.Parameter, value: object) -> None:
        """Note a parameter's value in the instance: a tensor as an input, anything else as a setting."""
        name = parameter.name.name
        found = tensors([value])
        if found:
            numbered = [name] if isinstance(value, Value) else [f"{name}_{i + 1}" for i in range(len(found))]
            instance.parameters += numbered
            instance.inputs += found
            return
        instance.args[name] = value
        default = parameter.default
        if isinstance(default, (ast.Number, ast.Bool)):
            instance.defaults[name] = as_declared(parameter, default.value)
        elif isinstance(default, ast.String):
            texts = [part for part in default.parts if isinstance(part, str)]
            if len(texts) == len(default.parts):
                instance.defaults[name] = "".join(texts)

    def _fits(self, block: ast.Block, parameter: ast.Parameter, value: object, place: Span, inner: Env) -> bool:
        expected: object = None
        if parameter.type is None and parameter.default is not None:
            expected = self.eval(parameter.default, inner, inner.token.inside())
        problem = misfit(parameter, value, expected)
        if not problem:
            return True
        hint = ""
        if isinstance(value, float) and "int" in problem:
            hint = "`/` gives a float; `//` divides and rounds down"
        self.problem(
            "NG207",
            "wrong type of argument",
            place,
            f"`{parameter.name.name}` of `{block.name.name}`: {problem}, got {type_name(value)}",
            hint=hint,
            notes=[Note("declared here", parameter.span)],
        )
        return False


def _makes_layers(tree: ast.Expr) -> bool:
    """Whether the first link of a chain, when it is no call itself, takes the chain's name."""
    return isinstance(tree, (ast.Conditional, ast.Chain))


_SIMPLE = (ast.Number, ast.Name, ast.Bool, ast.Attribute, ast.String)
"""Arguments that make no layers, so that the name of the call need not be settled before them."""


def _check_multipliers(node: Node) -> None:
    """A list of multipliers has one for each parameter, even for one that this layer is told to do without."""
    without = False in (node.a.get("bias"), node.a.get("affine"))
    for name in ("lr_mult", "decay_mult"):
        values = node.a.get(name)
        learned = [param.name for param in node.params if param.learned] if values is not None else []
        if values is not None and len(values) > max(1, len(learned)) and not without:
            label = f"{len(values)} multipliers for {' and '.join(learned) or 'a layer without parameters'}"
            raise Fault("NG208", "argument out of range", label, arg=name, hint="a single number will do")
