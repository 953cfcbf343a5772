"""The sign of life of long builds: nothing for short ones, one line that is wiped for long ones."""

from __future__ import annotations

import io
import re
import threading

import pytest

from netgen.cli import progress


class Screen(io.StringIO):
    """A stream that says when something was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def flush(self) -> None:
        self.written.set()


def test_nothing_is_shown_of_what_is_quick() -> None:
    screen = Screen()
    with progress.progress(screen, lambda: "compiling"):
        pass
    assert screen.getvalue() == ""


def test_a_line_is_shown_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    screen = Screen()
    with progress.progress(screen, lambda: "compiling a.net"):
        assert screen.written.wait(30)
    shown = screen.getvalue()
    assert re.match(r"\rcompiling a\.net, \d+ s", shown)
    assert shown.endswith("\r" + " " * len("compiling a.net, 0 s") + "\r")


def test_the_line_is_wiped_after_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    screen = Screen()

    def interrupted() -> None:
        with progress.progress(screen, lambda: "compiling"):
            assert screen.written.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert screen.getvalue().endswith(" \r")
