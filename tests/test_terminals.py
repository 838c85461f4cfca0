"""Promises of pictures in the terminal: true ones where it can draw, and never a stray byte where it cannot."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import helpers
import numpy as np
import pytest
from PIL import Image

from casearchive import Archive
from casearchive.cli import _inline, _terminals
from casearchive.errors import UsageError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a thing of POSIX")
TRUE = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


class Screen(io.StringIO):
    """A stream that is a terminal, or is none."""

    def __init__(self, *, tty: bool = True, encoding: str = "utf-8") -> None:
        super().__init__()
        self._tty, self._encoding = tty, encoding

    def isatty(self) -> bool:
        return self._tty

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


@pytest.fixture
def thumbnail(tmp_path: Path) -> Path:
    """Grey speckle with a red patch, 96 x 64, as the cache keeps it (without loss, to compare)."""
    picture = np.random.default_rng(1).integers(40, 200, (64, 96), np.uint8)[..., None].repeat(3, 2)
    picture[10:30, 20:50] = (210, 30, 20)
    path = tmp_path / "thumbnail.webp"
    Image.fromarray(picture).save(path, "WEBP", lossless=True)
    return path


def stored(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


# ------------------------------------------------------------------------------------------- which kind it is


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "mlterm"}, "sixel"),
        (TRUE, "blocks"),
        ({"WT_SESSION": "x"}, "blocks"),
        ({"TERM": "xterm-256color"}, "blocks-256"),
        ({"TERM": "tmux-256color", "TMUX": "x", "KITTY_WINDOW_ID": "1"}, "blocks-256"),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "iTerm.app"}, "blocks"),
        ({**TRUE, "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal", "LC_TERMINAL": "iTerm2"}, "blocks-256"),
        ({**TRUE, "ZELLIJ": "0", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "x"}, ""),
        ({"TERM": "xterm-kitty", "TERM_PROGRAM": "Apple_Terminal"}, "kitty"),
        ({"TERM": "xterm"}, ""),
        ({"TERM": "dumb", "COLORTERM": "truecolor", "KITTY_WINDOW_ID": "1"}, ""),
        ({"TERM": "linux", "TERM_PROGRAM": "iTerm.app"}, ""),
        ({**TRUE, "NO_COLOR": "1"}, ""),
        ({}, ""),
    ],
)
def test_a_terminal_is_known_by_its_surroundings(environment: dict[str, str], kind: str) -> None:
    assert _terminals.kind(Screen(), environment, asked=True) == kind
    unasked = _terminals.kind(Screen(), environment, asked=False)
    assert unasked == ("" if kind.startswith("blocks") else kind), "coarse pictures are not printed unasked"


@pytest.mark.parametrize("wanted", [*_terminals.KINDS, "auto"])
def test_what_is_no_terminal_gets_no_picture_whatever_is_wanted(wanted: str) -> None:
    environment = {**TRUE, "KITTY_WINDOW_ID": "1", _terminals.VARIABLE: wanted}
    assert _terminals.kind(Screen(tty=False), environment, asked=True) == ""


@pytest.mark.parametrize("wanted", _terminals.KINDS)
def test_whoever_knows_better_is_believed(wanted: str) -> None:
    environment = {"TERM": "xterm", "NO_COLOR": "1", _terminals.VARIABLE: wanted.upper()}
    assert _terminals.kind(Screen(), environment, asked=False) == wanted
    off = {"TERM": "xterm-kitty", _terminals.VARIABLE: "off"}
    assert _terminals.kind(Screen(), off, asked=True) == ""


def test_a_value_that_means_nothing_is_refused_naming_those_that_do() -> None:
    with pytest.raises(UsageError, match="kity") as caught:
        _terminals.kind(Screen(), {_terminals.VARIABLE: "kity"}, asked=True)
    assert "kitty" in caught.value.hint


def test_half_blocks_are_not_written_where_the_letters_cannot_be() -> None:
    assert _terminals.kind(Screen(encoding="cp1252"), TRUE, asked=True) == ""
    assert _terminals.kind(Screen(encoding="cp437"), TRUE, asked=True) == "blocks"


# -------------------------------------------------------------------------------------- what is written, read back


def test_kitty_gets_the_picture_as_png_in_pieces_and_is_told_not_to_answer(thumbnail: Path) -> None:
    text = _inline.drawn(thumbnail, "kitty", 80)
    pieces = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert "".join(f"\x1b_G{head};{data}\x1b\\" for head, data in pieces) + "\n" == text
    heads = [dict(part.split("=") for part in head.split(",")) for head, _ in pieces]
    assert (heads[0]["a"], heads[0]["f"], heads[0]["q"]) == ("T", "100", "2")
    assert [head["m"] for head in heads] == ["1"] * (len(heads) - 1) + ["0"]
    assert all(len(data) <= 4096 and len(data) % 4 == 0 for _, data in pieces)
    png = b64decode("".join(data for _, data in pieces))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), stored(thumbnail))


def test_iterm_gets_the_picture_as_png(thumbnail: Path) -> None:
    found = re.fullmatch(
        r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\a\n", _inline.drawn(thumbnail, "iterm", 80)
    )
    assert found is not None
    words = dict(part.split("=") for part in found[1].split(";"))
    png = b64decode(found[2])
    assert (words["inline"], int(words["size"])) == ("1", len(png))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), stored(thumbnail))


def unsixeled(text: str) -> np.ndarray:
    """A plain reading of DEC sixel, for lack of a library: colours in per cent, repeats, bands of six rows."""
    body = re.fullmatch(r'\x1bP[0-9;]*q"1;1;(\d+);(\d+)([!-~]*)\x1b\\\n', text)
    assert body is not None
    wide, high = int(body[1]), int(body[2])
    picture = np.full((-(-high // 6) * 6, wide, 3), -1)
    colours: dict[int, tuple[int, ...]] = {}
    across, top, now = 0, 0, 0
    for token in re.findall(r"#\d+;2;\d+;\d+;\d+|#\d+|!\d+[?-~]|[?-~]|\$|-", body[3]):
        if token[0] == "#":
            numbers = [int(n) for n in token[1:].split(";")]
            now = numbers[0]
            if len(numbers) == 5:
                colours[now] = tuple(round(n * 2.55) for n in numbers[2:])
        elif token == "$":
            across = 0
        elif token == "-":
            across, top = 0, top + 6
        else:
            count = int(token[1:-1]) if token[0] == "!" else 1
            for row in range(6):
                if (ord(token[-1]) - 63) >> row & 1:
                    picture[top + row, across : across + count] = colours[now]
            across += count
    return picture[:high]


def test_sixel_draws_every_pixel_in_about_its_colour(thumbnail: Path) -> None:
    drawn = unsixeled(_inline.drawn(thumbnail, "sixel", 80))
    assert drawn.shape == stored(thumbnail).shape
    assert drawn.min() >= 0, "no pixel is left out"
    assert np.abs(drawn - stored(thumbnail)).mean() < 3


def test_an_independent_decoder_reads_the_same_sixel(thumbnail: Path, tmp_path: Path) -> None:
    if shutil.which("sixel2png") is None:
        pytest.skip("sixel2png (libsixel-bin) is not installed")
    text = _inline.drawn(thumbnail, "sixel", 80)
    (tmp_path / "a.six").write_text(text, "ascii")
    subprocess.run(["sixel2png", "-i", tmp_path / "a.six", "-o", tmp_path / "a.png"], check=True)
    theirs = stored(tmp_path / "a.png")
    assert theirs.shape == stored(thumbnail).shape
    assert np.abs(theirs - unsixeled(text)).max() <= 2


@pytest.mark.parametrize("kind", ["blocks", "blocks-256"])
def test_half_blocks_leave_the_colours_as_they_were_and_fit_the_width(kind: str, thumbnail: Path) -> None:
    lines = _inline.drawn(thumbnail, kind, 30).splitlines()
    for line in lines:
        assert line.endswith("\x1b[0m")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert set(plain) == {"▀"}
        assert len(plain) <= 29
    assert len(lines) == pytest.approx(29 * 64 / 96 / 2, abs=1)


def test_half_blocks_show_red_where_it_is_red(thumbnail: Path) -> None:
    text = _inline.drawn(thumbnail, "blocks", 200)
    colours = [tuple(map(int, c.split(";"))) for c in re.findall(r"\x1b\[[34]8;2;([0-9;]*)m", text)]
    assert any(red > 150 and green < 80 for red, green, _ in colours)
    assert _inline._of_256(255, 255, 255) == 231
    assert _inline._of_256(0, 0, 0) == 16
    assert _inline._of_256(255, 0, 0) == 196
    assert _inline._of_256(128, 128, 128) == 244


@pytest.mark.parametrize("kind", _terminals.KINDS)
@pytest.mark.parametrize("size", [(1, 1), (256, 3), (3, 256)])
def test_odd_shapes_are_drawn(kind: str, size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "odd.webp"
    Image.new("RGB", size, (90, 120, 30)).save(path, "WEBP")
    text = _inline.drawn(path, kind, 80)
    assert text.endswith("\n")
    assert text.count("\n") <= 70


def test_a_damaged_picture_costs_the_picture_only(tmp_path: Path) -> None:
    (tmp_path / "bad.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 nonsense")
    assert _inline.drawn(tmp_path / "bad.webp", "kitty", 80) == ""
    assert _inline.drawn(tmp_path / "absent.webp", "kitty", 80) == ""


# ------------------------------------------------------------------------------------------------- the program


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    helpers.case_folder(folder / "stick" / "tear")
    archive = Archive.create(folder / "archive")
    assert archive.ingest([folder / "stick"], workers=0).failed == 0
    return folder / "archive"


def in_a_terminal(home: Path, environment: dict[str, str], *words: str) -> str:
    """What the program writes into a pseudo-terminal."""
    import pty

    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "PYTHONPATH", "LANG", "LC_ALL")}
    main, side = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "casearchive", "--archive", str(home), *words],
        stdin=subprocess.DEVNULL, stdout=side, stderr=side, env={**keep, "PYTHONUTF8": "1", **environment},
    )  # fmt: skip
    os.close(side)
    parts = []
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # Linux says so when the other side is gone
            break
        if not part:
            break
        parts.append(part)
    os.close(main)
    assert child.wait() == 0
    return b"".join(parts).decode("utf-8").replace("\r\n", "\n")


@POSIX
def test_show_draws_where_it_can_and_search_where_it_is_asked(home: Path) -> None:
    kitty = {"TERM": "xterm-kitty"}
    assert "\x1b_Ga=T" in in_a_terminal(home, kitty, "show", "tear")
    assert "\x1b_G" not in in_a_terminal(home, kitty, "show", "tear", "--no-pictures")
    assert "\x1b_G" not in in_a_terminal(home, kitty, "search", "tear")
    assert "\x1b_Ga=T" in in_a_terminal(home, kitty, "search", "--pictures", "tear")
    assert "▀" not in in_a_terminal(home, TRUE, "show", "tear")
    assert "▀" in in_a_terminal(home, TRUE, "show", "tear", "--pictures")


@POSIX
@pytest.mark.parametrize("words", [("--json",), ("--ids",), ("--csv",)])
def test_data_is_never_mixed_with_pictures(home: Path, words: tuple[str, ...]) -> None:
    said = in_a_terminal(home, {"TERM": "xterm-kitty"}, "search", "--pictures", *words, "tear")
    assert "\x1b" not in said
    if words == ("--json",):
        assert json.loads(said)["total"] == 1


@POSIX
@pytest.mark.parametrize("term", ["dumb", "xterm", "linux"])
def test_a_terminal_that_cannot_is_told_so_in_words(home: Path, term: str) -> None:
    said = in_a_terminal(home, {"TERM": term}, "search", "--pictures", "tear")
    assert not re.search(r"\x1b[_P\]]|▀", said)
    assert "shows no pictures" in said


def test_a_pipe_gets_text_alone(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "casearchive", "--archive", str(home), "search", "--pictures", "tear"],
        capture_output=True,
        env={**os.environ, "TERM": "xterm-kitty", _terminals.VARIABLE: "kitty"},
    )
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout


def test_a_search_without_pictures_loads_no_library_for_them(home: Path) -> None:
    code = (
        "import sys; from casearchive.cli import cli\n"
        "try:\n    cli(['--archive', sys.argv[1], 'search', 'tear'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('PIL', 'numpy', 'pydicom') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
