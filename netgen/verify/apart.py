"""Work in a process of its own: a program in C++ that crashes takes that process with it, and nothing else.

OpenCV reads past the end of a vector where a layer has fewer strides than axes, and then divides by what it finds;
MNN's converter ends its process where it gives up. Both are results to be told, not the end of a comparison.

A process is started when its module is first asked for work, and stays for what comes next. Requests go to its standard
input and answers come from what was its standard output: a line of JSON each, with an array's bytes behind it where it
names one.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from tempfile import TemporaryFile
from threading import RLock
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netgen.verify.runtime import Array

Job = Mapping[str, Any]
"""What a piece of work is told: words, numbers, and lists of both."""

_SERVE = "from netgen.verify.apart import serve; serve()"


class Failure(Exception):
    """What a program said when it gave up."""


class Crash(Failure):
    """A program ended its process, and the last that it printed before."""

    def __init__(self, how: str, last_words: str) -> None:
        super().__init__(": ".join(filter(None, (f"it crashed, with {how}", last_words))))
        self.last_words = last_words


def compute(work: str, job: Job, arrays: Sequence[Array] = ()) -> Iterator[tuple[Any, Array]]:
    """Have ``module:function`` called with a job and arrays; it yields arrays, each with something to know it by.

    Raises ``Failure`` with the words of an exception in there, and ``Crash`` if the process ends.
    """
    module = work.partition(":")[0]
    with _lock:
        worker = _workers.get(module)
        if worker is None or not worker.usable:
            worker = _workers[module] = _Worker()
        yield from worker.compute(work, job, arrays)


class _Worker:
    """A process that waits for work."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._noise = TemporaryFile()  # noqa: SIM115 - it is read when the process has ended
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)  # it finds all that is found here
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            env={**os.environ, "PYTHONPATH": path},
        )

    @property
    def usable(self) -> bool:
        """Whether it still runs, and belongs to this process rather than to one that this one was forked from."""
        return self._owner == os.getpid() and self._process.poll() is None

    def compute(self, work: str, job: Job, arrays: Sequence[Array]) -> Iterator[tuple[Any, Array]]:
        self._noise.seek(0)
        self._noise.truncate()
        told = False
        try:
            yield from self._converse(work, job, arrays)
            told = True
        except (BrokenPipeError, EOFError):
            raise self._crash() from None
        except Failure:
            told = True
            raise
        finally:
            if not told:
                self.stop(kill=True)  # nobody heard the answer out: what is left of it is not to be taken for the next

    def _converse(self, work: str, job: Job, arrays: Sequence[Array]) -> Iterator[tuple[Any, Array]]:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        _say(requests, {"work": work, "job": dict(job), "arrays": len(arrays)})
        for array in arrays:
            _say(requests, {}, array)
        requests.flush()
        while True:
            said, array_or_none = _heard(answers)
            if array_or_none is not None:
                yield said["known by"], array_or_none
            elif "failure" in said:
                raise Failure(said["failure"])
            else:
                return

    def _crash(self) -> Crash:
        code = self._process.wait()
        self._noise.seek(0)
        lines = self._noise.read(1 << 20).decode("utf-8", "replace").splitlines()
        return Crash(_how(code), next((line.strip() for line in reversed(lines) if line.strip()), ""))

    def stop(self, *, kill: bool = False) -> None:
        if self._owner != os.getpid():
            return
        if kill:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it has ended by itself, with a request unread
                    pipe.close()
        self._process.wait()
        self._noise.close()


_workers: dict[str, _Worker] = {}
_lock = RLock()


@atexit.register
def _stop() -> None:
    for worker in _workers.values():
        worker.stop()


def _how(code: int) -> str:
    """What ended a process, by its exit code: negative is the number of a signal."""
    if code >= 0:
        return f"exit code {code}"
    return f"{signal.Signals(-code).name} ({(signal.strsignal(-code) or '').lower()})"


# --- in the other process -------------------------------------------------------------------------


def serve() -> None:
    """Do work until nobody asks any more. What programs print goes to the standard error, where it is kept."""
    requests = sys.stdin.buffer
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        while True:
            try:
                said, _ = _heard(requests)
                arrays = [array for _, array in (_heard(requests) for _ in range(said["arrays"])) if array is not None]
            except EOFError:
                return
            _do(answers, said["work"], said["job"], arrays)


def _do(answers: IO[bytes], work: str, job: Job, arrays: Sequence[Array]) -> None:
    module, _, function = work.partition(":")
    end = {}
    try:
        for known_by, array in getattr(import_module(module), function)(job, arrays):
            _say(answers, {"known by": known_by}, array)
    except Exception as error:  # whatever it is, it is told over there
        end = {"failure": str(error) or type(error).__name__}
    _say(answers, end)
    answers.flush()


# --- what goes over -------------------------------------------------------------------------------


def _say(pipe: IO[bytes], said: dict[str, Any], array: Array | None = None) -> None:
    import numpy as np

    if array is not None:
        array = np.asarray(array, order="C")
        said = {**said, "type": array.dtype.str, "shape": array.shape}
    pipe.write(json.dumps(said).encode() + b"\n")
    if array is not None and array.size:
        pipe.write(array.reshape(-1).view(np.uint8).data)


def _heard(pipe: IO[bytes]) -> tuple[dict[str, Any], Array | None]:
    """The next line and the array behind it; raises ``EOFError`` if there is no more."""
    import numpy as np

    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    said = json.loads(line)
    if "type" not in said:
        return said, None
    array = np.empty(said["shape"], np.dtype(said["type"]))
    to = array.reshape(-1).view(np.uint8)
    at = 0
    while at < to.size:
        read = pipe.readinto(to[at:].data)  # type: ignore[attr-defined] # typeshed's IO has none; files do
        if not read:
            raise EOFError
        at += read
    return said, array
