"""The command line: files, exit codes, and what it does when the world is unkind. What it prints is in cases/."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import netgen
from netgen.cli import main
from netgen.diag.codes import CODES
from netgen.emit import TARGETS
from netgen.ops import OPERATORS

TINY = "net Tiny(width: int = 4) {\n    data = input(1, 3, 8, 8)\n    x = conv(data, width, 3)\n}\n"
REFUSED = 'net Wide() {\n    data = input(1, 3, 8, 8)\n    x = upsample(data, 2, mode = "bilinear")\n}\n'
COMMANDS = ("build", "check", "fmt", "ops", "bench", "explain")

LIBRARY = Path(netgen.__file__).parent / "library"

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with one program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.net").write_text(TINY)
    return tmp_path


def prototxt(**settings: object) -> str:
    return netgen.compile(TINY, **settings).to_prototxt()  # type: ignore[arg-type]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, for what only a process can show."""
    return subprocess.run([sys.executable, "-m", "netgen", *argv], capture_output=True, text=True, check=False)


# --- build: where results go ----------------------------------------------------------------------


def test_one_target_goes_to_standard_output(here: Path, capsys: Captured) -> None:
    assert main(["build", "tiny.net", "--target", "prototxt"]) == 0
    assert capsys.readouterr() == (prototxt(), "")


def test_a_file(here: Path, capsys: Captured) -> None:
    assert main(["build", "tiny.net", "--target", "prototxt", "-o", "deep/er/net.prototxt"]) == 0
    assert (here / "deep/er/net.prototxt").read_text() == prototxt()
    assert capsys.readouterr() == ("", "wrote deep/er/net.prototxt\n")


@pytest.mark.parametrize("folder", ["out/", "out", "new/deep/"])
def test_a_folder(here: Path, folder: str) -> None:
    (here / "out").mkdir()
    assert main(["build", "tiny.net", "--target", "prototxt", "--target", "torch", "-o", folder, "--quiet"]) == 0
    assert sorted(path.name for path in (here / folder).iterdir()) == ["tiny.prototxt", "tiny.py"]
    assert (here / folder / "tiny.prototxt").read_text() == prototxt()


@pytest.mark.parametrize("output", [[], ["-o", "out"], ["-o", "-"]])
def test_two_targets_need_a_folder(here: Path, capsys: Captured, output: list[str]) -> None:
    assert main(["build", "tiny.net", "--target", "prototxt", "--target", "torch", *output]) == 2
    assert "2 targets need a folder" in capsys.readouterr().err
    assert os.listdir(here) == ["tiny.net"]


def test_settings_are_values_of_the_language(here: Path, capsys: Captured) -> None:
    assert main(["build", "tiny.net", "--target", "prototxt", "--set", "width = 2 * 8", "--set", "width=16"]) == 0
    assert capsys.readouterr().out == prototxt(width=16)


def test_standard_input_is_a_program(monkeypatch: pytest.MonkeyPatch, here: Path, capsys: Captured) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TINY.encode())))
    assert main(["build", "-", "--target", "prototxt", "-o", "out/", "--quiet"]) == 0
    assert (here / "out/Tiny.prototxt").read_text() == prototxt()


