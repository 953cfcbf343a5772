"""The body of a block: steps become statements, and names are written where the language would not give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from netgen.emit.net import loops
from netgen.emit.net.chains import Chain, Step, chains
from netgen.emit.net.cores import HOLE, SEPARATORS, pattern
from netgen.emit.net.expr import is_identifier
from netgen.emit.net.program import Link, Loop, Statement
from netgen.emit.net.settings import Settings
from netgen.emit.net.variables import Variables
from netgen.ir.graph import Value


class Body:
    """The body of one block, or of the net; ``names`` are those of the instance in each call, where they are known.

    ``tensors`` are the inputs with their names, ``layers`` the names of all layers of the net.
    """

    def __init__(
        self,
        names: list[str] | None,
        tensors: Mapping[Value, str],
        outputs: Sequence[Value],
        settings: Settings,
        layers: Set[str],
        *,
        is_net: bool = False,
    ) -> None:
        self.names = names
        self.tensors = tensors
        self.outputs = list(outputs)
        self.settings = settings
        self.is_net = is_net
        self.gives_name = False
        """Whether a label in it is the instance's own name."""
        self.takes_name = False
        """Whether what it returns takes the instance's own name."""
        self.reserved: set[str] = {"name"}
        self.taken: set[str] = {*tensors.values(), "name"}
        self._layers = layers
        self._texts: dict[Value, str] = dict(tensors)
        self._claimed: set[str] = set()

    def statements(self, steps: Sequence[Step]) -> list[Statement | Loop]:
        cut = list(chains(steps, self.outputs, is_net=self.is_net))
        self._returned(cut)
        Variables(self, cut).choose()
        claims = self._claims(cut)
        found: list[Statement | Loop] = []
        for chain in cut:
            found += self._statements(chain, claims)
        if self.outputs and not any(chain.returns for chain in cut):
            found.append(Statement([], ", ".join(self._texts[value] for value in self.outputs), [], returns=True))
        self.settings.name_parameters(self.taken | self.reserved)
        return loops.fold(found, {*self.taken, *self.reserved, *(each.name for each in self.settings.parameters)})

    def where(self, name: str) -> str:
        """What tells a layer's name from those of others in the body: the part behind what they have in common."""
        for _, values in self.settings.known[:1]:
            before, _, after = pattern(name, values[0]).rpartition(HOLE)
            name = after.strip(SEPARATORS) or before.strip(SEPARATORS)
        return name.rpartition("/")[2]

    def relative(self, names: Sequence[str] | None) -> str:
        """The variable that would give layers these names; empty where none does."""
        if names is None or self.names is None:
            return ""
        first = names[0].removeprefix(f"{self.names[0]}/" if self.names[0] else "")
        return first if list(names) == self._below(first) and is_identifier(first) else ""

    def _below(self, name: str) -> list[str] | None:
        if self.names is None:
            return None
        return [f"{each}/{name}" if each else name for each in self.names]

    def _returned(self, chains: Sequence[Chain]) -> None:
        """A block returns its last statement, if that makes all that it gives."""
        last = chains[-1]
        if not self.is_net and last.results == self.outputs and len(self.outputs) == 1:
            last.returns = True

    # --- names -----------------------------------------------------------------------------------

    def _claims(self, chains: Sequence[Chain]) -> list[str]:
        """The variables whose names go to instances after which no layer is called."""
        found = []
        for chain in chains:
            if chain.steps[0].names is None and not chain.returns:
                found.append(chain.targets[0] if len(chain.targets) == 1 else chain.steps[0].callee.name)
        return found

    def _statements(self, chain: Chain, claims: Sequence[str]) -> Iterator[Statement]:
        steps = chain.steps
        links = [Link(step.callee, [], step.arguments) for step in steps]
        links[0].operands = [self._texts[value] for value in steps[0].operands]
        self._label(chain, links, claims)
        head = ""
        if len(links) > 1 and len(links[0].operands) == 1:
            head = links[0].operands.pop()
        for value, variable in chain.saved:
            yield Statement([variable], self._texts[value], [])
            self._texts[value] = variable
        statement = Statement(chain.targets, head, links, returns=chain.returns)
        statement.notes = [note for step in steps for note in step.notes]
        for i, value in enumerate(chain.results):
            self._texts[value] = chain.targets[i] if len(chain.targets) > 1 else "".join(chain.targets)
        yield statement
        if chain.is_list and len(chain.targets) == 1:
            yield from self._named_items(chain)

    def _named_items(self, chain: Chain) -> Iterator[Statement]:
        """Items of a list, and those of them that have a name of their own after all."""
        step = chain.steps[-1]
        for i, value in enumerate(chain.results):
            self._texts[value] = f"{chain.targets[0]}[{i}]"
            variable = step.variables[i] if step.op is not None else ""
            if variable:
                yield Statement([variable], self._texts[value], [])
                self._texts[value] = variable

    def _label(self, chain: Chain, links: Sequence[Link], claims: Sequence[str]) -> None:
        """Say the names that the language would not give by itself."""
        base: list[str] | None = None
        for i, (step, link) in enumerate(zip(chain.steps, links, strict=True)):
            if i > 0:
                made = [f"{each}/{step.short}" for each in base] if base is not None else None
            elif chain.returns:
                made = self.names
            else:
                made = self._below(chain.targets[0] if len(chain.targets) == 1 else step.short)
            if step.names is None:
                base = None
                continue
            if step.names == made and self._is_free(step, made, claims):
                self._claimed.update(made)
                self.takes_name |= made == self.names
                base = base if i > 0 else made
                continue
            link.label = self.settings.text(step.names)
            self.gives_name |= step.names == self.names
            base = step.names

    def _is_free(self, step: Step, names: list[str], claims: Sequence[str]) -> bool:
        """Whether nothing else has or gets some names."""
        if step.op is None and (step.must_label or not self._claimed.isdisjoint(names)):
            return False
        if step.op is None and not step.takes_name and not self._layers.isdisjoint(names):
            return False
        own = names[0].removeprefix(f"{self.names[0]}/" if self.names and self.names[0] else "")
        return not any(own == each or own.startswith((f"{each}_", f"{each}/")) for each in claims)
