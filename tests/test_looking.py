"""Text in the picture: found in every frame, script and direction, read, and told apart from what is harmless."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import needs_detector
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from test_airlock import speckle

from casearchive.deid import looking, ocr, screen
from casearchive.deid.looking import Looked, Seen
from casearchive.deid.needles import build
from casearchive.deid.pixels import Area, Box
from casearchive.errors import PictureUnavailable
from casearchive.model import Facts, Identifier, Instance, Series, Study, Subject

ROWS, COLUMNS = 480, 640
WHOLE = Area(ROWS, COLUMNS, (Box(0, 0, COLUMNS - 1, ROWS - 1),), ())
#: Debian's fonts-dejavu-core and fonts-wqy-microhei; the default font of Pillow writes Latin letters only.
WIDE = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
EASTERN = Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")


def echoes(seed: int = 1) -> NDArray[np.uint8]:
    return speckle(ROWS, COLUMNS, seed)


def written(
    frame: NDArray[np.uint8], text: str, at: tuple[int, int], size: int = 18, *, font: Path | None = None,
    colour: str = "white", turn: Image.Transpose | None = None, ground: str = "",
) -> NDArray[np.uint8]:  # fmt: skip
    """``text`` drawn at ``at`` (x, y of its corner), turned or mirrored, on a ground of its own or none."""
    type_ = ImageFont.truetype(str(font), size) if font else ImageFont.load_default(size)
    left, top, right, bottom = type_.getbbox(text)
    ink = Image.new("L", (round(right - left) + 4, round(bottom - top) + 4))
    ImageDraw.Draw(ink).text((2 - left, 2 - top), text, font=type_, fill=255)
    ink = ink.transpose(turn) if turn is not None else ink
    image = Image.fromarray(frame)
    if ground:
        image.paste(Image.new("RGB", (ink.width + 8, ink.height + 8), ground), (at[0] - 4, at[1] - 4))
    image.paste(Image.new("RGB", ink.size, colour), at, ink)
    return np.asarray(image)


def overlaps(seen: Seen, at: tuple[int, int]) -> bool:
    return any(
        b.x0 <= at[0] + 60 and b.x1 >= at[0] and b.y0 <= at[1] + 60 and b.y1 >= at[1] for b in seen.texts
    )


# --------------------------------------------------------------------------------------------- found

AT = (200, 160)


@needs_detector
@pytest.mark.parametrize("turn", [None, *Image.Transpose])
def test_a_name_is_found_however_it_is_turned_or_mirrored(turn: Image.Transpose | None) -> None:
    frame = written(echoes(), "Quillfeather", AT, turn=turn)
    assert overlaps(looking.seen_in(frame, WHOLE), AT)


@needs_detector
@pytest.mark.parametrize(
    ("script", "text", "font"),
    [
        ("Latin", "Müller^Zoë", WIDE), ("Cyrillic", "Иванова Анна", WIDE), ("Greek", "Παπαδόπουλος", WIDE),
        ("Arabic", "محمد علي", WIDE), ("Chinese", "王小明", EASTERN), ("Japanese", "山田 太郎", EASTERN),
        ("Korean", "김민수", EASTERN),
    ],
)  # fmt: skip
def test_a_name_is_found_in_any_script(script: str, text: str, font: Path) -> None:
    if not font.is_file():
        pytest.skip(f"the font is not here (Debian's package fonts-{font.parent.name})")
    found = [
        overlaps(looking.seen_in(written(echoes(n), text, AT, 20, font=font), WHOLE), AT) for n in range(4)
    ]
    assert sum(found) >= 3, script


@needs_detector
@pytest.mark.parametrize(
    ("ground", "colour"), [("#e8e8e8", "white"), ("#101018", "#303038"), ("#203050", "#4060a0")]
)
def test_light_on_light_and_dark_on_dark_is_found(ground: str, colour: str) -> None:
    frame = written(echoes(), "QUILLFEATHER JO", AT, 20, colour=colour, ground=ground)
    assert overlaps(looking.seen_in(frame, WHOLE), AT)


@needs_detector
def test_print_of_nine_pixels_is_found_in_a_frame_that_is_looked_at_closely() -> None:
    dice = random.Random(4)
    found = []
    for seed in range(8):
        at = (dice.randint(60, 420), dice.randint(60, 380))
        frame = written(echoes(seed), "Quillfeather 4711", at, 10)
        found.append(overlaps(looking.seen_in(frame, WHOLE, closely=True), at))
    assert sum(found) >= 7


@needs_detector
def test_text_counts_only_where_it_touches_what_is_kept() -> None:
    area = Area(ROWS, COLUMNS, (Box(0, 100, COLUMNS - 1, ROWS - 1),), ())
    assert not looking.seen_in(written(echoes(), "Quillfeather", (200, 30)), area).texts
    assert looking.seen_in(written(echoes(), "Quillfeather", (200, 92), 24), area).texts


@needs_detector
def test_a_large_picture_is_looked_at_in_parts_that_overlap() -> None:
    rows, columns = 1900, 2400
    frame = np.asarray(Image.fromarray(echoes()).resize((columns, rows)))
    area = Area(rows, columns, (Box(0, 0, columns - 1, rows - 1),), ())
    for at in ((1480, 1500), (60, 40), (2100, 1800)):
        assert overlaps(looking.seen_in(written(frame, "Quillfeather", at, 26), area), at), at


@needs_detector
def test_a_frame_of_another_size_is_not_looked_at_by_guess() -> None:
    with pytest.raises(ValueError):
        ocr.find(echoes()[:-1], WHOLE)


@needs_detector
def test_looking_for_text_writes_nothing_into_the_home_folder_and_opens_no_connection(tmp_path: Path) -> None:
    """The runtime of the networks reports to its maker unless it is told not to before it is loaded."""
    program = (
        "import socket, sys\n"
        "def refused(*_): sys.exit('a connection')\n"
        "socket.socket.connect = refused\n"
        "import numpy as np\n"
        "from casearchive.deid import ocr\n"
        "from casearchive.deid.pixels import Area, Box\n"
        "ocr.find(np.zeros((64, 64), np.uint8), Area(64, 64, (Box(0, 0, 63, 63),), ()))\n"
        "import os\n"
        "sys.exit(0 if os.environ['ORT_DISABLE_TELEMETRY'] == '1' else 'not told')\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    hidden = {"HOME": str(home), "USERPROFILE": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **hidden},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []


# --------------------------------------------------------------------------------------------- harmless


@needs_detector
def test_echoes_and_calipers_are_no_text() -> None:
    for seed in range(6):
        image = Image.fromarray(echoes(seed))
        draw = ImageDraw.Draw(image)
        for x, y in ((160, 150), (420, 320)):
            draw.line((x - 6, y, x + 6, y), fill="yellow")
            draw.line((x, y - 6, x, y + 6), fill="yellow")
        assert looking.seen_in(np.asarray(image), WHOLE, closely=True).texts == ()


@needs_detector
@pytest.mark.parametrize("line", ["Dist 1.06 cm", "LT MEDIAN NERVE", "+ 12.4 mm", "28 Hz"])
def test_results_and_plain_anatomy_in_the_scan_are_harmless_when_read_surely(line: str) -> None:
    seen = looking.seen_in(written(echoes(), line, AT, 20, ground="black"), WHOLE)
    assert seen.texts == ()
    assert [text.replace(" ", "").casefold() for text in seen.harmless] == [line.replace(" ", "").casefold()]


@needs_detector
@pytest.mark.parametrize("line", ["MILLER 45", "14.03.61", "ID 4711", "Jo 1.06 cm", "12:34"])
def test_what_is_not_surely_harmless_is_for_a_person(line: str) -> None:
    assert overlaps(looking.seen_in(written(echoes(), line, AT, 20, ground="black"), WHOLE), AT)


def test_a_doubtful_space_is_no_doubtful_sign() -> None:
    line = ocr.Line(("1", " ", "c", "m", "🇩🇪"), (0.9, 0.1, 0.8, 0.95, 0.7))
    assert (line.text, line.least) == ("1 cm🇩🇪", 0.7)
    assert ocr.Line((), ()).least == 0.0


def test_a_harmless_word_is_text_where_it_is_somebodys_name() -> None:
    seen = Seen((), ("LONG", "1.06 cm"))
    assert not seen.tells(build([Identifier("PatientName", "SMITH^JOHN")]))
    assert seen.tells(build([Identifier("PatientName", "LONG^JOHN")]))
    assert Seen((), ("MAP",)).tells(build([Identifier("PatientName", "MAP^HANH")]))
    assert Seen((Box(1, 2, 3, 4),)).tells(())


@pytest.mark.parametrize(
    ("text", "harmless", "result"),
    [
        ("Dist 1.06 cm", True, True), ("1.06cm", True, True), ("A = 2.31 cm2", True, True), ("D1 14 mm", True, True),
        ("Vol: 12,3 ml", True, True), ("L12-5", True, False), ("Gn 60", True, False), ("LT MEDIAN NERVE", True, False),
        ("60%", True, True), ("28Hz", True, True), ("12", True, False), ("DR 74 dB Gn 82 %", True, True),
        ("MILLER 45", False, False), ("14.03.61", False, False), ("14.03.1961", False, False), ("21/05", False, False),
        ("2:56", False, False), ("ID 4711", False, False), ("555 01 99", False, False), ("03 61", False, False),
        ("b. 61", False, False), ("45y", False, False), ("Jo", False, False), ("", False, False), ("…", False, False),
        ("Baker", False, False), ("1961 mm", False, False), ("14 03 61 mm", False, False),
    ],
)  # fmt: skip
def test_what_a_screen_says_of_the_picture_itself(text: str, harmless: bool, result: bool) -> None:
    assert (screen.harmless(text), screen.result(text)) == (harmless, result)


@given(
    st.integers(1, 28),
    st.integers(1, 12),
    st.integers(1920, 2026),
    st.sampled_from(["./-", "-", ".", "/", " "]),
)
def test_no_date_is_harmless(day: int, month: int, year: int, signs: str) -> None:
    for sign in signs:
        for parts in ((day, month, year), (month, day, year), (year, month, day), (day, month, year % 100)):
            text = sign.join(f"{part:02d}" for part in parts)
            assert not screen.harmless(text), text
            assert not screen.harmless(f"Dist {text}"), text


@given(st.text(max_size=40))
def test_any_text_is_harmless_or_not(text: str) -> None:
    assert screen.harmless(text) in (True, False)
    assert not screen.result(text) or screen.harmless(text)


# --------------------------------------------------------------------------------------------- every frame, once


class Frames:
    """A clip of these frames."""

    def __init__(self, frames: list[NDArray[np.uint8]]) -> None:
        self._frames = frames
        self.decoded: list[int] = []
        instance = Instance("2.25.3", frames=len(frames), rows=ROWS, columns=COLUMNS)
        self.facts = Facts("dicom", Subject(), Study("2.25.1"), Series("2.25.2"), instance)

    def frame(self, number: int) -> NDArray[np.uint8]:
        self.decoded.append(number)
        return self._frames[number - 1]

    def glimpse(self, number: int, edge: int) -> NDArray[np.uint8]:
        return self.frame(number)

    def close(self) -> None:
        pass


class Kept(dict[str, Looked]):
    """A memory."""

    def recall(self, sha256: str, area: Area) -> Looked | None:
        return self.get(sha256 + area.digest)

    def keep(self, sha256: str, area: Area, looked: Looked) -> None:
        self[sha256 + area.digest] = Looked.read(looked.plain())


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How often a picture was looked at."""
    looks: list[int] = []
    real = looking.seen_in

    def counting(frame: NDArray[np.uint8], area: Area, *, closely: bool = False) -> Seen:
        looks.append(1)
        return real(frame, area, closely=closely)

    monkeypatch.setattr(looking, "seen_in", counting)
    yield looks


