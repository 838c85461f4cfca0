"""What a reader does with the pages of a teaching set, in a real browser: look, measure, compare, answer, find."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from barn import SECRETS, TRUE_TITLE, MovingSquare, barn, clip, velvet
from browser import Browser, Page
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_film import talking

from casearchive import film, scale
from casearchive.errors import CaseArchiveError, UsageError
from casearchive.exporters import _words as words
from casearchive.exporters import html
from casearchive.exporters._html import pages, pictures, shelves
from casearchive.model import (
    Calibration,
    Case,
    Evidence,
    Finding,
    Media,
    Quiz,
    QuizPoint,
    Story,
    UltrasoundRegion,
)
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet

needs_encoder = pytest.mark.skipif(
    not film.encoder(), reason="no H.264 encoder: casearchive[video] is missing"
)

# ------------------------------------------------------------------------------------------ what is exported


def plane(x0: int, y0: int, x1: int, y1: int, cm: float = 0.01, **more: int) -> UltrasoundRegion:
    """A two-dimensional region of so many centimetres a pixel."""
    told = {"spatial_format": 1, "data_type": 1, "units_x": 3, "units_y": 3, **more}
    return UltrasoundRegion(x0, y0, x1, y1, delta_x=cm, delta_y=2 * cm, **told)  # type: ignore[arg-type]


REGIONS = (
    plane(0, 0, 159, 119),
    plane(160, 0, 319, 119),
    UltrasoundRegion(0, 120, 319, 199, spatial_format=2, units_x=4, units_y=3, delta_x=0.01, delta_y=0.01),
)
BOX = ((80.0, 80.0), (160.0, 140.0))


def gate() -> Case:
    """A case whose finding shows in frames 5 to 8 of the first clip, in the middle of the picture."""
    return Case(
        slug="gate",
        title="Gate palsy of the hinge",
        quiz_title="It squeaks",
        difficulty="primary",
        category=("carpentry",),
        story=Story(history="It squeaks at night.", discussion="Oil it."),
        media=(
            Media("M1", quiz_caption="Left", key_frame=4),
            Media("M2", quiz_caption="Right", pair="M1"),
            Media("M3", quiz_caption="From above"),
        ),
        findings=(
            Finding(
                "F1", "rust", structure="hinge", side="left", evidence=(Evidence("M1", (5, 8), "box", BOX),)
            ),
        ),
        quiz=(
            Quiz(
                "What helps?",
                ("Water", "Oil", "Paint"),
                2,
                "Oil creeps.",
                None,
                ("It rusts.", "", "It only looks new."),
            ),
            Quiz("Mark it.", why="The brown one.", ask_point=QuizPoint("M1", None, "F1")),
        ),
    )


def taught() -> TeachingSet:
    clips = (
        clip("M1", MovingSquare(12, 240, 320), fps=20.0, key=4, regions=REGIONS),
        clip("M2", MovingSquare(30, 240, 320), fps=40.0),
        clip("M3", MovingSquare(1, 400, 300)),
    )
    plain = Case(slug="plain", title="Nothing at all", quiz_title="A quiet door", difficulty="advanced")
    return TeachingSet(
        "doors", "Doors", "", (TeachingCase(gate(), clips), TeachingCase(plain, ())), profile="p"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("site"), {})


@pytest.fixture(scope="module")
def for_teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("teachers"), {"instructor": ""})


def exported(target: Path, options: Mapping[str, str]) -> Path:
    html.export(taught(), target, options)
    return target


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A new one for each test: what was answered is kept in it."""
    with Browser() as running:
        yield running


@pytest.fixture
def case(browser: Browser, site: Path) -> Iterator[Page]:
    page = browser.open(site / "cases/case-01.html")
    yield page
    assert page.complaints == []
    assert [asked for asked in page.requests if not asked.startswith(("file:", "data:"))] == []


def focus(page: Page, figure: int = 1) -> None:
    page.run(f"document.querySelector('[data-figure=\"{figure}\"].player').focus()")


def at_frame(page: Page, number: int, figure: int = 1) -> None:
    page.until(f"document.querySelector('[data-figure=\"{figure}\"].player').dataset.frame === '{number}'")


def told(page: Page) -> str:
    return page.text("#figure-1 .readout")


def of_picture(x: float, y: float, columns: int = 320, rows: int = 240) -> tuple[float, float]:
    """The centre of a stored pixel, in parts of the picture."""
    return (x + 0.5) / columns, (y + 0.5) / rows


# ------------------------------------------------------------------------------------------- long and loud clips


