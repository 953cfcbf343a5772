"""Files and what they know: blocks of their own, and blocks that ``use`` brings in."""

from __future__ import annotations

import os

from netgen.diag import Diagnostic, NetgenError, Note, Source, Span, did_you_mean
from netgen.lang import ast
from netgen.lang.parse import parse, read_source

LIBRARY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "library")
"""The folder of the bundled blocks."""
SHOWN = "netgen/library"
"""What messages call it, wherever netgen is installed."""


class Module:
    """One parsed file with the blocks that its programs can call: its own and the imported ones."""

    __slots__ = ("blocks", "checked", "file", "homes", "path")

    def __init__(self, file: ast.File, path: str) -> None:
        self.file = file
        self.path = path
        self.blocks: dict[str, ast.Block] = {}
        self.homes: dict[str, Module] = {}
        """The module that a block was written in, by the name it has here."""
        self.checked = False


_bundled: dict[str, Module] = {}
"""Bundled libraries stay parsed: they do not change while the process runs."""


def libraries() -> list[str]:
    """The names of the bundled libraries."""
    return sorted(name[:-4] for name in os.listdir(LIBRARY) if name.endswith(".net"))


def load(source: Source) -> tuple[Module, list[Module]]:
    """Parse a source and all that it uses.

    Returns its module and every module, each after those that it uses. Raises ``NetgenError`` with all problems of
    all files together.
    """
    loader = _Loader()
    module = loader.module(source, _identity(source.path))
    if loader.problems or module is None:
        raise NetgenError(loader.problems)
    return module, loader.order


def _identity(path: str) -> str:
    return os.path.realpath(path)


class _Loader:
    def __init__(self) -> None:
        self.problems: list[Diagnostic] = []
        self.order: list[Module] = []
        self._done: dict[str, Module | None] = {}
        self._open: list[tuple[str, str]] = []

    def module(self, source: Source, identity: str) -> Module | None:
        """The module of a source; None, with the problems noted, where it cannot be read."""
        try:
            file = parse(source)
        except NetgenError as error:
            self.problems.extend(error.diagnostics)
            self._done[identity] = None
            return None
        module = Module(file, source.path)
        self._open.append((identity, source.path))
        self._own_blocks(module)
        for use in file.uses:
            self._use(module, use)
        self._open.pop()
        self._done[identity] = module
        self.order.append(module)
        return module

    def _own_blocks(self, module: Module) -> None:
        for block in module.file.blocks:
            name = block.name.name
            if name in module.blocks:
                self._twice(name, block.name.span, module.blocks[name].name.span)
                continue
            module.blocks[name] = block
            module.homes[name] = module

    def _twice(self, name: str, again: Span, first: Span) -> None:
        self.problems.append(
            Diagnostic(
                "NG210",
                f"`{name}` is defined twice",
                again,
                "again here",
                notes=[Note("first here", first)],
                hint="rename one of them; an imported block can be renamed with `as`",
            )
        )

    def _use(self, module: Module, use: ast.Use) -> None:
        home = self._find(module, use)
        if home is None:
            return
        for item in use.names:
            block = home.blocks.get(item.name.name)
            if block is None or home.homes[item.name.name] is not home:
                self._no_such_block(home, item)
            elif item.alias.name in module.blocks:
                self._twice(item.alias.name, item.alias.span, self._first_place(module, item))
            else:
                module.blocks[item.alias.name] = block
                module.homes[item.alias.name] = home

    @staticmethod
    def _first_place(module: Module, again: ast.Import) -> Span:
        """Where else a name is given that an import gives again."""
        name = again.alias.name
        for use in module.file.uses:
            for item in use.names:
                if item is again:
                    return module.blocks[name].name.span
                if item.alias.name == name:
                    return item.alias.span
        raise AssertionError("the import is one of the module's")

    def _no_such_block(self, home: Module, item: ast.Import) -> None:
        own = [name for name in home.blocks if home.homes[name] is home]
        has = f"it has {', '.join(own)}" if own else "it has none"
        self.problems.append(
            Diagnostic(
                "NG214",
                f"no block `{item.name.name}` in {home.path}",
                item.name.span,
                has,
                hint=did_you_mean(item.name.name, own),
            )
        )

    def _find(self, module: Module, use: ast.Use) -> Module | None:
        if isinstance(use.path, ast.Name):
            return self._bundled(use.path)
        written = "".join(part for part in use.path.parts if isinstance(part, str))
        if not all(isinstance(part, str) for part in use.path.parts) or not written:
            self.problems.append(
                Diagnostic("NG213", "the path of a file is written out", use.path.span, "no interpolation here")
            )
            return None
        path = os.path.join(os.path.dirname(module.path), written)
        return self._opened(path, use.path.span)

    def _bundled(self, name: ast.Name) -> Module | None:
        if name.name in _bundled:
            module = _bundled[name.name]
            if module not in self.order:
                self.order.append(module)
            return module
        known = libraries()
        if name.name not in known:
            self.problems.append(
                Diagnostic(
                    "NG213",
                    f"no library `{name.name}`",
                    name.span,
                    f"bundled are {', '.join(known)}",
                    hint=did_you_mean(name.name, known) or f'for a file of your own: use "{name.name}.net": …',
                )
            )
            return None
        before = len(self.problems)
        module_or_none = self._opened(os.path.join(LIBRARY, name.name + ".net"), name.span, f"{SHOWN}/{name.name}.net")
        if module_or_none is not None and len(self.problems) == before:
            _bundled[name.name] = module_or_none
        return module_or_none

    def _opened(self, path: str, span: Span, shown: str = "") -> Module | None:
        """The module of a file that is used at ``span``; ``shown`` is what messages call it."""
        identity = _identity(path)
        if any(identity == open_identity for open_identity, _ in self._open):
            self._cycle(identity, span)
            return None
        if identity in self._done:
            return self._done[identity]
        if len(self._open) > 50:
            self.problems.append(Diagnostic("NG217", "files use each other too deeply", span, "the limit is 50 levels"))
            return None
        try:
            source = read_source(path)
        except NetgenError as error:
            self.problems += [_placed(problem, span) for problem in error.diagnostics]
            self._done[identity] = None
            return None
        source.path = shown or source.path
        return self.module(source, identity)

    def _cycle(self, identity: str, span: Span) -> None:
        paths = [path for open_identity, path in self._open]
        start = next(i for i, (each, _) in enumerate(self._open) if each == identity)
        ring = " uses ".join([*paths[start:], paths[start]])
        self.problems.append(
            Diagnostic(
                "NG215",
                "files use each other in a circle",
                span,
                ring,
                hint="move the blocks that both need into a third file",
            )
        )


def _placed(problem: Diagnostic, use: Span) -> Diagnostic:
    """What is wrong with a file that a ``use`` names, said at that place if there is nothing to show of the file."""
    if problem.code in ("NG213", "NG501"):
        problem.span = use
    else:
        problem.notes = (*problem.notes, Note("used here", use))
    return problem
