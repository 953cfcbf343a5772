"""``netgen weights``: what files of weights hold, how two differ, and what a net would find in one."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite

from netgen.api import Net, build
from netgen.cli.console import Console, as_json
from netgen.cli.files import write_all
from netgen.cli.programs import compiled, read
from netgen.diag.columns import table
from netgen.weights import Entry, WeightsFile, mapping_text, read_weights
from netgen.weights.compare import CHANGED, RESHAPED, SAME, Difference, Statistics, differences
from netgen.weights.faults import plural, shape_text

Row = Sequence[str]


def run(args: Namespace, console: Console) -> int:
    """Do what is asked for; 1 where files differ or arrays are missing."""
    return {"list": _list, "diff": _diff, "map": _map}[args.action](args, console)


# --- list -----------------------------------------------------------------------------------------


def _list(args: Namespace, console: Console) -> int:
    with console.working(lambda: f"reading {args.file}"):
        file = read_weights(args.file)
        entries = [blob for layer in file.layers for blob in layer.blobs] or list(file.entries.values())
        looks = [Statistics(entry) if args.stats and entry.is_usable else None for entry in entries]
    if args.format == "json":
        text = as_json(_file_data(file, entries, looks))
    else:
        text = f"{_title(file)}\n\n{_list_table(file, entries, looks, args.stats)}"
    console.output(text + "\n")
    return 0


def _title(file: WeightsFile) -> str:
    parts = [plural(len(file.entries), "array"), plural(file.count, "number")]
    if file.layers:
        parts.insert(0, plural(len(file.layers), "layer"))
    net = f" of {file.net}" if file.net else ""
    within = f" in `{file.within}`" if file.within else ""
    return f"{file.path}: {file.format}{net}{within}, {', '.join(parts)}"


def _list_table(file: WeightsFile, entries: Sequence[Entry], looks: Sequence[Statistics | None], stats: bool) -> str:
    types = {layer.name: layer.type for layer in file.layers}
    head = ["layer", "type", "blob", "shape"] if file.layers else ["array", "shape"]
    rows: list[Row] = [[*head, "dtype", "count", *(["least", "largest", "mean"] if stats else [])]]
    for entry, look in zip(entries, looks, strict=True):
        where = [entry.layer, types[entry.layer], str(entry.index)] if file.layers else [entry.name]
        numbers = _numbers(look) if look is not None else []
        rows.append([*where, shape_text(entry.shape), entry.dtype, f"{entry.count:,}", *numbers])
    return table(rows, "l" * (len(head) + 1) + "r")


def _numbers(look: Statistics) -> list[str]:
    strange = f"  ({look.strange:,} not finite)" if look.strange else ""
    return [f"{look.least:.6g}", f"{look.largest:.6g}", f"{look.mean:.6g}{strange}"]


def _file_data(file: WeightsFile, entries: Sequence[Entry], looks: Sequence[Statistics | None]) -> dict[str, object]:
    """The same as plain data."""
    arrays = {
        id(entry): {
            "name": entry.name,
            "shape": list(entry.shape),
            "dtype": entry.dtype,
            "count": entry.count,
            "offset": entry.offset,
            **(_statistics_data(look) if look is not None else {}),
        }
        for entry, look in zip(entries, looks, strict=True)
    }
    data: dict[str, object] = {"file": file.path, "format": file.format, "count": file.count}
    if not file.layers:
        return {**data, "within": file.within, "metadata": file.metadata, "arrays": list(arrays.values())}
    layers = [
        {
            "name": layer.name,
            "type": layer.type,
            "bottoms": list(layer.bottoms),
            "tops": list(layer.tops),
            "blobs": [arrays[id(blob)] for blob in layer.blobs],
        }
        for layer in file.layers
    ]
    return {**data, "net": file.net, "layers": layers}


def _statistics_data(look: Statistics) -> dict[str, object]:
    return {
        "least": _finite(look.least),
        "largest": _finite(look.largest),
        "mean": _finite(look.mean),
        "not_finite": look.strange,
    }


def _finite(value: float) -> float | None:
    """A number that JSON has."""
    return value if isfinite(value) else None


# --- diff -----------------------------------------------------------------------------------------


def _diff(args: Namespace, console: Console) -> int:
    with console.working(lambda: f"comparing {args.file} with {args.other}"):
        files = [read_weights(path) for path in (args.file, args.other)]
        first: Mapping[str, Entry]
        second: Mapping[str, Entry]
        first, second = (file.entries for file in files)
        if args.program is not None:
            net = build(read(args.program))
            first, second = (_as_the_net_has_it(net, file) for file in files)
        elif not first.keys() & second.keys():
            args.usage_error("the files have no name in common; with --net NET they are compared as arrays of that net")
        found = list(differences(first, second))
    if args.format == "json":
        console.output(as_json([_difference_data(each) for each in found]) + "\n")
    else:
        console.output(_diff_text(found, args.all) + "\n")
    return int(any(each.state != SAME for each in found))


def _as_the_net_has_it(net: Net, file: WeightsFile) -> Mapping[str, Entry]:
    """The arrays of a file by the names of the net's; what the net knows nothing of keeps its own."""
    weights, report = net.match_weights(file)
    named = {".".join(key): entry for key, entry in weights.entries.items()}
    return named | {entry.name: entry for entry in report.left_over}


def _diff_text(found: Sequence[Difference], all_of_them: bool) -> str:
    rows: list[Row] = []
    for each in found:
        if each.state != SAME or all_of_them:
            rows.append([each.name, _change(each)])
    counts = Counter(each.state for each in found)
    sums = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    summary = f"{plural(len(found), 'array')}: {sums}" if found else "no arrays"
    return f"{table(rows, 'll')}\n\n{summary}" if rows else summary


def _change(each: Difference) -> str:
    if each.state == CHANGED:
        return f"{plural(each.count, 'number')} changed, by {each.largest:.6g} at most"
    if each.state == RESHAPED:
        return f"{shape_text(each.shape or ())} in the first, {shape_text(each.other or ())} in the second"
    return each.state


def _difference_data(each: Difference) -> dict[str, object]:
    return {
        "name": each.name,
        "state": each.state,
        "first": list(each.shape) if each.shape is not None else None,
        "second": list(each.other) if each.other is not None else None,
        "count": each.count,
        "largest": _finite(each.largest),
    }


# --- map ------------------------------------------------------------------------------------------


def _map(args: Namespace, console: Console) -> int:
    with console.working(lambda: f"looking for weights in {args.file}"):
        net = compiled(read(args.program), args)
        _, report = net.match_weights(args.file, mapping=args.mapping)
    console.output(report.text() + "\n")
    if args.save_mapping is not None:
        write_all({args.save_mapping: mapping_text(report)})
        console.remark(f"wrote {args.save_mapping}")
    return int(not report.is_complete)