def test_warnings_do_not_spoil_the_result(here: Path, capsys: Captured) -> None:
    (here / "warned.net").write_text(TINY.replace("width: int = 4", "width: int = 4, unused: int = 1"))
    assert main(["build", "warned.net", "--target", "prototxt"]) == 0
    printed = capsys.readouterr()
    assert printed.out == prototxt()
    assert "warning[NG211]" in printed.err
    assert main(["build", "warned.net", "--target", "prototxt", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


# --- build: whole files or none -------------------------------------------------------------------


def test_what_one_target_cannot_say_leaves_all_files_as_they_were(here: Path, capsys: Captured) -> None:
    (here / "wide.net").write_text(REFUSED)
    (here / "out").mkdir()
    (here / "out/wide.py").write_text("before")
    assert main(["build", "wide.net", "--target", "torch", "--target", "prototxt", "-o", "out/"]) == 1
    assert "NG401" in capsys.readouterr().err
    assert [path.name for path in (here / "out").iterdir()] == ["wide.py"]
    assert (here / "out/wide.py").read_text() == "before"


def test_a_file_that_cannot_be_written_leaves_the_others_as_they_were(here: Path, capsys: Captured) -> None:
    (here / "out/tiny.py").mkdir(parents=True)
    (here / "out/tiny.prototxt").write_text("before")
    assert main(["build", "tiny.net", "--target", "prototxt", "--target", "torch", "-o", "out/"]) == 1
    assert capsys.readouterr().err == "error[NG502]: cannot write out/tiny.py: it is a directory\n"
    assert (here / "out/tiny.prototxt").read_text() == "before"
    assert sorted(os.listdir(here / "out")) == ["tiny.prototxt", "tiny.py"]


def test_a_full_disk_leaves_the_file_as_it_was(here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "out.prototxt").write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert main(["build", "tiny.net", "--target", "prototxt", "-o", "out.prototxt"]) == 1
    assert capsys.readouterr().err == "error[NG502]: cannot write out.prototxt: no space left on device\n"
    assert (here / "out.prototxt").read_text() == "before"
    assert sorted(os.listdir(here)) == ["out.prototxt", "tiny.net"]


def test_an_existing_file_keeps_its_mode(here: Path) -> None:
    out = here / "out.prototxt"
    out.write_text("before")
    out.chmod(0o640)
    assert main(["build", "tiny.net", "--target", "prototxt", "-o", "out.prototxt", "--quiet"]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert out.read_text() == prototxt()


def test_a_link_stays_a_link(here: Path) -> None:
    (here / "real").mkdir()
    (here / "link.prototxt").symlink_to("real/net.prototxt")
    assert main(["build", "tiny.net", "--target", "prototxt", "-o", "link.prototxt", "--quiet"]) == 0
    assert (here / "link.prototxt").is_symlink()
    assert (here / "real/net.prototxt").read_text() == prototxt()


def test_the_program_itself_is_never_overwritten(here: Path, capsys: Captured) -> None:
    (here / "alias").symlink_to("tiny.net")
    for place in ("tiny.net", "./tiny.net", "alias"):
        assert main(["build", "tiny.net", "--target", "prototxt", "-o", place]) == 1
        assert "it is one of the inputs" in capsys.readouterr().err
    assert (here / "tiny.net").read_text() == TINY


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="needs devices")
def test_a_device_is_written_through(here: Path) -> None:
    assert main(["build", "tiny.net", "--target", "prototxt", "-o", "/dev/null", "--quiet"]) == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("output", [[], ["-o", "/dev/full"]])
def test_a_full_device_is_an_error_without_a_traceback(here: Path, output: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "netgen", "build", "tiny.net", "--target", "prototxt", *output],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error[NG502]: cannot write ")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(here: Path) -> None:
    command = f'"{sys.executable}" -m netgen build tiny.net --target prototxt | true; echo "${{PIPESTATUS[0]}}"'
    (here / "tiny.net").write_text(TINY.replace("x = conv", "for i in 1..5000 { data = relu(data) }\n    x = conv"))
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("141\n", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_an_interruption_leaves_nothing_behind(here: Path) -> None:
    os.mkfifo("long.net")
    process = subprocess.Popen(
        [sys.executable, "-m", "netgen", "build", "long.net", "--target", "prototxt", "-o", "out.prototxt"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with open("long.net", "w") as program:  # opens when netgen does, so that it is surely at work from here on
        program.write("net Long() {\n    x = input(1, 3, 8, 8)\n    for i in 1..900000 { x = relu(x) }\n}\n")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "netgen: interrupted\n")
    assert sorted(os.listdir(here)) == ["long.net", "tiny.net"]


# --- the command line itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["biuld"], "no command `biuld`; did you mean `build`?"),
        (["--verson"], "no command `--verson`; did you mean `--version`?"),
        ([], "compile a net to Caffe, PyTorch or ONNX"),
        (["build", "tiny.net", "--traget", "torch"], "no option `--traget`; did you mean `--target`?"),
        (
            ["build", "tiny.net", "--target", "torch", "--set", "width=8", "9"],
            "too many arguments: 9\n`netgen build --h",
        ),
        (["build", "tiny.net"], "the following arguments are required: --target"),
        (["build", "tiny.net", "--target", "protxt"], "no target `protxt`; did you mean `prototxt`?"),
        (["build", "tiny.net", "--target", "c++"], "no target `c++`; there are prototxt, torch"),
        (["build", "tiny.net", "--target", "torch", "--set", "width"], "`width` is not NAME=VALUE"),
        (["build", "tiny.net", "--target", "torch", "--max-layers", "many"], "`many` is not a number of layers"),
        (["ops", "conw"], "no operator or block `conw`; did you mean `conv`?"),
        (["ops", "transmogrify"], "`netgen ops` lists them all"),
        (["explain", "NG399"], "no code `NG399`"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(here: Path, capsys: Captured, argv: list[str], said: str) -> None:
    assert main(argv) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(capsys: Captured, command: str) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"netgen {command}" in text.partition("examples:")[2]


def test_help_lists_the_commands(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n    {command} " in text for command in COMMANDS)


def test_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"netgen {netgen.__version__}\n"


def test_python_m_netgen(here: Path) -> None:
    done = run("build", "tiny.net", "--target", "prototxt")
    assert (done.returncode, done.stdout, done.stderr) == (0, prototxt(), "")


def test_a_result_is_utf_8_whatever_the_terminal_speaks(here: Path) -> None:
    (here / "tiny.net").write_text("# Größe\n" + TINY, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "netgen", "build", "tiny.net", "--target", "prototxt"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout.decode("utf-8").startswith("# Größe\n")


def test_a_fault_of_netgens_own_is_said_to_be_one(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("netgen.cli.programs.build", broken)
    monkeypatch.delenv("NETGEN_DEBUG", raising=False)
    assert main(["build", "tiny.net", "--target", "prototxt"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("error[NG901]: a fault of netgen's own: KeyError: 'lost' at test_cli.py:")
    assert "please report it" in err
    assert "Traceback" not in err
    monkeypatch.setenv("NETGEN_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["build", "tiny.net", "--target", "prototxt"])


# --- messages ---------------------------------------------------------------------------------------


@pytest.fixture
def wrong(here: Path) -> Path:
    (here / "wrong.net").write_text("net A() {\n    data = input(1, 3, 8, 8)\n    x = conv(data, 0, 3)\n}\n")
    return here


def test_color_is_for_terminals_unless_it_is_asked_for(wrong: Path, capsys: Captured) -> None:
    main(["check", "wrong.net"])
    assert "\x1b[" not in capsys.readouterr().out
    main(["check", "wrong.net", "--color", "always"])
    assert "\x1b[" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "option", "colored"),
    [({}, "auto", True), ({"NO_COLOR": "1"}, "auto", False), ({"TERM": "dumb"}, "auto", False), ({}, "never", False)],
)
def test_a_terminal_gets_color(
    wrong: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], option: str, colored: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["build", "wrong.net", "--target", "prototxt", "--color", option]) == 1
    assert ("\x1b[" in terminal.getvalue()) is colored


def test_json_is_for_programs(wrong: Path, capsys: Captured) -> None:
    assert main(["check", "wrong.net", "tiny.net", "--format", "json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert (problem["code"], problem["file"], problem["line"], problem["column"]) == ("NG208", "wrong.net", 3, 20)
    assert main(["check", "tiny.net", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["build", "wrong.net", "--target", "prototxt", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().err)[0]["code"] == "NG208"


# --- check ------------------------------------------------------------------------------------------


def test_check_goes_through_all_files(wrong: Path, capsys: Captured) -> None:
    assert main(["check", "wrong.net", "missing.net", "tiny.net"]) == 1
    out = capsys.readouterr().out
    assert "NG208" in out
    assert "NG213" in out
    assert out.endswith("\n2 errors in 2 of 3 files\n")


def test_check_says_what_several_files_share_once(here: Path, capsys: Captured) -> None:
    (here / "blocks.net").write_text("block head(x) {\n    return convv(x, 3)\n}\n")
    for name in "ab":
        text = 'use "blocks.net": head\nnet A() {\n    data = input(1, 3, 8, 8)\n    x = head(data)\n}\n'
        (here / f"{name}.net").write_text(text)
    assert main(["check", "a.net", "b.net", "blocks.net"]) == 1
    assert capsys.readouterr().out.count("error[NG202]") == 1


def test_warnings_fail_only_if_that_is_wanted(here: Path, capsys: Captured) -> None:
    (here / "warned.net").write_text("net A(unused: int = 1) {\n    data = input(1, 3)\n}\n")
    assert main(["check", "warned.net"]) == 0
    assert main(["check", "warned.net", "--strict"]) == 1
    assert capsys.readouterr().out.endswith("\n1 warning in 1 file\n")


# --- fmt --------------------------------------------------------------------------------------------

UGLY = "net  Tiny( ){data=input(1,3)}"
NEAT = "net Tiny() {\n    data = input(1, 3)\n}\n"


@pytest.fixture
def ugly(here: Path) -> Path:
    path = here / "ugly.net"
    path.write_text(UGLY)
    return path


def test_fmt_rewrites_what_is_not_neat(ugly: Path, capsys: Captured) -> None:
    assert main(["fmt", "ugly.net", "tiny.net"]) == 0
    assert ugly.read_text() == NEAT
    assert capsys.readouterr() == ("", "formatted ugly.net\n")
    assert main(["fmt", "ugly.net", "tiny.net"]) == 0
    assert capsys.readouterr() == ("", "")


def test_fmt_check_and_diff_write_nothing(ugly: Path, capsys: Captured) -> None:
    assert main(["fmt", "--check", "ugly.net", "tiny.net"]) == 1
    assert capsys.readouterr() == ("", "would change ugly.net\n")
    assert main(["fmt", "--diff", "ugly.net", "tiny.net", "--quiet"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("--- ugly.net\n+++ ugly.net (formatted)\n")
    assert "+    data = input(1, 3)\n" in printed.out
    assert ugly.read_text() == UGLY
    assert main(["fmt", "--check", "tiny.net"]) == 0


def test_fmt_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    assert main(["fmt", "-"]) == 0
    assert capsys.readouterr().out == NEAT


def test_fmt_formats_the_rest_if_one_file_cannot_be_read(ugly: Path, capsys: Captured) -> None:
    (ugly.parent / "broken.net").write_text("net A( {")
    assert main(["fmt", "broken.net", "ugly.net"]) == 1
    assert ugly.read_text() == NEAT
    assert "error[NG1" in capsys.readouterr().err
    assert (ugly.parent / "broken.net").read_text() == "net A( {"


def test_fmt_makes_line_ends_uniform(ugly: Path) -> None:
    ugly.write_bytes(NEAT.replace("\n", "\r\n").encode())
    assert main(["fmt", "ugly.net", "--quiet"]) == 0
    assert ugly.read_bytes() == NEAT.encode()


# --- ops and explain ----------------------------------------------------------------------------------


def test_ops_has_a_line_for_each_operator_and_block(capsys: Captured) -> None:
    assert main(["ops"]) == 0
    operators, _, libraries = capsys.readouterr().out.partition("\nBlocks of the library `common`: ")
    assert sorted(re.findall(r"^  (\w+) +\S", operators, re.M)) == sorted(OPERATORS)
    written = "".join(path.read_text() for path in sorted(LIBRARY.glob("*.net")))
    assert re.findall(r"^  (\w+) +\S", libraries, re.M) == re.findall(r"^block (\w+)", written, re.M)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_ops_explains_an_operator(capsys: Captured, name: str) -> None:
    """The page compiles the operator's example, and has what every target makes of it."""
    assert main(["ops", name]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"{name}(")
    assert all(f"\n  {arg.name}" in page for arg in OPERATORS[name].args)
    for target in ("Caffe", "PyTorch", "ONNX"):
        assert page.partition(f"\n{target}\n  ")[2].strip()


def test_ops_shows_blocks_as_they_are_written(capsys: Captured) -> None:
    """Of all libraries that have one of the name."""
    assert main(["ops", "transition"]) == 0
    page = capsys.readouterr().out
    for library in ("densenet", "pelee"):
        _, use, rest = page.partition(f"use {library}: transition\n\n")
        text = rest.partition("\n}\n")[0]
        assert use
        assert text in (LIBRARY / f"{library}.net").read_text()


def test_ops_as_json(capsys: Captured) -> None:
    assert main(["ops", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [op["name"] for op in found if "library" not in op] == list(OPERATORS)
    assert main(["ops", "conv", "--format", "json"]) == 0
    conv = json.loads(capsys.readouterr().out)
    assert {"name": "out", "kind": "int >= 1", "required": True, "default": None, "doc": "output channels"} in conv[
        "arguments"
    ]


@pytest.mark.parametrize("code", sorted(CODES))
def test_explain_tells_the_story_of_a_code(capsys: Captured, code: str) -> None:
    assert main(["explain", code]) == 0
    heading, _, story = capsys.readouterr().out.partition("\n\n")
    assert heading == f"{code}: {CODES[code].title}"
    assert len(story) > 80


def test_explain_takes_what_people_copy(capsys: Captured) -> None:
    wanted = []
    for text in ("NG302", "ng302", "302", "error[NG302]", "[NG302]:"):
        assert main(["explain", text]) == 0
        wanted.append(capsys.readouterr().out)
    assert len(set(wanted)) == 1


def test_explain_lists_all_codes(capsys: Captured) -> None:
    assert main(["explain"]) == 0
    assert [line[:5] for line in capsys.readouterr().out.splitlines() if line] == list(CODES)


def test_targets_are_told_by_help(capsys: Captured) -> None:
    main(["build", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert all(f"{name}: {target.about}" in text for name, target in TARGETS.items())