@needs_detector
def test_a_name_on_one_frame_of_a_cine_is_found_there() -> None:
    frames = [echoes(n % 3) for n in range(24)]
    frames[16] = written(frames[16], "Quillfeather", AT)
    found = [number for number, _, seen in looking.look(Frames(frames), WHOLE) if seen.texts]
    assert found == [17]


def test_every_distinct_picture_is_looked_at_once_and_what_was_seen_is_kept(counted: list[int]) -> None:
    clip, memory = Frames([echoes(n % 2) for n in range(12)]), Kept()
    first = [seen for _, _, seen in looking.look(clip, WHOLE, sha256="a" * 64, memory=memory)]
    assert len(counted) <= 4, "two pictures, each closely and not"
    before = len(counted)
    assert [seen for _, _, seen in looking.look(clip, WHOLE, sha256="a" * 64, memory=memory)] == first
    assert len(counted) == before
    clip.decoded.clear()
    looking.looked(clip, WHOLE, sha256="a" * 64, memory=memory)
    assert clip.decoded == [], "what is remembered is not decoded again"


def test_a_clip_that_was_not_looked_at_to_its_end_is_not_remembered() -> None:
    memory = Kept()
    looked = looking.look(Frames([echoes(0), echoes(1)]), WHOLE, sha256="a" * 64, memory=memory)
    next(looked)
    looked.close()
    broken = Frames([echoes(0), echoes(1)[:-8]])
    with pytest.raises(PictureUnavailable, match="frame 2"):
        list(looking.look(broken, WHOLE, sha256="a" * 64, memory=memory))
    assert memory == {}


