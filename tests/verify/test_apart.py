"""Work in another process: what comes back, what is told of a failure, and that a crash is none of ours."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from wrong_runtime import against_wrong

from netgen.verify.apart import Crash, Failure, Job, compute
from netgen.verify.report import text
from netgen.verify.runtime import Runtime, Watcher
from netgen.verify.subject import Subject

Array = np.ndarray[Any, np.dtype[Any]]


# --- work ------------------------------------------------------------------------------------------


def echo(job: Job, arrays: Sequence[Array]) -> Iterator[tuple[Any, Array]]:
    print("noise that is nobody's answer")
    os.system("echo more of it")
    yield from enumerate(arrays)
    yield job["word"], np.array(os.getpid())


def refuse(job: Job, arrays: Sequence[Array]) -> Iterator[tuple[Any, Array]]:
    yield 0, np.zeros(1)
    raise ValueError("no such layer")


def crash(job: Job, arrays: Sequence[Array]) -> Iterator[tuple[Any, Array]]:
    yield 0, np.zeros(3)
    print("kernel_size [2, 2]\n", file=sys.stderr, flush=True)
    ctypes.string_at(0)


def leave(job: Job, arrays: Sequence[Array]) -> Iterator[tuple[Any, Array]]:
    raise SystemExit(7)


def work(function: str, arrays: Sequence[Array] = (), **job: object) -> list[tuple[Any, Array]]:
    return list(compute(f"{__name__}:{function}", job, arrays))


# --- tests -----------------------------------------------------------------------------------------


def test_arrays_go_over_and_come_back() -> None:
    sent: list[Array] = [
        np.arange(3 << 20, dtype=np.float32).reshape(3, -1),  # more than a pipe holds
        np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
        np.zeros((0, 4), np.float16),
        np.array(2.5),
    ]
    *came, (word, process) = work("echo", sent, word="ä\n\u2028")
    assert word == "ä\n\u2028"
    assert int(process) != os.getpid()
    for at, (array, (known_by, back)) in enumerate(zip(sent, came, strict=True)):
        assert known_by == at
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)


def test_a_process_stays_for_more() -> None:
    processes = {int(work("echo", word=word)[-1][1]) for word in "abc"}
    with pytest.raises(Failure, match="no such layer"):
        work("refuse")
    assert {int(work("echo", word="")[-1][1])} == processes


def test_an_answer_that_nobody_hears_out_is_not_taken_for_the_next() -> None:
    answers = compute(f"{__name__}:echo", {"word": ""}, [np.zeros(5), np.ones(5)])
    next(answers)
    del answers
    assert work("echo", word="next")[0][0] == "next"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
def test_a_crash_is_told_with_the_last_words() -> None:
    with pytest.raises(Crash) as caught:
        work("crash")
    assert str(caught.value) == "it crashed, with SIGSEGV (segmentation fault): kernel_size [2, 2]"
    with pytest.raises(Crash, match=r"^it crashed, with exit code 7$"):
        work("leave")
    assert work("echo", word="")


class Crashing(Runtime):
    name = "crashing"
    family = "crashing"
    about = "ends its process"
    extra = "verify"

    def missing(self) -> str | None:
        return None

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        work("crash")


def test_verify_goes_on_when_a_runtime_crashes() -> None:
    found = against_wrong("net N() { x = input(1, 2, 3, 3)\n return relu(x) }", others=[Crashing()])
    said = text(found)
    assert "crashing failed:\n  it crashed, with SIG" in said
    assert "2 runtimes agree" in said
    assert "crashing could not run N" in said
    assert not found
