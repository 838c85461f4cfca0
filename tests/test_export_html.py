"""The web pages of a teaching set, in a real browser without a network where a browser is what decides."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from barn import SECRETS, TRUE_TITLE, MovingSquare, barn, clip, velvet
from browser import Browser, Page, find_chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from casearchive.errors import UsageError
from casearchive.exporters import _words as words
from casearchive.exporters import exporter, html
from casearchive.exporters._html import pages
from casearchive.exporters._marks import marks_on
from casearchive.model import (
    Author,
    Case,
    ClinicalTest,
    Evidence,
    Finding,
    Measurement,
    Media,
    Patient,
    Quiz,
    Story,
)
from casearchive.teaching import TeachingCase, TeachingSet

# ------------------------------------------------------------------------------------ a set made by hand


@pytest.fixture(scope="module")
def teaching() -> TeachingSet:
    return barn()


@pytest.fixture(scope="module")
def site(teaching: TeachingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    html.export(teaching, target, {})
    return target


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture
def case(browser: Browser, site: Path) -> Iterator[Page]:
    page = browser.open(site / "cases/case-01.html")
    yield page
    assert page.complaints == []
    assert [asked for asked in page.requests if not asked.startswith(("file:", "data:"))] == []
    page.ask("Page.close")


def seen_frame(page: Page, figure: int = 1) -> int:
    return int(page.run(f"document.querySelector('#figure-{figure} .player').dataset.frame"))


def at_frame(page: Page, number: int) -> None:
    page.until(f"document.querySelector('#figure-1 .player').dataset.frame === '{number}'")


def focus_player(page: Page) -> None:
    page.run("document.querySelector('#figure-1 .player').focus()")


def everything_told(page: str) -> str:
    """All that a page says once its answer is opened, as one string."""
    return repr(pages.unseal(page))


# ------------------------------------------------------------------------------------------ the folder


def test_html_is_found_as_an_exporter() -> None:
    assert exporter("html").export is html.export
    with pytest.raises(UsageError, match=r"(?s)no output format.*html"):
        exporter("papyrus")


def test_no_file_name_tells_a_diagnosis(site: Path) -> None:
    names = [path.relative_to(site).as_posix() for path in site.rglob("*")]
    assert "cases/case-01.html" in names
    assert not [name for name in names if re.search("velvet|moonwort|hostile|rtl|barn", name)]


def test_the_source_gives_no_answer_away_and_the_sealed_part_holds_all_of_them(site: Path) -> None:
    text = "".join(path.read_text("utf-8") for path in sorted(site.rglob("*.html")))
    assert [secret for secret in (*SECRETS, "velvet-rupture") if secret in text.lower()] == []
    told = everything_told((site / "cases/case-01.html").read_text("utf-8")).lower()
    assert [secret for secret in SECRETS if secret not in told] == []


def test_the_same_set_gives_the_same_bytes(teaching: TeachingSet, site: Path, tmp_path: Path) -> None:
    html.export(teaching, tmp_path, {})
    first = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    second = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert first == second


def test_frames_are_numbered_from_one_in_their_own_order(site: Path) -> None:
    square = MovingSquare(12, 240, 320)
    folder = site / "media/case-01/01"
    assert len(list(folder.glob("[0-9]*.webp"))) == 12
    for number in range(1, 13):
        with Image.open(folder / f"{number:03}.webp") as image:
            assert image.size == (320, 240)
            row = np.asarray(image.convert("L"))[90]
        assert abs(int(np.argmax(row > 180)) - square.left_edge(number)) <= 1


def test_big_pictures_are_made_smaller_and_small_ones_are_never_enlarged(site: Path) -> None:
    with Image.open(site / "media/case-01/03/001.webp") as big:
        assert big.size == (960, 720)
    with Image.open(site / "media/case-01/02/001.webp") as small:
        assert small.size == (260, 200)


def test_the_edge_can_be_chosen(tmp_path: Path) -> None:
    bare = Case(slug="a", title="A")
    teaching = TeachingSet("s", "S", "", (TeachingCase(bare, (clip("M1", MovingSquare(1, 300, 400)),)),))
    html.export(teaching, tmp_path, {"edge": "100", "another": "exporter's"})
    with Image.open(tmp_path / "media/case-01/01/001.webp") as image:
        assert image.size == (100, 75)


@pytest.mark.parametrize("edge", ["", "0", "63", "4097", "-5", "big", "9e2", "٩٦٠"])
def test_an_edge_that_is_no_size_is_refused(edge: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pixels"):
        html.export(TeachingSet("s", "S", "", ()), tmp_path, {"edge": edge})
    assert list(tmp_path.iterdir()) == []


def test_a_moving_clip_has_an_animation_for_readers_without_scripts(site: Path) -> None:
    with Image.open(io.BytesIO((site / "media/case-01/01/moving.webp").read_bytes())) as animation:
        assert getattr(animation, "n_frames", 1) == 12
    assert not (site / "media/case-01/03/moving.webp").exists()


def test_known_and_unknown_speed_are_told_apart(site: Path) -> None:
    page = (site / "cases/case-01.html").read_text("utf-8")
    assert "12 frames, true speed: 20 frames a second" in page
    assert "6 frames, speed unknown: shown at 20 frames a second" in page


def test_pages_carry_a_policy_and_nothing_that_would_need_an_exception_from_it(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        assert (
            "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; media-src 'self'"
            in text
        )
        assert "unsafe" not in text
        tags = [(tag, dict(attrs)) for tag, attrs in tags_of(text)]
        for tag, attributes in tags:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            assert tag != "script" or attributes.get("src") or attributes.get("type") == "application/json"
            for name in ("src", "href"):
                assert "//" not in (attributes.get(name) or "")


def test_every_link_and_picture_of_the_pages_exists(site: Path) -> None:
    for path in site.rglob("*.html"):
        for _, attributes in tags_of(path.read_text("utf-8")):
            for name in ("src", "href"):
                address = dict(attributes).get(name) or ""
                if address and not address.startswith(("#", "data:")):
                    assert (path.parent / address).resolve().is_file(), f"{path.name}: {address}"


def test_a_set_without_cases_is_still_a_page(tmp_path: Path) -> None:
    html.export(TeachingSet("empty", "", "", ()), tmp_path, {})
    assert "This set holds no cases." in (tmp_path / "index.html").read_text("utf-8")


def test_a_case_without_a_quiz_title_is_called_by_its_number(tmp_path: Path) -> None:
    secret = Case(slug="s", title="Moonwort fever")
    html.export(TeachingSet("s", "S", "", (TeachingCase(secret, ()),)), tmp_path, {})
    assert "Case 1</span>" in (tmp_path / "index.html").read_text("utf-8")
    assert "<title>Case 1</title>" in (tmp_path / "cases/case-01.html").read_text("utf-8")


def test_a_clip_the_record_does_not_describe_is_shown_all_the_same(tmp_path: Path) -> None:
    bare = Case(slug="a", title="A", media=(Media("M2", quiz_caption="described"),))
    clips = (clip("M1", MovingSquare(1, 80, 90)), clip("M2", MovingSquare(1, 80, 90)))
    html.export(TeachingSet("s", "S", "", (TeachingCase(bare, clips),)), tmp_path, {})
    page = (tmp_path / "cases/case-01.html").read_text("utf-8")
    assert page.index("described") < page.index("Picture 2")


# ------------------------------------------------------------------------------------------- the words


def test_ids_become_words_and_an_authors_words_stay() -> None:
    assert words.plain("rectus_femoris") == "rectus femoris muscle"
    assert words.plain("odd_local_id") == "odd local id"
    assert words.plain("Kept_As written") == "Kept_As written"
    assert words.plain("clinical_exam") == "clinical examination"
    assert words.plain("unknown") == ""


def test_short_names_of_scales_and_measurements_are_written_out() -> None:
    assert words.measure("csa") == "cross-sectional area"
    assert words.measure("pd").startswith("power Doppler grade")
    assert words.measure("copper-grade") == "copper-grade"


@pytest.mark.parametrize(
    ("patient", "line"),
    [
        (Patient("24 Y", "M", "midfielder"), "Male, 24 years, midfielder"),
        (Patient("024Y", "F"), "Female, 24 years"),
        (Patient("20-29 Y"), "20-29 years"),
        (Patient("adult", "O"), "O, adult"),
        (Patient(), ""),
    ],
)
def test_the_patient_is_one_line(patient: Patient, line: str) -> None:
    assert words.patient_line(patient).lower() == line.lower()


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(31.0, "mm", "31\u00a0mm"), (52.5, "mm2", "52.5\u00a0mm²"), (1.8, "1", "1.8"), (14.0, "deg", "14°")],
)
def test_quantities_are_printed_as_people_write_them(value: float, unit: str, shown: str) -> None:
    assert words.quantity(Measurement("x", value, unit)) == shown


@pytest.mark.parametrize(
    ("day", "said"),
    [(None, ""), (0, "on the day of the study"), (-1, "1 day before"), (14, "14 days later")],
)
def test_days_are_relative(day: int | None, said: str) -> None:
    assert words.day_words(day) == said


def test_every_shape_becomes_something_to_draw() -> None:
    shapes = {
        "point": ((5.0, 6.0),),
        "line": ((1.0, 1.0), (2.0, 2.0)),
        "polygon": ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0)),
        "box": ((1.0, 2.0), (5.0, 9.0)),
        "ellipse": ((0.0, 5.0), (10.0, 5.0), (5.0, 3.0), (5.0, 7.0)),
    }
    evidence = tuple(Evidence("M1", None, shape, points) for shape, points in shapes.items())
    unusable = (Evidence("M1", None, "polygon", ((1.0, 1.0),)), Evidence("M1"), Evidence("M2", None, "point"))
    drawn = marks_on(Case("c", "C", findings=(Finding("F1", "x", evidence=evidence + unusable),)), "M1")
    assert [mark["kind"] for mark in drawn] == ["point", "line", "polygon", "polygon", "ellipse"]
    assert drawn[3]["points"] == [[1, 2], [5, 2], [5, 9], [1, 9]]
    assert drawn[4]["points"] == [[5, 5], [5, 2], [0, 0]]


# ----------------------------------------------------------------------------------------- inert text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def tags_of(text: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    parser = _Tags()
    parser.feed(text)
    return parser.found


def page_of(text: str) -> str:
    """The page of a case in which every free text is ``text``."""
    case = Case(
        slug="s",
        title=text,
        quiz_title=text,
        category=(text,),
        author=Author(text, text),
        patient=Patient(text, text, text),
        story=Story(history=text, symptoms=(text,), technique=text, discussion=text, points=(text,)),
        tests=(ClinicalTest(text, text, note=text),),
        findings=(Finding("F1", text, structure=text, note=text),),
        quiz=(Quiz(text, (text, text), 1, text),),
    )
    taught = TeachingCase(case, ())
    teaching = TeachingSet("s", text, text, (taught,), profile=text)
    return pages.case_page(_ENVIRONMENT, teaching, 1, taught, ())


_ENVIRONMENT = pages.environment()
_MEAN = st.text(alphabet=st.sampled_from("<>&\"'/=-!{}%# abز\u202e"), min_size=1).map(lambda t: f"x{t}x")


@settings(deadline=None, max_examples=60)
@given(_MEAN)
def test_no_text_can_become_markup(text: str) -> None:
    assert markup_of(page_of(text)) == markup_of(page_of("plain"))


def markup_of(page: str) -> list[str]:
    """The tags of a page and, after them, of its sealed sections."""
    sealed = "".join(pages.unseal(page)["sections"].values())
    return [tag for tag, _ in tags_of(page + sealed)]


@given(st.dictionaries(st.text(), st.text()))
def test_what_is_sealed_comes_back(answers: dict[str, str]) -> None:
    sealed = pages.seal(answers)
    assert re.fullmatch(r"[A-Za-z0-9+/=]*", sealed)
    assert pages.unseal(f'<script type="application/json" id="sealed">{sealed}</script>') == answers


# ------------------------------------------------------------------------------------- in the browser


def test_where_no_browser_is_found_tests_are_skipped_but_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs a browser"):
        find_chromium()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="needs a browser"):
        find_chromium()


def test_the_index_lists_the_cases_and_leads_to_them(browser: Browser, site: Path) -> None:
    page = browser.open(site / "index.html")
    text = page.text()
    assert "Barn dance injuries" in text
    assert "Sore heel after a barn dance" in text
    assert "2 clips, 1 picture" in text
    assert page.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    page.follow(".card")
    assert page.text("h1") == "Sore heel after a barn dance"
    assert page.complaints == []
    assert all(asked.startswith(("file:", "data:")) for asked in page.requests)


def test_a_case_opens_without_complaint_and_asks_for_nothing_but_its_own_files(case: Page) -> None:
    text = case.text()
    for told in ("Female, 24 years, fiddler", "14 days later", "compare with Clip 1",
                 "Danced until dawn.", "Linear probe", "Fictional case",
                 "invented profile 1", "not for diagnosis", "Imaginary Infirmary", "Long axis"):  # fmt: skip
        assert told.lower() in text.lower()
    assert case.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_the_answer_is_hidden_then_shown_then_hidden_again(case: Page) -> None:
    before = case.source().lower()
    assert [secret for secret in SECRETS if secret in before] == []
    case.click(".reveal")
    after = case.text().lower()
    assert [secret for secret in SECRETS if secret not in after] == []
    assert case.text("h1") == TRUE_TITLE
    assert case.run("document.title") == TRUE_TITLE
    assert "Sore heel after a barn dance" in case.text(".masthead")
    case.click(".reveal")
    assert case.text("h1") == "Sore heel after a barn dance"
    hidden = case.text("main").lower()
    assert [secret for secret in SECRETS if secret in hidden and secret != "the gate widens"] == []


def test_absent_and_unassessed_findings_are_kept_apart_from_present_ones(case: Page) -> None:
    case.click(".sealed-findings button")
    findings = case.text("#section-findings")
    present, rest = findings.split("Not present")
    absent, unseen = rest.split("Not assessed")
    assert "Velvet rupture" in present
    assert "31\u00a0mm" in present
    assert "Thistledown effusion" in absent
    assert "Larch oedema" in unseen


def test_one_section_can_be_opened_alone(case: Page) -> None:
    case.click(".sealed-differential button")
    assert "Thistledown effusion" in case.text("#section-differential")
    assert case.text("h1") == "Sore heel after a barn dance"
    assert case.run("document.querySelector('.reveal').getAttribute('aria-expanded')") == "false"
    assert case.text("#section-diagnosis") == ""


def test_stepping_changes_the_picture_and_comes_back_to_the_same(case: Page) -> None:
    assert seen_frame(case) == 4
    first = case.screenshot("#figure-1 .stage")
    case.click("#figure-1 .on")
    at_frame(case, 5)
    second = case.screenshot("#figure-1 .stage")
    assert second != first
    case.click("#figure-1 .back")
    at_frame(case, 4)
    assert case.text("#figure-1 .count") == "4/12"
    assert square_in(case.screenshot("#figure-1 .stage")) == square_in(first) != square_in(second)


def square_in(png: bytes) -> int:
    """The left edge of the bright square in a picture of the stage, in sixteenths of the width."""
    with Image.open(io.BytesIO(png)) as image:
        grey = np.asarray(image.convert("L"))
    row = grey[int(grey.shape[0] * 0.40)]
    return int(np.argmax(row > 190) * 16 / grey.shape[1] + 0.5)


def test_what_is_drawn_is_the_frame_that_is_named(case: Page) -> None:
    focus_player(case)
    case.press("Home")
    for number in (1, 2, 3):
        at_frame(case, number)
        assert square_in(case.screenshot("#figure-1 .stage")) == number - 1
        case.press("ArrowRight")


def test_a_clip_is_driven_by_the_keyboard(case: Page) -> None:
    focus_player(case)
    for key, frame in (("End", 12), ("ArrowRight", 1), ("ArrowLeft", 12), ("Home", 1), ("ArrowRight", 2)):
        case.press(key)
        at_frame(case, frame)
    case.press(" ")
    assert case.run("document.querySelector('#figure-1 .play').getAttribute('aria-label')") == "Pause"
    case.until("document.querySelector('#figure-1 .player').dataset.frame !== '2'")
    case.press(" ")
    assert case.run("document.querySelector('#figure-1 .play').getAttribute('aria-label')") == "Play"


def test_the_slider_scrubs(case: Page) -> None:
    case.run("document.querySelector('#figure-1 .scrub').focus()")
    case.press("End")
    at_frame(case, 12)
    assert case.run("document.activeElement.getAttribute('aria-valuetext')") == "frame 12 of 12"
    case.press("ArrowLeft")
    at_frame(case, 11)


_CLOCK = """
  const real = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (call) => window.held ? (window.held.push(call), 0) : real(call);
  window.pass = (time) => window.held.splice(0).forEach((call) => call(time));
