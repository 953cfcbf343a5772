"""Reading what ``torch.save`` wrote. Pickles are read by ``torch.load(weights_only=True)`` and nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from netgen.diag import NetgenError
from netgen.weights.entry import Entry, WeightsFile
from netgen.weights.faults import damaged, foreign, holds_code, package_missing, plural, unusable
from netgen.weights.pickles import code_in

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

FORMAT = "state_dict"
_PLACES = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights")
"""Under which names checkpoints keep a state_dict, in this order."""
_WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put in front of every key."""
_DEPTH = 4
_SAVE = 'in the program that made it: torch.save(model.state_dict(), "weights.pth")'


def read_torch(path: str) -> WeightsFile:
    """The tensors of a state_dict, or of a checkpoint that holds one; raises ``NetgenError``."""
    is_archive = _check_archive(path)
    state, within = _unwrapped(path, _load(path, is_archive))
    return from_state(state, path, within=within, mapped=is_archive)


def from_state(
    state: Mapping[str, object], path: str = "<state_dict>", *, within: str = "", mapped: bool = False
) -> WeightsFile:
    """A state_dict as a file of weights. ``within`` is where in a checkpoint it was; ``mapped``: it lies in a file."""
    entries = []
    for key, value in _without_wrappers(state).items():
        if _is_tensor(value):
            entries.append(_from_tensor(key, value, path, mapped))
        elif hasattr(value, "__array_interface__"):
            entries.append(_from_array(key, value, path))
    return WeightsFile(path, FORMAT, entries, within=within)


def _check_archive(path: str) -> bool:
    """Whether it is a zip archive; raises ``NetgenError`` where PyTorch did not make it so."""
    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return False
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        label = f"it is a zip archive, and its table of contents cannot be read: {error}"
        raise damaged(path, label, "it is cut off or broken: download it or copy it again") from None
    names = [member.filename for member in members]
    if any(name.endswith(".npy") for name in names):
        raise foreign(path, "it is an archive of numpy's arrays (.npz)", "save them as safetensors, with their names")
    if any(name.endswith("/constants.pkl") for name in names):
        hint = 'torch.save(torch.jit.load(FILE).state_dict(), "weights.pth")'
        raise foreign(path, "it is a TorchScript program", hint)
    if not any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        raise foreign(
            path, f"it is a zip archive of {plural(len(names), 'file')}, and not one of PyTorch's", "unpack it"
        )
    packed = next((member for member in members if member.compress_type != ZIP_STORED), None)
    if packed is not None:
        raise damaged(path, f"`{packed.filename}` in it is compressed; PyTorch compresses nothing", _SAVE)
    return True


def _load(path: str, is_archive: bool) -> object:
    try:
        import torch
    except ImportError:
        raise package_missing(path, "torch", "torch") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive or None)
    except UnpicklingError as error:
        raise _refused(path, str(error), code_in(path, is_archive)) from None
    except MemoryError:
        raise damaged(path, "it claims more memory than there is") from None
    except Exception as error:  # whatever a broken file makes of the unpickler
        reason = (str(error).splitlines() or [""])[0][:200]
        raise damaged(path, f"PyTorch cannot read it: {type(error).__name__}: {reason}") from None


def _refused(path: str, reason: str, code: str) -> NetgenError:
    """PyTorch did not want to go on: because of code, or because the pickle is broken."""
    if code:
        label = f"reading it would execute `{code}`; netgen reads numbers, and never executes what is in a file"
        return holds_code(path, label, f"if it is a whole model or a training state, {_SAVE}")
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith(("Unsupported", "Trying", "Unpickl", "Only"))), lines[-1])
    return damaged(path, f"PyTorch cannot read it: {said[:200]}", _SAVE)


def _unwrapped(path: str, loaded: object) -> tuple[Mapping[str, object], str]:
    """The state_dict in what was loaded, and where it was."""
    places = [(loaded, "")]
    for _ in range(_DEPTH):
        states = [(each, where) for each, where in places if _is_state(each)]
        if states:
            return _only(path, states)
        places = [
            (value, f"{where}.{key}" if where else str(key))
            for each, where in places
            if isinstance(each, Mapping)
            for key, value in each.items()
        ]
    kind = type(loaded).__name__
    keys = f" of {', '.join(map(str, list(loaded)[:6]))}" if isinstance(loaded, Mapping) else ""
    raise foreign(path, f"there is no state_dict in it: it holds a {kind}{keys}", _SAVE)


def _only(path: str, states: list[tuple[Any, str]]) -> tuple[Mapping[str, object], str]:
    """The state_dict that is meant, of those that lie side by side."""
    if len(states) == 1:
        return states[0]
    for place in _PLACES:
        named = [each for each in states if each[1].rpartition(".")[2] == place]
        if len(named) == 1:
            return named[0]
    names = ", ".join(where for _, where in states)
    hint = f'save the one that is meant: torch.save(torch.load(FILE)["{states[0][1]}"], "weights.pth")'
    raise foreign(path, f"it holds several state_dicts: {names}", hint)


def _is_state(value: object) -> bool:
    return isinstance(value, Mapping) and any(isinstance(key, str) and _is_tensor(each) for key, each in value.items())


def _is_tensor(value: object) -> bool:
    return hasattr(value, "untyped_storage")


def _without_wrappers(state: Mapping[str, object]) -> dict[str, object]:
    """The state without what stands in front of every key and belongs to no module of the net."""
    keys = [key for key in state if isinstance(key, str)]
    prefix = ""
    while True:
        found = next((each for each in _WRAPPERS if keys and all(key.startswith(prefix + each) for key in keys)), None)
        if found is None:
            return {key.removeprefix(prefix): state[key] for key in keys}
        prefix += found


def _from_array(key: str, array: Any, path: str) -> Entry:
    return Entry(key, tuple(array.shape), lambda: array, dtype=str(array.dtype), path=path)


def _from_tensor(key: str, tensor: Any, path: str, mapped: bool) -> Entry:
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized:
        raise unusable(path, f"`{key}` is a sparse or quantised tensor", "convert the model to dense float32 first")
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.device.type != "cpu":
        tensor = tensor.cpu()
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise damaged(path, f"`{key}` claims {tensor.numel():,} numbers, and there are fewer")
    return Entry(
        key,
        tuple(tensor.shape),
        lambda: _numpy(tensor),
        dtype=dtype,
        path=path,
        mapped=mapped,
    )


def _numpy(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The tensor's own memory as numpy sees it."""
    import torch

    tensor = tensor.detach().resolve_neg()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view("<u2")
    return tensor.numpy()