class Kept:
    """A film that is there already."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def path(self) -> Path | None:
        return self._path


class Bars:
    """Frames that show their own number as bars, one a bit."""

    def __init__(self, count: int, rows: int = 120, columns: int = 161) -> None:
        self.count, self.rows, self.columns = count, rows, columns

    def __len__(self) -> int:
        return self.count

    def frame(self, number: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        picture = np.full((self.rows, self.columns), 60, np.uint8)
        for bit in range(14):
            left = (bit + 1) * self.columns // 16
            picture[:, left : left + self.columns // 16] = 235 if number >> bit & 1 else 5
        return picture


def number_in(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as image:
        grey = np.asarray(image.convert("L"))
    row, width = grey[grey.shape[0] // 2], grey.shape[1]
    return sum(1 << bit for bit in range(14) if row[int(width * (bit + 1.5) / 16)] > 128)


def long_clip(tmp_path: Path, count: int, **more: object) -> TeachingClip:
    frames = Bars(count)
    made = clip("M1", frames, fps=25.0, key=count // 2)  # type: ignore[arg-type]
    path = tmp_path / "film.mp4"
    film.write((frames.frame(n) for n in range(1, count + 1)), made.lasting(), path)
    return replace(made, film=Kept(path), **more)  # type: ignore[arg-type]


def one(clip: TeachingClip) -> TeachingSet:
    return TeachingSet("s", "S", "", (TeachingCase(Case("a", "A", media=(Media("M1"),)), (clip,)),))


@needs_encoder
def test_a_long_clip_is_one_film_that_steps_to_the_very_frame(browser: Browser, tmp_path: Path) -> None:
    count = pictures.MOST_PICTURES + 20
    target = tmp_path / "site"
    target.mkdir()
    html.export(one(long_clip(tmp_path, count)), target, {})
    written = sorted(path.name for path in (target / "media/case-01/01").iterdir())
    assert written == [f"{count // 2}.webp", "film.mp4", "thumb.webp"]
    page = browser.open(target / "cases/case-01.html")
    focus(page)
    for key, number in (("Home", 1), (".", 2), ("ArrowRight", 3), (",", 2), ("End", count), (",", count - 1)):
        page.press(key)
        at_frame(page, number)
        assert number_in(page.screenshot("#figure-1 .stage")) == number
    for number in (7, 160, 161, 299, 31):
        page.run(f"(s => {{ s.value = {number}; s.dispatchEvent(new Event('input')); }})"
                 "(document.querySelector('.scrub'))")  # fmt: skip
        at_frame(page, number)
        assert number_in(page.screenshot("#figure-1 .stage")) == number
    assert page.complaints == []


@needs_encoder
def test_a_film_plays_and_pauses_where_it_stands(browser: Browser, tmp_path: Path) -> None:
    target = tmp_path / "site"
    target.mkdir()
    html.export(one(long_clip(tmp_path, pictures.MOST_PICTURES + 20)), target, {})
    page = browser.open(target / "cases/case-01.html")
    focus(page)
    page.press("Home")
    at_frame(page, 1)
    page.press(" ")
    page.until("Number(document.querySelector('.player').dataset.frame) > 5")
    page.press(" ")
    page.press(",")
    page.until("document.querySelector('video').paused && !document.querySelector('video').seeking")
    frame = int(page.run("document.querySelector('.player').dataset.frame"))
    at_frame(page, frame)
    # what was sought is there, but on a busy machine not painted yet
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert number_in(page.screenshot("#figure-1 .stage")) == frame


@needs_encoder
def test_a_clip_with_sound_is_a_film_that_is_heard_only_when_asked(browser: Browser, tmp_path: Path) -> None:
    target = tmp_path / "site"
    target.mkdir()
    html.export(one(long_clip(tmp_path, 30, sounds=True)), target, {})
    page = browser.open(target / "cases/case-01.html")
    assert page.run("document.querySelector('video').muted")
    page.click("#figure-1 .sound")
    assert not page.run("document.querySelector('video').muted")
    assert page.run("document.querySelector('#figure-1 .sound').getAttribute('aria-pressed')") == "true"
    focus(page)
    page.press("s")
    assert page.run("document.querySelector('video').muted")


@needs_encoder
def test_the_sound_of_a_film_is_really_heard(browser: Browser, tmp_path: Path) -> None:
    assert film.write_sound(talking(tmp_path / "source.mov"), tmp_path / "sound.m4a")
    frames, target = Bars(40), tmp_path / "site"
    target.mkdir()
    made = clip("M1", frames, fps=20.0)  # type: ignore[arg-type]
    pictures_of = (frames.frame(n) for n in range(1, 41))
    film.write(pictures_of, made.lasting(), tmp_path / "film.mp4", sound=tmp_path / "sound.m4a")
    html.export(one(replace(made, film=Kept(tmp_path / "film.mp4"), sounds=True)), target, {})
    page = browser.open(target / "cases/case-01.html")
    page.click("#figure-1 .sound")
    page.click("#figure-1 .play")
    page.until("document.querySelector('video').webkitAudioDecodedByteCount > 1000")
    assert page.complaints == []


@needs_encoder
def test_a_silent_short_clip_stays_pictures(tmp_path: Path) -> None:
    target = tmp_path / "site"
    target.mkdir()
    html.export(one(long_clip(tmp_path, 30)), target, {})
    names = {path.name for path in (target / "media/case-01/01").iterdir()}
    assert "film.mp4" not in names
    assert len(names) == 30 + 2  # the thumbnail, and the animation for browsers without scripts


def test_a_long_clip_without_an_encoder_is_thinned_out_and_says_so(browser: Browser, tmp_path: Path) -> None:
    count = 3 * pictures.MOST_PICTURES - 5
    frames = Bars(count)
    html.export(one(replace(clip("M1", frames, fps=25.0, key=2), film=Kept(None))), tmp_path, {})  # type: ignore[arg-type]
    folder = tmp_path / "media/case-01/01"
    assert len(list(folder.glob("[0-9]*.webp"))) == 299 + 1  # the key frame is none of them
    page = browser.open(tmp_path / "cases/case-01.html")
    assert "one frame in 3 is here" in page.text("#figure-1 .facts")
    focus(page)
    for key, number in (("Home", 1), (".", 4), (".", 7), (",", 4)):
        page.press(key)
        at_frame(page, number)
        assert number_in(page.screenshot("#figure-1 .stage")) == number


# -------------------------------------------------------------------------------------------------- looking


def test_a_picture_is_enlarged_moved_and_put_back_by_keys(case: Page) -> None:
    focus(case)
    pane = "#figure-1 .pane"
    _, _, width, _ = case.place(pane)
    for _ in range(3):
        case.press("+")
    x, _, large, _ = case.place(pane)
    assert large == pytest.approx(width * 1.25**3, rel=0.01)
    case.run(
        "document.querySelector('.player').dispatchEvent(new KeyboardEvent('keydown',"
        " {key: 'ArrowRight', shiftKey: true, bubbles: true}))"
    )
    assert case.place(pane)[0] < x - 20
    assert case.run("document.querySelector('.player').dataset.frame") == "4"
    case.press("0")
    assert case.place(pane)[2] == pytest.approx(width)


def test_the_place_under_the_mouse_stays_when_zooming(case: Page) -> None:
    x, y, width, height = case.box("#figure-1 .stage")
    at = (x + width * 0.25, y + height * 0.75)
    case.ask(
        "Input.dispatchMouseEvent", type="mouseWheel", x=at[0], y=at[1], deltaX=0, deltaY=-200, modifiers=2
    )
    case.until("document.querySelector('#figure-1 .stage').classList.contains('zoomed')")
    left, top, wide, high = case.box("#figure-1 .pane")
    left, top = case.run(
        "(r => [r.x, r.y])(document.querySelector('#figure-1 .pane').getBoundingClientRect())"
    )
    sx, sy, _, _ = case.run(
        "(r => [r.x, r.y, r.width, r.height])(document.querySelector('#figure-1 .stage').getBoundingClientRect())"
    )
    assert (sx + width * 0.25 - left) / wide == pytest.approx(0.25, abs=0.01)
    assert (sy + height * 0.75 - top) / high == pytest.approx(0.75, abs=0.01)


def test_brightness_and_contrast_change_what_is_seen_and_not_the_marks(case: Page) -> None:
    def grey() -> float:
        with Image.open(io.BytesIO(case.screenshot("#figure-1 .stage"))) as image:
            return float(np.asarray(image.convert("L")).mean())

    focus(case)
    case.press(".")
    at_frame(case, 5)
    before = grey()
    for _ in range(5):
        case.press("b")
    assert grey() > before * 1.3
    assert case.run("document.querySelector('#figure-1 .brightness').value") == "150"
    assert case.run("getComputedStyle(document.querySelector('#figure-1 svg.marks')).filter") == "none"
    case.press("0")
    assert grey() == pytest.approx(before, abs=0.5)


def test_a_clip_loops_over_the_frames_of_a_finding(browser: Browser, site: Path) -> None:
    page = browser.open(site / "cases/case-01.html")
    assert page.run("document.querySelector('#figure-1 .loop-tool').hidden")
    page.click(".reveal")
    page.run("document.querySelector('#figure-1 .tools-toggle').click()")
    # back to the clip, which the answer has pushed out of sight: what nobody can see pauses, sooner or later
    page.run(
        "document.querySelector('#figure-1 .stage').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    page.until("(window.drawn = (window.drawn || 0) + 1) > 3")
    assert page.run("[...document.querySelector('#figure-1 .loop').options].map(o => o.text)") == [
        "Whole clip", "1 Rust: 5–8"
    ]  # fmt: skip
    page.run(
        "window.seen = new Set(); new MutationObserver(() => seen.add(document.querySelector('.player').dataset.frame))"
        ".observe(document.querySelector('.player'), {attributes: true, attributeFilter: ['data-frame']});"
        "(s => { s.value = '5-8'; s.dispatchEvent(new Event('change')); })(document.querySelector('#figure-1 .loop'))"
    )
    page.until("seen.size >= 2")  # which ones are drawn, a busy machine decides
    page.until("(window.turns = (window.turns || 0) + 1) > 40")
    assert set(page.run("[...seen]")) <= {"5", "6", "7", "8"}


# ------------------------------------------------------------------------------------------------- the ruler


def test_the_ruler_measures_in_the_regions_own_scale(case: Page) -> None:
    case.click("#figure-1 .ruler")
    case.click("#figure-1 .stage", at=of_picture(20, 20))
    assert told(case) == "First point set. Set the second."
    case.click("#figure-1 .stage", at=of_picture(120, 20))
    assert float(told(case).removesuffix(" mm")) == pytest.approx(10.0, abs=0.15)
    case.click("#figure-1 .stage", at=of_picture(20, 20))
    case.click("#figure-1 .stage", at=of_picture(20, 110))
    assert float(told(case).removesuffix(" mm")) == pytest.approx(18.0, abs=0.25)


def test_the_ruler_measures_the_same_in_an_enlarged_picture(case: Page) -> None:
    focus(case)
    case.press("+")
    case.press("+")
    case.click("#figure-1 .ruler")
    for x in (60, 110):
        left, top, wide, high = case.box("#figure-1 .stage")
        px, py, pw, ph = case.run(
            "(r => [r.x, r.y, r.width, r.height])(document.querySelector('#figure-1 .pane').getBoundingClientRect())"
        )
        fx, fy = of_picture(x, 100)
        case.click("#figure-1 .stage", at=((px + fx * pw - left) / wide, (py + fy * ph - top) / high))
    assert float(told(case).removesuffix(" mm")) == pytest.approx(5.0, abs=0.15)


@pytest.mark.parametrize(
    ("places", "why"),
    [
        ([(20, 20), (200, 20)], "different ultrasound regions"),
        ([(20, 150)], "M-mode, where nothing is measured in centimetres"),
        ([(20, 230)], "outside the ultrasound regions"),
    ],
)
def test_the_ruler_refuses_and_says_why(case: Page, places: list[tuple[int, int]], why: str) -> None:
    case.click("#figure-1 .ruler")
    for place in places:
        case.click("#figure-1 .stage", at=of_picture(*place))
    assert why in told(case)
    assert not re.search(r"\d mm", told(case))


def test_the_ruler_refuses_where_nothing_tells_the_scale(case: Page) -> None:
    focus(case, 3)
    case.press("r")
    case.click("#figure-3 .stage")
    assert case.text("#figure-3 .readout") == "No ruler: nothing tells the scale of this picture."


def test_the_ruler_works_by_keyboard_and_is_put_away_by_escape(case: Page) -> None:
    focus(case)
    case.press("r")
    for key in ["ArrowUp"] * 5 + ["ArrowLeft"] * 9 + ["Enter"] + ["ArrowRight"] * 5 + ["Enter"]:
        case.press(key)
    assert told(case) == "5.0 mm"
    assert case.run("document.querySelector('.player').dataset.frame") == "4"
    case.press("Escape")
    assert told(case) == ""
    assert case.run("document.querySelector('#figure-1 .ruler').getAttribute('aria-pressed')") == "false"


def test_a_scale_set_by_hand_serves_only_where_the_file_has_none(tmp_path: Path) -> None:
    by_hand = Calibration(((0.0, 0.0), (100.0, 0.0)), 20.0)
    media = (Media("M1", calibration=by_hand), Media("M2", calibration=by_hand))
    clips = (
        clip("M1", MovingSquare(1, 240, 320)),
        clip("M2", MovingSquare(1, 240, 320), regions=REGIONS[:1]),
    )
    html.export(TeachingSet("s", "S", "", (TeachingCase(Case("a", "A", media=media), clips),)), tmp_path, {})
    page = (tmp_path / "cases/case-01.html").read_text("utf-8")
    found = [json.loads(d)["regions"] for d in re.findall(r'class="player-data">(.*?)</script>', page)]
    assert found == [
        [{"box": [0, 0, 319, 239], "mm": [pytest.approx(0.2), pytest.approx(0.2)]}],
        [{"box": [0, 0, 159, 119], "mm": [pytest.approx(0.1), pytest.approx(0.2)]}],
    ]


def test_a_scale_that_is_not_believed_is_not_used(tmp_path: Path) -> None:
    beyond = clip("M1", MovingSquare(1, 240, 320), regions=(plane(0, 0, 400, 119),))
    html.export(one(beyond), tmp_path, {})
    assert "reaches beyond the picture" in (tmp_path / "cases/case-01.html").read_text("utf-8")


_BOXES = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 40), st.integers(1, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
_REGIONS = st.lists(
    st.tuples(_BOXES, st.sampled_from([1, 2, 4, 5]), st.integers(0, 1)).map(
        lambda r: UltrasoundRegion(*r[0], spatial_format=r[1], flags=r[2])
    ),
    max_size=5,
)


@given(_REGIONS, st.tuples(st.integers(0, 70), st.integers(0, 70)))
def test_the_first_region_by_rank_that_holds_a_pixel_is_the_one_that_owns_it(
    regions: list[UltrasoundRegion], pixel: tuple[int, int]
) -> None:
    first = next((r for r in scale.by_rank(regions) if scale.contains(r, pixel)), None)
    owner = scale.region_at(regions, pixel)
    assert first == (regions[owner - 1] if owner else None)


# ------------------------------------------------------------------------------------------------ side by side


def test_two_clips_side_by_side_move_together_in_time(case: Page) -> None:
    focus(case)
    case.press("Home")
    at_frame(case, 1)
    case.click("#figure-2 .facts .compare-with")
    assert case.run("document.getElementById('compare').open")
    assert case.run("[...document.querySelectorAll('.sides .player')].map(p => p.dataset.figure)") == [
        "2",
        "1",
    ]
    focus(case, 2)
    for _ in range(4):  # of 40 a second: a tenth of a second
        case.press(".")
    at_frame(case, 5, figure=2)
    at_frame(case, 3, figure=1)
    focus(case, 1)
    case.press(".")
    at_frame(case, 4, figure=1)
    at_frame(case, 7, figure=2)


def test_side_by_side_one_may_be_set_apart_and_then_they_keep_their_distance(case: Page) -> None:
    focus(case)
    case.press("Home")
    at_frame(case, 1)
    case.click("#figure-2 .facts .compare-with")
    case.click(".together")
    focus(case, 1)
    case.press(".")
    at_frame(case, 2, figure=1)
    assert case.run("document.querySelector('[data-figure=\"2\"].player').dataset.frame") == "1"
    case.click(".together")
    focus(case, 1)
    for _ in range(2):
        case.press(".")
    at_frame(case, 4, figure=1)
    at_frame(case, 5, figure=2)


def test_what_is_enlarged_on_one_side_is_enlarged_on_the_other(case: Page) -> None:
    case.click("#figure-2 .facts .compare-with")
    focus(case, 2)
    case.press("+")
    told = "[...document.querySelectorAll('.sides .pane')].map(p => p.style.width)"
    one_side, other = case.run(told)
    assert one_side == other == "125%"


def test_closing_puts_both_clips_back_where_they_were(case: Page) -> None:
    case.click("#figure-1 .tools-toggle")
    case.run("document.querySelector('#figure-1 .beside select').value = '3'")
    case.click("#figure-1 button.compare-with")
    assert case.run("document.querySelectorAll('.sides .player').length") == 2
    case.press("Escape")
    case.until("!document.getElementById('compare').open && !document.querySelector('.sides .player')")
    assert case.run(
        "[...document.querySelectorAll('.figure')].every(f => f.querySelectorAll('.player').length === 1)"
    )
    assert case.run("document.activeElement.className").startswith("compare-with")


# ------------------------------------------------------------------------------------------------- answering


def test_the_answer_opens_step_by_step(case: Page) -> None:
    assert case.text(".next-step") == "Show the findings"
    case.click(".next-step")
    assert "Rust" in case.text("#section-findings")
    assert case.text("#section-diagnosis") == ""
    assert case.text("h1") == "It squeaks"
    assert case.run("document.activeElement.getAttribute('aria-controls')") == "section-findings"
    assert case.text(".next-step") == "Show the diagnosis"
    case.press("a")
    assert case.text("h1") == "Gate palsy of the hinge"
    case.press("a")
    assert "Oil it." in case.text("#section-discussion")
    assert case.run("document.querySelector('.next-step').hidden")


def test_walking_through_the_choices_answers_nothing(case: Page, browser: Browser, site: Path) -> None:
    case.run("document.querySelector('.option input').focus()")
    for _ in range(3):
        case.press("ArrowDown")
    assert case.text(".feedback") == ""
    case.press("Enter")
    case.follow(".turn-below a[href*=score]")
    assert case.text('[data-case="1"] .points') in ("0 of 1", "1 of 1")


def mark(page: Page, frame: int, place: tuple[float, float]) -> str:
    page.click(".place-it")
    while page.run("document.querySelector('.player').dataset.frame") != str(frame):
        before = page.run("document.querySelector('.player').dataset.frame")
        page.press(".")
        page.until(f"document.querySelector('.player').dataset.frame !== '{before}'")
    page.click("#figure-1 .stage", at=of_picture(*place))
    return page.text(".placed")


@pytest.mark.parametrize(
    ("frame", "place", "verdict", "points"),
    [
        (6, (120, 110), "The right place. The right frame. The brown one.", [2, 2]),
        (
            10,
            (120, 110),
            "The right place. It shows in frames 5–8; yours was frame 10. The brown one.",
            [1, 2],
        ),
        (6, (185, 110), "Close, but beside it. The right frame. The brown one.", [1, 2]),
        (10, (300, 20), "Not there. It shows in frames 5–8; yours was frame 10. The brown one.", [0, 2]),
    ],
)
def test_a_marked_place_is_scored_by_frame_and_place(
    case: Page, frame: int, place: tuple[float, float], verdict: str, points: list[int]
) -> None:
    assert mark(case, frame, place) == verdict
    kept = json.loads(case.run("Object.values(localStorage)[0]"))
    assert kept["1"]["place"]["1"] == points


def test_a_place_is_marked_by_keyboard(case: Page) -> None:
    case.run("document.querySelector('.place-it').focus()")
    case.press("Enter")
    case.press(".")
    at_frame(case, 5)
    for key in ["ArrowLeft"] * 4 + ["ArrowUp"] + ["Enter"]:
        case.press(key)
    assert case.text(".placed") == "The right place. The right frame. The brown one."
    assert case.run("document.activeElement.classList.contains('placed')")


def reasons(page: Page) -> list[str]:
    return list(page.run("[...document.querySelectorAll('.question .reason')].map((one) => one.textContent)"))


def test_each_choice_has_its_reason_once_it_was_answered(case: Page) -> None:
    assert reasons(case) == []
    case.click(".option:nth-of-type(1) input")
    case.click(".check")
    assert reasons(case) == ["It rusts."]  # the others would tell which is right
    case.click(".option:nth-of-type(2) input")
    case.click(".check")
    assert reasons(case) == ["It rusts.", "It only looks new."]
    assert case.text(".question .feedback") == "Right. Oil creeps."


def test_only_the_first_answer_counts_and_none_after_it_was_told(case: Page) -> None:
    case.click(".option:nth-of-type(1) input")
    case.click(".check")
    case.click(".option:nth-of-type(2) input")
    case.click(".check")
    case.click(".reveal")
    mark(case, 6, (120, 110))
    kept = json.loads(case.run("Object.values(localStorage)[0]"))
    assert kept["1"] == {"quiz": {"0": [0, 1]}, "done": 1}


def test_the_score_page_adds_up_and_can_be_forgotten(case: Page) -> None:
    case.click(".option:nth-of-type(2) input")
    case.click(".check")
    mark(case, 10, (120, 110))
    case.run("document.getElementById('own-answer').focus()")
    case.write("A rusty hinge?")
    case.click(".reveal")
    case.click(".rating input[value='1']")
    case.follow(".turn-below a[href*=score]")
    assert case.text(".total") == "3 of 5 points (60 %), 1 of 2 cases answered"
    assert "Gate palsy of the hinge" in case.text('[data-case="1"]')
    assert case.text('[data-case="2"] .points') == "—"
    case.click(".again")
    assert case.text(".total") == "No points yet; 0 of 2 cases answered"


def test_what_was_answered_goes_along_where_the_browser_keeps_nothing(browser: Browser, site: Path) -> None:
    page = browser.open(site / "index.html")
    page.ask(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})",
    )
    page.go(site / "cases/case-01.html")
    page.click(".option:nth-of-type(2) input")
    page.click(".check")
    page.run("document.getElementById('own-answer').value = 'mine alone'")
    page.run("document.getElementById('own-answer').dispatchEvent(new Event('change'))")
    page.follow(".turn-below a[href*=score]")
    assert page.text(".total") == "1 of 1 points (100 %), 1 of 2 cases answered"
    assert page.run("location.hash") == ""
    assert not [asked for asked in page.requests if "mine" in asked]


# --------------------------------------------------------------------------------------------------- finding


def shown(page: Page) -> list[str]:
    return list(
        page.run(
            "[...document.querySelectorAll('.cards > li')].filter(l => !l.hidden).map(l => l.id.slice(5))"
        )
    )


def search(page: Page, text: str) -> None:
    page.run(
        "document.querySelector('.filters input').value = ''; document.querySelector('.filters input').focus()"
    )
    page.write(text)


def choose(page: Page, facet: str, value: str) -> None:
    page.run(
        f"(s => {{ s.value = {json.dumps(value)}; s.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
        f"(document.querySelector('select[name={facet}]'))"
    )


def test_cases_are_found_by_what_stands_open(browser: Browser, site: Path) -> None:
    page = browser.open(site / "index.html")
    assert shown(page) == ["1", "2"]
    page.press("/")
    page.write("SQUEAKS night")
    assert shown(page) == ["1"]
    assert page.text(".found") == "1 of 2 cases"
    search(page, "door")
    assert shown(page) == ["2"]
    search(page, "rust")
    assert shown(page) == []
    assert "No case fits." in page.text("main")
    page.click(".none-fits button")
    assert shown(page) == ["1", "2"]
    choose(page, "difficulty", "Advanced")
    assert shown(page) == ["2"]
    assert page.complaints == []


def test_what_tells_the_answer_is_found_only_once_it_was_read(browser: Browser, site: Path) -> None:
    text = (site / "index.html").read_text("utf-8").lower()
    assert not [told for told in ("rust", "hinge", "palsy") if told in text]
    page = browser.open(site / "index.html")
    assert page.run("document.querySelector('select[name=abnormality]').closest('label').hidden")
    page.follow(".card")
    page.click(".reveal")
    page.follow(".turn-below a[href*=index]")
    assert "Gate palsy of the hinge" in page.text("#card-1")
    assert page.text("#card-1 .chip.done") == "Answered"
    choose(page, "abnormality", "Rust")
    assert shown(page) == ["1"]
    search(page, "palsy")
    assert shown(page) == ["1"]
    choose(page, "answered", "no")
    assert shown(page) == []


# ----------------------------------------------------------------------------------- for whoever teaches, and single


def test_an_instructors_version_tells_everything_even_without_scripts(
    browser: Browser, for_teachers: Path
) -> None:
    index = browser.open(for_teachers / "index.html")
    assert "Gate palsy of the hinge" in index.text("#card-1")
    choose(index, "structure", "Hinge")
    assert shown(index) == ["1"]
    page = browser.open(for_teachers / "cases/case-01.html", scripts=False)
    text = page.text()
    for told in ("Gate palsy of the hinge", "It squeaks", "Rust", "Oil it.", "Instructor’s version"):
        assert told in text


def test_an_instructor_can_hide_the_answer_on_the_screen(browser: Browser, for_teachers: Path) -> None:
    page = browser.open(for_teachers / "cases/case-01.html")
    assert page.text("h1") == "Gate palsy of the hinge"
    assert page.run("document.querySelectorAll('#figure-1 .mark').length") == 1
    page.click(".reveal")
    assert page.text("h1") == "It squeaks"
    assert "Rust" not in page.text("main")
    assert page.complaints == []


def test_an_instructors_set_keeps_a_title_that_names_an_answer(tmp_path: Path) -> None:
    teaching = replace(taught(), title="Rust and gate palsy")
    for name, kept in (("learner", False), ("teacher", True)):
        (tmp_path / name).mkdir()
        html.export(teaching, tmp_path / name, {"instructor": ""} if kept else {})
        assert ("Rust and" in (tmp_path / name / "index.html").read_text("utf-8")) is kept


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("single")
    html.export(barn(), target, {"single-file": ""})
    return target


def test_a_single_file_is_alone_and_gives_nothing_away(single: Path) -> None:
    assert [path.name for path in single.rglob("*")] == ["index.html"]
    text = (single / "index.html").read_text("utf-8")
    words = re.sub(r"data:[a-z]+/[a-z0-9]+;base64,[A-Za-z0-9+/=]+", "", text).lower()
    script = pages.script().lower() + pages.style().lower()
    assert [secret for secret in SECRETS if secret in words.replace(script, "")] == []
    assert not re.search(r'(src|href)="(?!#|")', words.replace('href="data:,"', ""))


def test_a_single_file_turns_its_pages(browser: Browser, single: Path) -> None:
    page = browser.open(single / "index.html")
    assert "Barn dance injuries" in page.text("h1")
    page.click("#card-1 .card")
    page.until("document.querySelector('.case-page')")
    assert page.text("h1") == "Sore heel after a barn dance"
    assert page.run("[...document.querySelectorAll('#view img')].every(i => i.src.startsWith('data:'))")
    focus(page)
    page.press("Home")
    at_frame(page, 1)
    page.press(".")
    at_frame(page, 2)
    page.click(".reveal")
    assert page.text("h1") == TRUE_TITLE
    page.press("n")
    page.until("document.querySelector('.case-page').dataset.case === '2'")
    page.click(".turn-below a[href='#score']")
    page.until("document.querySelector('.scores')")
    assert page.text(".total") == "No points yet; 1 of 3 cases answered"
    page.run("history.back()")
    page.until("document.querySelector('.case-page')")
    assert page.run("document.body.className") == "case"
    assert page.complaints == []
    assert all(asked.startswith(("file:", "data:")) for asked in page.requests)
    assert len({asked for asked in page.requests if asked.startswith("file:")} - {page.requests[0]}) <= 3


def test_a_single_files_policy_knows_its_own_script_and_style_and_no_other(
    browser: Browser, single: Path, tmp_path: Path
) -> None:
    text = (single / "index.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and policy[1].startswith(
        "default-src 'none'; img-src data:; media-src data:; style-src 'sha256-"
    )
    assert "unsafe" not in policy[1] and "self" not in policy[1]
    (tmp_path / "page.html").write_text(
        text.replace("</body>", "<script>document.title = 1</script></body>"), "utf-8"
    )
    page = browser.open(tmp_path / "page.html")
    assert page.run("document.title") != "1"
    assert page.complaints


@needs_encoder
def test_in_a_single_file_clips_are_films_as_these_are_smaller(browser: Browser, tmp_path: Path) -> None:
    target = tmp_path / "site"
    target.mkdir()
    html.export(one(long_clip(tmp_path, 30)), target, {"single-file": ""})
    page = browser.open(target / "index.html")
    page.click("#card-1 .card")
    page.until("document.querySelector('video')")
    focus(page)
    for key, number in (("Home", 1), (".", 2), ("End", 30)):
        page.press(key)
        at_frame(page, number)
        assert number_in(page.screenshot("#figure-1 .stage")) == number
    assert page.complaints == []


def test_more_than_a_browser_opens_is_refused_as_a_single_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "LARGEST_PAGE", 1000)
    with pytest.raises(CaseArchiveError, match=r"(?s)more than a single file.*Leave it out"):
        html.export(taught(), tmp_path, {"single-file": ""})


@pytest.mark.parametrize("option", ["single-file", "instructor"])
def test_an_option_that_is_a_switch_takes_no_value(option: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no value"):
        html.export(taught(), tmp_path, {option: "yes"})


# --------------------------------------------------------------------------------------------- for everybody


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing_wrong_with_any_page(
    browser: Browser, site: Path, for_teachers: Path, single: Path, dark: bool, width: int
) -> None:
    for path in (
        site / "index.html",
        site / "score.html",
        for_teachers / "index.html",
        single / "index.html",
    ):
        assert browser.open(path, width=width, dark=dark).faults() == [], path
    for path in (site / "cases/case-01.html", for_teachers / "cases/case-01.html"):
        page = browser.open(path, width=width, dark=dark)
        assert page.faults() == []
        page.run(
            "document.querySelector('.next-step').click(); document.querySelector('.tools-toggle').click()"
        )
        assert page.faults() == []
        page.run("document.querySelector('.reveal').click()")
        page.run("document.querySelector('#figure-2 .facts .compare-with').click()")
        assert page.faults() == []
        page.run("document.getElementById('compare').close(); document.getElementById('keys').showModal()")
        assert page.faults() == []


def test_axe_does_find_what_is_wrong(browser: Browser, site: Path) -> None:
    page = browser.open(site / "cases/case-01.html")
    page.run("document.querySelector('.still').removeAttribute('alt')")
    assert any(told.startswith("image-alt") for told in page.faults())


@pytest.mark.parametrize("width", [390, 1440])
def test_many_clips_and_long_words_break_nothing(browser: Browser, tmp_path: Path, width: int) -> None:
    long = "Pneumonoultramicroscopicsilicovolcanoconiosis " * 7
    assert len(long) > 300
    clips = [clip(f"M{n}", MovingSquare(2 if n % 2 else 1, 60, 40), fps=9.0) for n in range(1, 51)]
    full = Case(
        slug="full",
        title=long * 2,
        quiz_title=long.strip().replace(" ", ""),
        story=Story(history="a < b && c > d; $x^2$ \\frac{1}{2}\n\n東京で転んだ。\n\nسقط."),
        media=tuple(Media(f"M{n}", quiz_caption=long) for n in range(1, 51)),
    )
    html.export(TeachingSet("s", long, long, (TeachingCase(full, tuple(clips)),)), tmp_path, {})
    for name in ("index.html", "score.html", "cases/case-01.html"):
        page = browser.open(tmp_path / name, width=width, height=844)
        assert page.run("document.documentElement.scrollWidth") <= width, name
        assert page.complaints == []
    assert page.run("document.querySelectorAll('.player').length") == 50
    assert "a < b && c > d; $x^2$ \\frac{1}{2}" in page.text(".story")
    told = page.run(
        "[...document.querySelectorAll('.story p')].map(p => [p.lang, getComputedStyle(p).direction])"
    )
    assert told == [["en", "ltr"], ["ja", "ltr"], ["ar", "rtl"]]
    page.click(".reveal")
    assert page.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("text", "language"),
    [("Knee", "en"), ("", "en"), ("膝が痛い", "ja"), ("膝盖痛", "zh"), ("무릎", "ko"), ("ركبة", "ar"), ("پا", "fa"),
     ("ברך", "he"), ("колено", "ru"), ("коліно", "uk"), ("γόνατο", "el"), ("α-lipoic 3 µm", "en")],
)  # fmt: skip
def test_the_letters_of_a_text_tell_its_language(text: str, language: str) -> None:
    assert words.language(text) == language


def test_pages_of_two_hundred_cases_open_lightly(browser: Browser, tmp_path: Path) -> None:
    """Pictures that cannot be seen yet are not asked for: what is read before a clip is played stays small."""
    case, clips = velvet(), (clip("M1", MovingSquare(1, 240, 320)),)
    cases = tuple(TeachingCase(replace(case, slug=f"c{n}"), clips) for n in range(200))
    html.export(TeachingSet("s", "S", "", cases), tmp_path, {})
    page = browser.open(tmp_path / "index.html", width=1440, height=900)
    asked = {
        asked.removeprefix(tmp_path.as_uri() + "/") for asked in page.requests if asked.startswith("file:")
    }
    assert "media/case-01/01/thumb.webp" in asked
    assert "media/case-200/01/thumb.webp" not in asked
    assert sum((tmp_path / name).stat().st_size for name in asked) < 3_000_000


def test_on_paper_a_case_keeps_its_measured_values_and_loses_its_buttons(
    browser: Browser, tmp_path: Path
) -> None:
    html.export(barn(), tmp_path, {})
    page = browser.open(tmp_path / "cases/case-01.html")
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.ask("Emulation.setEmulatedMedia", media="print")
    text = page.text()
    assert "31\u00a0mm" in text
    assert not [
        word for word in ("Show the", "Check", "Side by side", "Your answer", "All keys") if word in text
    ]
    assert page.run("document.querySelector('.value-look').checkVisibility()")