@given(
    st.dictionaries(
        st.integers(1, 500),
        st.builds(
            Seen,
            st.lists(st.builds(Box, *[st.integers(0, 2000)] * 4), max_size=3).map(tuple),
            st.lists(st.text(max_size=8), max_size=3).map(tuple),
        ),
    )
)
def test_what_was_seen_is_read_back_as_it_was_kept(frames: dict[int, Seen]) -> None:
    assert Looked.read(Looked(frames, ("a doubt",)).plain()) == Looked(frames, ("a doubt",))


@needs_detector
def test_numbers_that_stand_apart_are_not_read_as_one() -> None:
    """1.8 3.6 under a mark of the focus reads as 1.83.6, which could be a date."""
    dark = (echoes() // 8).astype(np.uint8)
    frame = written(written(dark, "1.8", AT, 14), "3.6", (AT[0] + 34, AT[1]), 14)
    assert looking.seen_in(frame, WHOLE, closely=True).texts == ()
    for left, right in (("12.3", "61"), ("1.8", "Li")):
        frame = written(written(dark, left, AT, 16), right, (AT[0] + 40, AT[1]), 16)
        assert looking.seen_in(frame, WHOLE, closely=True).texts, (left, right)


@pytest.mark.parametrize(
    "text",
    [
        "Dist2: 3.21 cm", "Dist 2: 3.21 cm", "D 12,34 mm", "B0.45 cm", "1 L2.34 cm", "1D2.34cm", "RI 0.65",
        "MI 1.1 TIS 0.4", "S/D 2.3", "PSV 45.2 cm/s",
    ],
)  # fmt: skip
def test_results_are_known_however_they_are_set(text: str) -> None:
    assert screen.result(text)


@pytest.mark.parametrize("text", ["H 172 cm", "14:03 cm", "12 03 61 mm", "1.72 m", "MI 14.03.61"])
def test_how_tall_somebody_is_and_the_time_are_no_results(text: str) -> None:
    assert not screen.result(text)


@pytest.mark.parametrize("text", ["MARK LONG", "Hand, Max", "B. Heel", "Heel, Max R."])
def test_words_that_are_names_prove_nothing_by_themselves(text: str) -> None:
    assert not screen.harmless(text)
    assert all(map(screen.harmless, ("LONG", "LONG AXIS", "R HAND", "SAG LONG", "LT HAND")))
