"""Which runtimes take part: those that are asked for, or all that are here."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.diag import Diagnostic, NetgenError, did_you_mean
from netgen.verify.results import LEFT_OUT, MISSING, Row
from netgen.verify.runtime import Runtime
from netgen.verify.runtimes import runtimes


def known_names() -> list[str]:
    """What ``--against`` takes: runtimes, and families of them."""
    every = runtimes()
    return list(dict.fromkeys([*(each.family for each in every), *(each.name for each in every)]))


def unknown_name(name: str) -> str:
    """What is said of a name that no runtime has; nothing where one has it."""
    names = known_names()
    if name in names:
        return ""
    if not name:
        return "a name is missing between the commas"
    begun = [f"`{each}`" for each in names if each.startswith(name.lower())][:3]
    hint = did_you_mean(name, names) or (f"did you mean {' or '.join(begun)}?" if begun else "")
    return f"no runtime `{name}`; {hint or 'there are ' + ', '.join(names)}"


class Choice:
    """The runtimes that take part, the reference first, and rows of those that do not."""

    def __init__(self, taking_part: Sequence[Runtime], others: Sequence[Row], asked: frozenset[str]) -> None:
        self.taking_part = taking_part
        self.others = others
        self.asked = asked


def choose(against: Sequence[str] = (), reference: str | None = None, device: str | None = None) -> Choice:
    """Choose by names; an unknown one is a ``ValueError``, one that cannot run here a ``NetgenError``.

    Without names all take part that are here, but for slow ones. A name of a family stands for all of it that are here,
    with the same exception. ``device`` is ``"cpu"``, ``"cuda"``, which there has to be then, or None for what there is.
    """
    for name in [*against, *filter(None, [reference])]:
        if unknown := unknown_name(name):
            raise ValueError(unknown)
    every = [each for each in runtimes() if device != "cpu" or each.device == "cpu" or each.name in against]
    lacks = {each.name: each.missing() for each in every}
    _require(every, lacks, [*against, *filter(None, [reference])], device)
    wanted = [each for each in every if _is_wanted(each, against)]
    part = [each for each in wanted if lacks[each.name] is None and (not each.slow or each.name in against)]
    first = next((each for each in every if each.name == (reference or "torch") and lacks[each.name] is None), None)
    first = first or next((each for each in part if not each.only_outputs), None)
    if first is not None:
        part = [first, *(each for each in part if each is not first)]
    others = [_absent(each, lacks[each.name]) for each in wanted if each not in part]
    named = {*against, *filter(None, [reference])}
    return Choice(part, others, frozenset(each.name for each in part if named & {each.name, each.family}))


def _is_wanted(runtime: Runtime, against: Sequence[str]) -> bool:
    return not against or runtime.name in against or runtime.family in against


def _absent(runtime: Runtime, lacks: str | None) -> Row:
    row = Row(runtime, MISSING if lacks is not None else LEFT_OUT)
    row.reasons = [lacks if lacks is not None else runtime.slow]
    row.hint = _install(runtime) if lacks is not None and "package" in lacks else ""
    return row


def _install(runtime: Runtime) -> str:
    return f"pip install 'netgen[{runtime.extra}]'"


def _require(every: Sequence[Runtime], lacks: dict[str, str | None], names: Sequence[str], device: str | None) -> None:
    """Raise where a runtime is asked for by name of which nothing can run here; or a device, which is not there."""
    problems = []
    for name in dict.fromkeys(names):
        members = [each for each in every if name in (each.name, each.family)]
        if members and all(lacks[each.name] is not None for each in members):
            title = f"a runtime is missing: {name} cannot run here, {lacks[members[0].name]}"
            code = "NG704" if members[0].device == "cuda" and "CUDA" in title else "NG703"
            problems.append(Diagnostic(code, title, hint=_install(members[0]) if code == "NG703" else ""))
    if device == "cuda":
        on_card = [each for each in every if each.device == "cuda"]
        if all(lacks[each.name] is not None for each in on_card):
            from netgen.emit.torch.device import device_of

            device_of("cuda")  # it tells why there is none
    if problems:
        raise NetgenError(problems)