"""


def play_by_the_clock(browser: Browser, page: Path, speed: str) -> list[int]:
    """The frames shown at 0, 100, 200 … 600 ms of a clip of 12 frames, 20 a second, from frame 1."""
    opened = browser.open(page)
    opened.ask("Page.addScriptToEvaluateOnNewDocument", source=_CLOCK)
    opened.go(page)
    focus_player(opened)
    opened.press("Home")
    for number in range(1, 13):  # so that all frames have been read from disk
        at_frame(opened, number)
        opened.press("ArrowRight")
    at_frame(opened, 1)
    opened.run(f"document.querySelector('#figure-1 .speed').value = '{speed}'; window.held = []")
    opened.press(" ")
    shown = []
    for time in range(0, 700, 100):
        opened.run(f"pass({time + 1})")
        shown.append(seen_frame(opened))
    return shown


def test_a_clip_plays_at_its_true_speed_and_loops(browser: Browser, site: Path) -> None:
    assert play_by_the_clock(browser, site / "cases/case-01.html", "1") == [1, 3, 5, 7, 9, 11, 1]


def test_frames_that_came_unevenly_stay_as_long_as_they_did(browser: Browser, tmp_path: Path) -> None:
    """Frames of 28 ms, and one (the third) that stays for 328."""
    times = tuple(0.028 * n + (0.3 if n > 2 else 0.0) for n in range(12))
    uneven = clip("M1", MovingSquare(12, 240, 320), fps=18.8, times=times)
    html.export(TeachingSet("uneven", "Uneven", "", (TeachingCase(velvet(), (uneven,)),)), tmp_path, {})
    page = tmp_path / "cases/case-01.html"
    assert "unevenly as they were taken" in page.read_text("utf-8")
    assert play_by_the_clock(browser, page, "1") == [1, 3, 3, 3, 4, 8, 11]


def test_a_clip_can_be_slowed_down(browser: Browser, site: Path) -> None:
    assert play_by_the_clock(browser, site / "cases/case-01.html", "0.5") == [1, 2, 3, 4, 5, 6, 7]


def test_one_clip_starts_by_itself_unless_the_reader_asked_for_less_motion(
    browser: Browser, site: Path
) -> None:
    lively = browser.open(site / "cases/case-01.html", calm=False)
    lively.until("document.querySelector('#figure-1 .player').dataset.frame !== '4'")
    assert lively.run("document.querySelectorAll('.playing').length") == 1
    lively.click("#figure-1 .stage")
    assert lively.run("document.querySelector('#figure-1 .playing')") is None
    calm = browser.open(site / "cases/case-01.html", calm=True)
    calm.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert calm.run("document.querySelectorAll('.playing').length") == 0


def test_marks_are_drawn_after_the_answer_and_only_on_the_frames_they_belong_to(case: Page) -> None:
    drawn = "document.querySelectorAll('#figure-1 .mark:not(.off)').length"
    assert case.run(drawn) == 0
    bare = case.screenshot("#figure-1 .stage")
    case.click(".reveal")
    assert case.run(drawn) == 2  # the box of frames 3 to 6 and the ruler of frame 4
    assert case.screenshot("#figure-1 .stage") != bare
    assert case.run("document.querySelectorAll('#figure-1 .band').length") == 2
    focus_player(case)
    case.press("ArrowRight")
    at_frame(case, 5)
    assert case.run(drawn) == 1
    case.press("Home")
    at_frame(case, 1)
    assert case.run(drawn) == 0


def test_marks_lie_where_the_record_says(case: Page) -> None:
    case.click(".reveal")
    x, y, width, height = case.place("#figure-1 .mark.kind-polygon .line")
    left, top, stage_width, stage_height = case.place("#figure-1 .stage")
    place = [(x - left) / stage_width * 320, (y - top) / stage_height * 240]
    size = [width / stage_width * 320, height / stage_height * 240]
    assert place == pytest.approx([60, 60], abs=1.5)
    assert size == pytest.approx([120, 90], abs=2.5)


def test_marks_can_be_switched_off_by_button_and_key(case: Page) -> None:
    visible = "getComputedStyle(document.querySelector('#figure-1 svg.marks')).display !== 'none'"
    case.click(".reveal")
    assert case.run(visible)
    case.click("#figure-1 .marks-toggle")
    assert not case.run(visible)
    focus_player(case)
    case.press("m")
    assert case.run(visible)


def test_a_finding_leads_to_its_frame_and_back(case: Page) -> None:
    case.click(".sealed-findings button")
    focus_player(case)
    case.press("End")
    at_frame(case, 12)
    case.click("#section-findings .look.best")
    at_frame(case, 4)
    assert case.run("document.activeElement.dataset.figure") == "1"
    case.click("#figure-1 .return")
    assert case.run("document.activeElement.className") == "look best"


def test_a_question_answers_at_once(case: Page) -> None:
    case.click(".option:nth-of-type(1) input")
    assert case.text(".feedback") == ""
    case.click(".check")
    assert "Not quite." in case.text(".feedback")
    assert "gate" not in case.text(".feedback")
    case.click(".option:nth-of-type(2) input")
    case.press("Enter")
    assert case.text(".feedback") == "Right. The gate widens."
    assert case.run("document.querySelector('.option.right').innerText") == "Look while it moves"


def test_text_that_looks_like_html_is_only_text(browser: Browser, site: Path) -> None:
    page = browser.open(site / "cases/case-02.html")
    assert page.text("h1") == '<img src=x onerror="alert(2)"> & "quotes"'
    assert page.text(".quiz-caption") == "</figcaption><h1>broken out</h1>"
    page.click(".reveal")
    page.click(".option input")
    assert page.text("h1") == "</script><script>alert(1)</script>"
    text = page.text()
    for shown in ("<b id=inert>bold</b>", "{{ 7 * 7 }}", "<svg onload=alert(3)>", "<iframe src=//x.test>",
                  "<script>alert(5)</script>"):  # fmt: skip
        assert shown in text
    assert (
        page.run(
            "document.querySelectorAll('iframe, fieldset textarea, style, #inert, main img[src=x]').length"
        )
        == 0
    )
    assert page.run("document.querySelectorAll('h1').length") == 1
    assert page.complaints == []
    assert all(asked.startswith(("file:", "data:")) for asked in page.requests)


def test_text_from_right_to_left_reads_from_right_to_left(browser: Browser, site: Path) -> None:
    page = browser.open(site / "cases/case-03.html")
    assert page.run("getComputedStyle(document.getElementById('title')).direction") == "rtl"
    assert page.run("getComputedStyle(document.querySelector('.story p')).direction") == "rtl"
    assert "This case has no pictures." in page.text()
    page.click(".reveal")
    assert page.text("h1") == "تمزق مخملي"
    assert page.complaints == []


def test_without_scripts_the_clips_move_and_the_answer_says_what_it_needs(
    browser: Browser, site: Path
) -> None:
    page = browser.open(site / "cases/case-01.html", scripts=False)
    text = page.text()
    assert "Answers need JavaScript" in text
    assert "Danced until dawn." in text
    assert "Show the answer" not in text
    assert page.box("#figure-1 .animation")[2] > 100
    assert page.box("#figure-1 .still")[2] == 0


def test_printing_shows_the_answer_and_leaves_the_page_as_it_was(case: Page) -> None:
    assert case.pdf().startswith(b"%PDF-")
    assert case.text("h1") == "Sore heel after a barn dance"
    case.run("dispatchEvent(new Event('beforeprint'))")
    assert case.text("h1") == TRUE_TITLE
    assert "brass sutures" in case.text()
    case.run("dispatchEvent(new Event('afterprint'))")
    assert "brass sutures" not in case.text()


@pytest.mark.parametrize("width", [320, 390, 768, 1366, 1920])
def test_no_page_is_wider_than_the_screen(browser: Browser, site: Path, width: int) -> None:
    for name in ("index.html", "cases/case-01.html", "cases/case-02.html", "cases/case-03.html"):
        page = browser.open(site / name, width=width, height=800)
        page.run("(document.querySelector('.reveal') || document.body).click()")
        assert page.run("document.documentElement.scrollWidth") <= width, name
        page.ask("Page.close")


def test_everything_that_can_be_pressed_has_a_name_and_shows_its_focus(case: Page) -> None:
    case.click(".reveal")
    nameless = case.run(
        "[...document.querySelectorAll('button, a, select, input')].filter(e => e.checkVisibility()"
        " && !(e.innerText || e.getAttribute('aria-label') || (e.labels && e.labels[0].innerText)))"
        ".map(e => e.outerHTML)"
    )
    assert nameless == []
    case.run("document.activeElement.blur(); document.querySelector('.crumbs a').focus()")
    for _ in range(8):
        case.press("Tab")
        assert case.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_page_follows_the_readers_choice_of_light_or_dark(browser: Browser, site: Path) -> None:
    shades = []
    for dark in (False, True):
        page = browser.open(site / "index.html", dark=dark)
        with Image.open(io.BytesIO(page.screenshot())) as image:
            shades.append(int(np.asarray(image.convert("L"))[3, 3]))
    assert shades[0] > 200
    assert shades[1] < 60


def test_a_missing_frame_is_said_on_the_picture(
    teaching: TeachingSet, browser: Browser, tmp_path: Path
) -> None:
    html.export(replace(teaching, cases=teaching.cases[:1]), tmp_path, {})
    (tmp_path / "media/case-01/01/005.webp").unlink()
    page = browser.open(tmp_path / "cases/case-01.html")
    page.click("#figure-1 .on")
    page.until("document.querySelector('#figure-1 .broken')")
    page.click("#figure-1 .on")
    at_frame(page, 6)
