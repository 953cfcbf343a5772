"""Expressions: from syntax tree to value. Calls are the business of calls.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from netgen.diag import Span
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Instance, Loop, Value
from netgen.ir.kinds import type_name, with_article
from netgen.lang import arithmetic, ast
from netgen.lang.modules import Module
from netgen.lang.names import Token
from netgen.lang.reporter import Reporter
from netgen.lang.values import BROKEN, tensors

AXES = {"batch": 0, "channels": 1, "height": 2, "width": 3}


class Env:
    """One instance of a block while it is elaborated: its variables and where it stands."""

    __slots__ = ("instance", "loops", "module", "token", "variables")

    def __init__(self, module: Module, instance: Instance, token: Token) -> None:
        self.module = module
        self.instance = instance
        self.token = token
        """The name that ``return`` hands to its operator (rule 3)."""
        self.variables: dict[str, object] = {}
        self.loops: tuple[Loop, ...] = ()


class Expressions(Reporter):
    """Evaluates every kind of expression that is not a call."""

    def __init__(self, max_layers: int) -> None:
        super().__init__(max_layers)
        self.evaluators: dict[type, Callable[[Any, Env, Token], object]] = {
            ast.Name: self._name,
            ast.Number: lambda tree, env, token: tree.value,
            ast.Bool: lambda tree, env, token: tree.value,
            ast.String: self._string,
            ast.ListDisplay: self._list,
            ast.Attribute: self._attribute,
            ast.Index: self._index,
            ast.Unary: self._unary,
            ast.Binary: self._binary,
            ast.Range: self._range,
            ast.Conditional: self._conditional,
        }

    def eval(self, tree: ast.Expr, env: Env, token: Token) -> object:
        """The value of an expression; ``token`` is the name for the layer that it makes, if it makes one."""
        return self.evaluators[type(tree)](tree, env, token)

    def _name(self, tree: ast.Name, env: Env, token: Token) -> object:
        name = tree.name
        variables = env.variables
        if name in variables:
            return variables[name]
        if name in Filler.KINDS:
            return Filler(name)
        return self.problem(
            "NG201",
            f"`{name}` has no value here",
            tree.span,
            "the statement that assigns it did not run",
            hint="assign it before the `if` or `for` that may be passed over",
        )

    def _string(self, tree: ast.String, env: Env, token: Token) -> object:
        if len(tree.parts) == 1 and isinstance(tree.parts[0], str):
            return tree.parts[0]
        texts = []
        for part in tree.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = self.eval(part, env, token.inside())
            if value is BROKEN:
                return BROKEN
            try:
                texts.append(arithmetic.text(value))
            except Fault as fault:
                return self.fault(fault, part.span)
        text = "".join(texts)
        if len(text) > arithmetic.MAX_TEXT:
            return self.problem("NG217", "string is too long", tree.span, f"{len(text)} characters")
        return text

    def _list(self, tree: ast.ListDisplay, env: Env, token: Token) -> object:
        inside = token.inside()
        values = [self.eval(item, env, inside) for item in tree.items]
        return BROKEN if BROKEN in values else values

    def _attribute(self, tree: ast.Attribute, env: Env, token: Token) -> object:
        value = self.eval(tree.value, env, token.inside())
        if value is BROKEN:
            return BROKEN
        name = tree.name.name
        if not isinstance(value, Value):
            kind = "list of tensors" if tensors([value]) else type_name(value)
            return self.problem(
                "NG225", f"`.{name}` of {with_article(kind)}", tree.name.span, "only tensors have attributes"
            )
        shape = value.shape
        if name == "shape":
            return list(shape)
        axis = AXES.get(name)
        if axis is None:
            known = ", ".join(f".{each}" for each in ("shape", *AXES))
            return self.problem("NG201", f"a tensor has no `.{name}`", tree.name.span, f"it has {known}")
        if axis >= len(shape):
            return self.problem(
                "NG301", "wrong number of axes", tree.name.span, f"a tensor of {len(shape)} axes has no {name}"
            )
        return shape[axis]

    def _index(self, tree: ast.Index, env: Env, token: Token) -> object:
        inside = token.inside()
        return self._computed(arithmetic.index, tree.span, [tree.value, tree.index], env, inside)

    def _computed(
        self, function: Callable[..., object], span: Span, operands: Sequence[ast.Expr], env: Env, token: Token
    ) -> object:
        """A pure function of some expressions' values."""
        values = [self.eval(operand, env, token) for operand in operands]
        if BROKEN in values:
            return BROKEN
        try:
            return function(*values)
        except Fault as fault:
            return self.fault(fault, span)

    def _unary(self, tree: ast.Unary, env: Env, token: Token) -> object:
        return self._computed(
            lambda value: arithmetic.unary(tree.operator, value), tree.span, [tree.operand], env, token.inside()
        )

    def _binary(self, tree: ast.Binary, env: Env, token: Token) -> object:
        if tree.operator in ("and", "or"):
            return self._logical(tree, env)
        return self._computed(
            lambda left, right: arithmetic.binary(tree.operator, left, right),
            tree.span,
            [tree.left, tree.right],
            env,
            token.inside(),
        )

    def _logical(self, tree: ast.Binary, env: Env) -> object:
        left = self.truth(tree.left, env)
        if left is None:
            return BROKEN
        if left is (tree.operator == "or"):
            return left
        right = self.truth(tree.right, env)
        return BROKEN if right is None else right

    def _range(self, tree: ast.Range, env: Env, token: Token) -> object:
        def inclusive(first: object, last: object) -> object:
            whole = arithmetic.stepped_range(first, last)
            return range(whole.start, whole.stop + 1)

        return self._computed(inclusive, tree.span, [tree.first, tree.last], env, token.inside())

    def _conditional(self, tree: ast.Conditional, env: Env, token: Token) -> object:
        test = self.truth(tree.test, env)
        if test is None:
            return BROKEN
        return self.eval(tree.yes if test else tree.no, env, token)

    def truth(self, test: ast.Expr, env: Env) -> bool | None:
        """A condition's value, or None where it is broken."""
        value = self.eval(test, env, Token(env.instance.name, test.span, nested=True))
        if isinstance(value, bool):
            return value
        if value is BROKEN:
            return None
        try:
            return arithmetic.truth(value)
        except Fault as fault:
            self.fault(fault, test.span)
            return None
