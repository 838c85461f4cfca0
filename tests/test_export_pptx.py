"""Slides of a teaching set: read back by python-pptx, searched as bytes, drawn by LibreOffice where there is one."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from barn import SECRETS, TRUE_TITLE, MovingSquare, clip, hostile, right_to_left, velvet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from casearchive import film
from casearchive.deid import leaks, own
from casearchive.errors import UsageError
from casearchive.exporters import exporter
from casearchive.exporters import pptx as slides
from casearchive.exporters._pptx import deck, fitting, pictures, shapes, telling
from casearchive.exporters._pptx.figures import figures_of
from casearchive.exporters._pptx.fitting import SMALLEST, Para
from casearchive.model import Case, Diagnosis, Evidence, Finding, Identifier, Measurement, Media, Story
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet

pptx = pytest.importorskip("pptx", reason="casearchive[pptx] is not installed")
needs_encoder = pytest.mark.skipif(not film.encoder(), reason="no H.264 encoder is installed")
needs_office = pytest.mark.skipif(
    not (shutil.which("soffice") and shutil.which("pdftotext") and shutil.which("pdftoppm")),
    reason="LibreOffice Impress and poppler-utils are not installed",
)
EMU_A_POINT = 12700


class MadeFilm:
    """A film as the airlock makes it: written when it is first asked for."""

    def __init__(self, frames: MovingSquare, lasting: tuple[float, ...], folder: Path) -> None:
        self.frames, self.lasting, self.asked = frames, lasting, 0
        self.kept = folder / f"{id(self)}.mp4"

    def path(self) -> Path | None:
        self.asked += 1
        if not film.encoder():
            return None
        if not self.kept.exists():
            film.write((self.frames.frame(n + 1) for n in range(len(self.frames))), self.lasting, self.kept)
        return self.kept


def filmed(one: TeachingClip, folder: Path) -> TeachingClip:
    return replace(one, film=MadeFilm(one.frames, one.lasting(), folder)) if len(one.frames) > 1 else one  # type: ignore[arg-type]


def a_set(*cases: TeachingCase, title: str = "Barn dance injuries") -> TeachingSet:
    return TeachingSet("barn", title, "Three fictional cases.", cases, profile="invented profile 1")


@pytest.fixture(scope="module")
def teaching(tmp_path_factory: pytest.TempPathFactory) -> TeachingSet:
    folder = tmp_path_factory.mktemp("films")
    quick, slow = MovingSquare(12, 240, 320), MovingSquare(6, 200, 260, colour=False)
    tall = MovingSquare(1, 1200, 900)
    made = [
        filmed(c, folder) for c in (clip("M1", quick, fps=20.0, key=4), clip("M2", slow), clip("M3", tall))
    ]
    return a_set(
        TeachingCase(velvet(), tuple(made)),
        TeachingCase(hostile(), (filmed(clip("M1", slow, fps=8.0), folder),)),
        TeachingCase(right_to_left(), ()),
    )


@pytest.fixture(scope="module")
def made(teaching: TeachingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("slides")
    slides.export(teaching, target, {})
    return target


@pytest.fixture(scope="module")
def shown(made: Path) -> Any:
    return pptx.Presentation(str(made / "slides.pptx"))


def exported(teaching: TeachingSet, target: Path, **options: str) -> Any:
    target.mkdir(exist_ok=True)
    slides.export(teaching, target, options)
    return pptx.Presentation(str(target / "slides.pptx"))


def words(slide: Any) -> str:
    return "\n".join(s.text_frame.text for s in slide.shapes if s.has_text_frame)


def notes(slide: Any) -> str:
    return str(slide.notes_slide.notes_text_frame.text) if slide.has_notes_slide else ""


def titles(presentation: Any) -> list[str]:
    return [slide.shapes.title.text_frame.text for slide in presentation.slides]


def everything(presentation: Any) -> str:
    return "\n".join(words(slide) + "\n" + notes(slide) for slide in presentation.slides)


def shape_named(slide: Any, name: str) -> Any:
    return next(s for s in slide.shapes if s.name == name)


def slide_called(presentation: Any, title: str) -> Any:
    return next(s for s in presentation.slides if s.shapes.title.text_frame.text == title)


# ------------------------------------------------------------------------------------------- the whole file


def test_slides_are_found_as_an_exporter() -> None:
    assert exporter("pptx").export is slides.export
    assert exporter("pptx").HIDES_ANSWERS


def test_a_set_becomes_a_title_a_list_cases_that_ask_first_and_references(shown: Any) -> None:
    told = titles(shown)
    assert told[:2] == ["Barn dance injuries", "Cases"]
    assert told[2] == "Case 1: Sore heel after a barn dance"
    assert told.index(f"Case 1: {TRUE_TITLE}") > told.index("Case 1: question")
    assert told[-1] == "References"
    assert "An almanac, 2031." in words(shown.slides[-1])
    assert shown.slide_width * 9 == shown.slide_height * 16
    assert "For teaching, not for diagnosis" in words(shown.slides[0])


def test_the_list_of_cases_leads_to_each_case(shown: Any) -> None:
    listed = shown.slides[1]
    reached = []
    for link in listed._element.xpath(".//a:hlinkClick"):
        assert link.get("action") == "ppaction://hlinksldjump"
        part = listed.part.related_part(link.get(f"{{{pptx.oxml.ns._nsmap['r']}}}id"))
        reached.append(part.slide.shapes.title.text_frame.text)
    assert reached[0] == "Case 1: Sore heel after a barn dance"
    assert reached[2] == "Case 3: ألم في الكعب بعد الرقص"


def test_nothing_before_an_answer_tells_it(shown: Any) -> None:
    first = titles(shown).index("Case 1: answer to the question")
    for slide in list(shown.slides)[:first]:
        parts = [slide.part, *([slide.notes_slide.part] if slide.has_notes_slide else [])]
        told = " ".join(
            [part.blob.decode("utf-8", "replace") for part in parts]
            + [str(r.target_part.partname) for part in parts for r in part.rels.values() if not r.is_external]
        ).lower()
        for secret in SECRETS:
            assert secret.lower() not in told, secret
    assert f"The answer begins on slide {first + 1}." in notes(shown.slides[2])


def test_a_title_of_the_set_that_names_an_answer_is_left_out(teaching: TeachingSet, tmp_path: Path) -> None:
    spoilt = replace(teaching, title="The velvet rupture", description="Two of velvet rupture.")
    presentation = exported(spoilt, tmp_path)
    assert titles(presentation)[0] == "Teaching cases"
    assert "velvet" not in words(presentation.slides[0])
    assert presentation.core_properties.title == "Teaching cases"


def test_the_answer_tells_diagnosis_findings_measurements_and_what_to_remember(shown: Any) -> None:
    told = everything(shown)
    for said in (
        "Velvet rupture of the left moonwort tendon, definite, confirmed by surgery",
        "At rest 6 mm → on contraction the gate widens",
        "Gap on contraction (left): 31 mm",
        "No thistledown effusion",
        "It was quietly frayed.",
        "Sewn with brass sutures.",
        "Never trust a lantern.",
        "Lantern glare.",
        "Answer: B. Look while it moves",
        "MRI, 9 days before: feather strain",
        "Case by Dr Ada Invented, Imaginary Infirmary",
    ):
        assert said in told, said


def test_notes_of_an_answer_hold_diagnosis_findings_and_teaching_points(shown: Any) -> None:
    told = notes(slide_called(shown, f"Case 1: {TRUE_TITLE}"))
    order = [told.index(head) for head in ("Diagnosis\n", "Findings\n", "Teaching points\n", "Pitfalls\n")]
    assert order == sorted(order)
    assert "- 1. Velvet rupture of the left moonwort tendon" in told
    assert "Never trust a lantern." in told


def test_every_picture_and_mark_is_told_in_words(shown: Any) -> None:
    seen = 0
    for slide in shown.slides:
        for element in slide._element.xpath(".//p:pic | .//p:cxnSp | .//p:sp[not(.//p:txBody)]"):
            seen += 1
            assert element.xpath(".//p:cNvPr/@descr")[0].strip()
    assert seen > 8


def test_the_same_set_gives_the_same_bytes(teaching: TeachingSet, made: Path, tmp_path: Path) -> None:
    slides.export(teaching, tmp_path, {})
    assert (tmp_path / "slides.pptx").read_bytes() == (made / "slides.pptx").read_bytes()
    assert (tmp_path / "README.txt").read_bytes() == (made / "README.txt").read_bytes()


def test_the_file_says_nothing_of_who_made_it_or_when(
    teaching: TeachingSet, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(made / "slides.pptx") as packed:
        assert {info.date_time for info in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = packed.read("docProps/core.xml").decode()
        names = packed.namelist()
    assert set(re.findall(r">([^<>\s][^<>]*)<", core)) == {"Barn dance injuries", "1", "2000-01-01T00:00:00Z"}
    assert not [n for n in names if re.search("thumbnail|printer|custom|app.xml", n)]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert exported(a_set(), tmp_path).core_properties.created.year == 2023


def test_names_of_media_are_numbers(made: Path) -> None:
    with zipfile.ZipFile(made / "slides.pptx") as packed:
        media = [n for n in packed.namelist() if n.startswith("ppt/media/")]
    assert media
    assert all(re.fullmatch(r"ppt/media/(image|media)\d+\.(png|jpg|gif|mp4)", name) for name in media)


def test_a_judge_of_the_format_finds_nothing_wrong(made: Path) -> None:
    judge = pytest.importorskip("openxml_audit", reason="openxml-audit is not installed")
    result = judge.OpenXmlValidator().validate(str(made / "slides.pptx"))
    assert [str(error) for error in result.errors] == []


def test_ids_are_unique_on_each_slide_and_every_reference_leads_somewhere(shown: Any) -> None:
    relation = f"{{{pptx.oxml.ns._nsmap['r']}}}"
    for slide in shown.slides:
        ids = slide._element.xpath(".//p:cNvPr/@id")
        assert len(ids) == len(set(ids))
        timed = slide._element.xpath("./p:timing//p:cTn/@id")
        assert len(timed) == len(set(timed))
        assert set(slide._element.xpath("./p:timing//p:spTgt/@spid")) <= set(ids)
        used = {v for e in slide._element.iter() for k, v in e.attrib.items() if k.startswith(relation) and v}
        assert used <= set(slide.part.rels)


def test_sections_hold_every_slide_once(shown: Any) -> None:
    names = {"p14": "http://schemas.microsoft.com/office/powerpoint/2010/main"}
    root = shown.part._element
    found = root.findall(".//p14:sldId", names)
    assert [f.get("id") for f in found] == [s.get("id") for s in root.sldIdLst]
    sections = [s.get("name") for s in root.findall(".//p14:section", names)]
    assert sections == ["Contents", "Case 1", "Case 2", "Case 3", "References"]


# ---------------------------------------------------------------------------------------------------- films


@needs_encoder
def test_a_clip_is_a_film_with_a_poster_that_starts_by_itself_and_goes_on(
    teaching: TeachingSet, made: Path, shown: Any
) -> None:
    slide = slide_called(shown, "Case 1: Sore heel after a barn dance")
    pic = shape_named(slide, "Clip 1")._element
    kinds = {r.reltype.rpartition("/")[2] for r in slide.part.rels.values()}
    assert {"video", "media", "image", "slideLayout", "notesSlide"} <= kinds
    key = pic.xpath(".//a:videoFile")[0].get(f"{{{pptx.oxml.ns._nsmap['r']}}}link")
    part = slide.part.related_part(key)
    assert part.content_type == "video/mp4"
    assert part.blob == teaching.cases[0].clips[0].film.path().read_bytes()  # type: ignore[union-attr]
    poster = slide.part.related_part(pic.xpath(".//a:blip/@r:embed")[0])
    with Image.open(io.BytesIO(poster.blob)) as image:
        # the key frame is the fourth: the square stands at three sixteenths
        row = np.asarray(image.convert("L")).astype(int)[90]
        assert (image.size, row[60:100].mean() > 200, row[110:150].mean() < 150) == ((320, 240), True, True)
    (spid,) = pic.xpath(".//p:cNvPr/@id")
    timing = slide._element.xpath("./p:timing")[0]
    assert timing.xpath(
        f".//p:seq/p:cTn[@nodeType='mainSeq']//p:cmd[@cmd='playFrom(0.0)']//p:spTgt[@spid='{spid}']"
    )
    assert timing.xpath(".//p:cTn[@nodeType='afterEffect']")
    assert timing.xpath(".//p:cond[@evt='onBegin']/p:tn/@val") == timing.xpath(
        ".//p:cTn[@nodeType='mainSeq']/@id"
    )
    media = timing.xpath(f".//p:video/p:cMediaNode[.//p:spTgt/@spid='{spid}']/p:cTn")[0]
    assert media.get("repeatCount") == "indefinite"
    with zipfile.ZipFile(made / "slides.pptx") as packed:
        assert b'Extension="mp4" ContentType="video/mp4"' in packed.read("[Content_Types].xml")


@needs_encoder
def test_all_films_of_a_slide_start_together(tmp_path: Path) -> None:
    frames = MovingSquare(4, 48, 64)
    clips = tuple(filmed(clip(f"M{n}", frames, fps=10.0 + n), tmp_path) for n in range(1, 4))
    case = Case("three", "Three", media=tuple(Media(f"M{n}") for n in range(1, 4)))
    presentation = exported(a_set(TeachingCase(case, clips)), tmp_path / "out")
    moving = [s for s in presentation.slides if s._element.xpath("./p:timing")]
    assert [len(s._element.xpath("./p:timing//p:video")) for s in moving] == [2, 1]
    kinds = moving[0]._element.xpath(
        "./p:timing//p:cTn[@presetClass='mediacall' and @presetID='1']/@nodeType"
    )
    assert kinds == ["afterEffect", "withEffect"]
    assert moving[0]._element.xpath("./p:timing//p:cmd[@cmd='playFrom(0.0)']//p:cTn/@dur") == ["364", "333"]


def test_without_an_encoder_clips_are_animated_pictures_and_it_says_what_to_install(
    teaching: TeachingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "encoder", lambda: "")
    presentation = exported(teaching, tmp_path)
    slide = slide_called(presentation, "Case 1: Sore heel after a barn dance")
    picture = shape_named(slide, "Clip 1").image
    with Image.open(io.BytesIO(picture.blob)) as image:
        assert (image.format, image.n_frames, image.info["loop"]) == ("GIF", 12, 0)
        assert image.info["duration"] == 50
    assert not slide._element.xpath("./p:timing")
    for told in ((tmp_path / "README.txt").read_text("utf-8"), notes(presentation.slides[0])):
        assert "pip install 'casearchive[video]'" in told


@needs_encoder
def test_a_long_clip_is_cut_to_half_a_minute_around_its_finding(tmp_path: Path) -> None:
    import av

    frames = MovingSquare(600, 32, 48, colour=False)  # ten minutes
    case = Case(
        "long", "Long", media=(Media("M1"),),
        findings=(Finding("F1", "velvet", evidence=(Evidence("M1", (300, 304), best=True),)),),
    )  # fmt: skip
    long = filmed(clip("M1", frames, fps=1.0), tmp_path)
    presentation = exported(a_set(TeachingCase(case, (long,))), tmp_path / "out")
    assert long.film.asked == 0  # type: ignore[union-attr]
    assert "The film on the slide shows frames 287 to 316" in everything(presentation)
    part = next(p for p in presentation.part.package.iter_parts() if p.content_type == "video/mp4")
    with av.open(io.BytesIO(part.blob)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30
    assert "cut to half a minute" in (tmp_path / "out" / "README.txt").read_text("utf-8")


@needs_encoder
def test_a_film_that_is_too_large_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "LARGEST", 2000)
    one = filmed(clip("M1", MovingSquare(40, 64, 96), fps=10.0), tmp_path)
    cut = pictures.moving(one, Case("a", "A"))
    assert cut.film is not None
    first, last = cut.frames
    assert 1 <= first <= last < 40
    assert cut.seconds == pytest.approx((last - first + 1) / 10)


@given(
    st.integers(1, 400), st.floats(0.5, 60), st.floats(0.1, 40), st.integers(1, 400),
    st.none() | st.tuples(st.integers(1, 400), st.integers(1, 400)),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_cut_lies_in_its_clip_and_shows_its_middle(
    count: int, fps: float, seconds: float, key: int, seen: tuple[int, int] | None
) -> None:
    one = clip("M1", MovingSquare(count, 16, 16), fps=fps, key=key)
    evidence = (Evidence("M1", (min(seen), max(seen))),) if seen else ()
    first, last = pictures.window(
        one, Case("a", "A", findings=(Finding("F", "x", evidence=evidence),)), seconds
    )
    assert 1 <= first <= last <= count
    assert (last - first + 1) / fps <= seconds + 1 / fps
    if not seen:
        assert first <= min(max(key, 1), count) <= last


# ------------------------------------------------------------------------------------------------- evidence


def marked(*evidence: Evidence, certainty: str = "definite", measured: tuple[Measurement, ...] = ()) -> Any:
    frames = MovingSquare(10, 200, 400)
    case = Case(
        "marks", "Marks", media=(Media("M1"),), measurements=measured,
        findings=(Finding("F1", "velvet rupture", certainty=certainty, evidence=evidence),),
    )  # fmt: skip
    found = TeachingCase(case, (clip("M1", frames, fps=10.0, key=2),))
    made = deck.Deck(a_set(found), deck_theme())
    made.fill()
    presentation = made.slides.theme.presentation
    return presentation, next(
        s for s in presentation.slides if s.shapes.title.text_frame.text == "Case 1: Marks"
    )


def deck_theme() -> Any:
    from casearchive.exporters._pptx.theme import load

    return load("")


def on_picture(slide: Any, x: float, y: float) -> tuple[float, float]:
    """Where a stored pixel of a picture of 400 by 200 stands on the slide."""
    picture = next(s for s in slide.shapes if s.shape_type == 13)
    return picture.left + (x + 0.5) * picture.width / 400, picture.top + (y + 0.5) * picture.height / 200


def test_a_box_stands_where_it_is_in_the_picture_in_the_colour_of_its_finding() -> None:
    _, slide = marked(Evidence("M1", (3, 6), "box", ((40.0, 50.0), (120.0, 90.0)), best=True))
    box = shape_named(slide, "Evidence 1")
    left, top = on_picture(slide, 40, 50)
    right, bottom = on_picture(slide, 120, 90)
    assert (box.left, box.top) == (pytest.approx(left, abs=2), pytest.approx(top, abs=2))
    assert (box.left + box.width, box.top + box.height) == (
        pytest.approx(right, abs=2),
        pytest.approx(bottom, abs=2),
    )
    assert box._element.xpath(".//a:prstGeom/@prst") == ["rect"]
    assert box._element.xpath(".//a:ln//a:srgbClr/@val") == [shapes.COLOURS[0]]
    assert box._element.xpath(".//p:cNvPr/@descr") == ["1 Velvet rupture"]
    assert not box._element.xpath(".//a:prstDash")
    assert "Clip 1, frame 4" in words(slide)


def test_every_shape_of_evidence_is_a_shape_of_its_own() -> None:
    _, slide = marked(
        Evidence("M1", None, "polygon", ((10.0, 10.0), (60.0, 20.0), (30.0, 70.0))),
        Evidence("M1", None, "line", ((100.0, 100.0), (80.0, 20.0))),
        Evidence("M1", None, "line", ((100.0, 100.0), (80.0, 20.0), (60.0, 40.0))),
        Evidence("M1", None, "point", ((200.0, 100.0),)),
        Evidence("M1", None, "ellipse", ((300.0, 50.0), (340.0, 150.0))),
        Evidence("M1", None, "ellipse", ((210.0, 110.0), (290.0, 190.0), (262.0, 138.0), (238.0, 162.0))),
    )
    found = [s for s in slide.shapes if s.name == "Evidence 1"]
    assert len(found) == 6
    triangle, line, bent, point, upright, turned = found
    assert len(triangle._element.xpath(".//a:path/a:lnTo | .//a:path/a:moveTo")) == 3
    assert triangle._element.xpath(".//a:path/a:close")
    start, end = on_picture(slide, 100, 100), on_picture(slide, 80, 20)
    assert (line.begin_x, line.begin_y) == (pytest.approx(start[0], abs=2), pytest.approx(start[1], abs=2))
    assert (line.end_x, line.end_y) == (pytest.approx(end[0], abs=2), pytest.approx(end[1], abs=2))
    assert not bent._element.xpath(".//a:path/a:close")
    middle = on_picture(slide, 200, 100)
    assert point.left + point.width / 2 == pytest.approx(middle[0], abs=2)
    assert point.top + point.height / 2 == pytest.approx(middle[1], abs=2)
    assert upright.left + upright.width / 2 == pytest.approx(on_picture(slide, 320, 100)[0], abs=2)
    assert upright.height == pytest.approx(on_picture(slide, 0, 150)[1] - on_picture(slide, 0, 50)[1], abs=2)
    assert turned.rotation == pytest.approx(45)
    for shape in found:
        assert shape._element.xpath(".//a:ln") and not shape._element.xpath("./p:spPr/a:solidFill")


def test_a_measured_line_has_its_value_beside_it() -> None:
    gap = Measurement("gap", 31.0, "mm", "F1", media="M1", frame=4, points=((60.0, 90.0), (180.0, 90.0)))
    _, slide = marked(measured=(gap,))
    ruler = shape_named(slide, "Evidence 31 mm")
    assert ruler.begin_x == pytest.approx(on_picture(slide, 60, 90)[0], abs=2)
    assert shape_named(slide, "Label 31 mm").text_frame.text == "31 mm"
    assert "Clip 1, frame 4" in words(slide)


def test_what_is_not_present_is_dashed() -> None:
    _, slide = marked(Evidence("M1", None, "box", ((40.0, 50.0), (120.0, 90.0))), certainty="absent")
    assert shape_named(slide, "Evidence 1")._element.xpath(".//a:prstDash/@val") == ["dash"]
    assert "No velvet rupture" in words(slide)


def test_marks_of_distant_frames_get_a_slide_each() -> None:
    presentation, _ = marked(
        Evidence("M1", (1, 2), "box", ((40.0, 50.0), (120.0, 90.0))),
        Evidence("M1", (8, 9), "box", ((40.0, 50.0), (120.0, 90.0))),
    )
    assert [t for t in titles(presentation) if "findings" in t] == ["Case 1: findings, clip 1, frame 8"]


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=8),
    st.integers(1, 12),
    st.integers(1, 12),
)
@settings(max_examples=80, deadline=None)
def test_every_mark_is_shown_on_a_frame_it_belongs_to(
    ranges: list[tuple[int, int]], count: int, key: int
) -> None:
    evidence = tuple(
        Evidence("M1", (min(r), max(r)), "box", ((float(n), 1.0), (9.0 + n, 9.0)))
        for n, r in enumerate(ranges)
    )
    case = Case("a", "A", media=(Media("M1"),), findings=(Finding("F1", "x", evidence=evidence),))
    views = telling.views(
        case, figures_of(TeachingCase(case, (clip("M1", MovingSquare(count, 16, 16), key=key),)))
    )
    assert sum(len(v.marks) for v in views) == len(evidence)
    for view in views:
        assert 1 <= view.frame <= count
        for mark in view.marks:
            low, high = mark["frames"] or (1, count)
            assert count == 1 or min(low, count) <= view.frame <= min(high, count)


def test_colours_are_those_of_the_web_pages() -> None:
    from importlib import resources

    style = (resources.files("casearchive.exporters._html") / "static" / "teaching.css").read_text("utf-8")
    assert re.findall(r"\.mark-\d \{ --mark: #(\w{6})", style) == [c.lower() for c in shapes.COLOURS]


# ------------------------------------------------------------------------------------------ text that is much


def inside(presentation: Any) -> None:
    """No shape reaches beyond its slide, and no text is smaller than is promised."""
    for number, slide in enumerate(presentation.slides, start=1):
        for shape in slide.shapes:
            if shape.width is None:
                continue  # where the layout has it
            where = f"slide {number}, {shape.name}"
            assert shape.left >= 0 and shape.top >= 0, where
            assert shape.left + shape.width <= presentation.slide_width + 1, where
            assert shape.top + shape.height <= presentation.slide_height + 1, where
        for size in slide._element.xpath(".//a:rPr/@sz"):
            assert int(size) >= 100 * SMALLEST


LONG = (
    "Pain in the calf after a game of tennis, with a sudden snap that was heard across the whole court. " * 3
)


def much() -> Case:
    story = Story(
        history="\n\n".join([LONG] * 8),
        diagnosis=tuple(Diagnosis(f"rupture {n}") for n in range(12)),
        discussion="\n\n".join([LONG * 3] * 6),
        points=(LONG,) * 9,
        differential=("漢字" * 200, "متلازمة " * 60),
        references=(LONG,) * 20,
    )
    findings = tuple(
        Finding(
            f"F{n}", f"rupture {n}", note=LONG,
            evidence=(Evidence("M1", None, "box", ((5.0 * n, 5.0), (5.0 * n + 9, 40.0))),),
        )
        for n in range(1, 8)
    )  # fmt: skip
    media = tuple(Media(f"M{n}", caption=LONG, quiz_caption=LONG) for n in range(1, 51))
    return Case("much", LONG, quiz_title=LONG, story=story, findings=findings, media=media)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("crowded")
    shapes_of = [(48, 64), (64, 48), (30, 120)]
    clips = tuple(
        filmed(clip(f"M{n}", MovingSquare(3, *shapes_of[n % 3]), fps=10.0), folder) for n in range(1, 51)
    )
    case = much()
    return folder / "out", exported(a_set(TeachingCase(case, clips)), folder / "out")


def test_fifty_clips_and_endless_texts_stay_on_their_slides(crowded: tuple[Path, Any]) -> None:
    _, presentation = crowded
    inside(presentation)
    shown = [s.name for slide in presentation.slides for s in slide.shapes if s.name.startswith("Clip")]
    assert {f"Clip {n}" for n in range(1, 51)} <= set(shown)


def test_no_word_of_a_long_text_is_lost(crowded: tuple[Path, Any]) -> None:
    _, presentation = crowded
    told = "".join(everything(presentation).split())
    case = much()
    assert told.count("".join(LONG.split())) >= 10
    for text in (*case.story.differential, *case.story.points):
        assert "".join(text.split())[:200].lower() in told.lower()


def test_a_case_without_pictures_and_without_words_is_still_a_case(tmp_path: Path) -> None:
    presentation = exported(a_set(TeachingCase(Case("a", ""), ()), title=""), tmp_path)
    assert "This case has no pictures." in everything(presentation)
    assert "Case 1: the answer" in titles(presentation)
    inside(presentation)


def test_a_set_without_cases_opens(tmp_path: Path) -> None:
    assert titles(exported(a_set(), tmp_path)) == ["Barn dance injuries"]


def test_text_from_right_to_left_begins_at_the_right(shown: Any) -> None:
    slide = slide_called(shown, "Case 3: ألم في الكعب بعد الرقص")
    paragraph = next(s for s in slide.shapes if s.has_text_frame and "رقصت" in s.text_frame.text)
    properties = paragraph._element.xpath(".//a:pPr")[0]
    assert (properties.get("rtl"), properties.get("algn")) == ("1", "r")


def test_text_that_looks_like_markup_is_only_text(shown: Any) -> None:
    told = everything(shown)
    for text in (
        "</script><script>alert(1)</script>",
        "{{ 7 * 7 }} {% raw %} --><!--",
        "<textarea>",
        "script:alert(4)",
    ):
        assert text in told


_texts = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="אבגדהو عربيةพالไทยहिन्दी ", max_size=120),
    st.text(alphabet="漢字仮名交じり文한국어", max_size=300),
    st.text(alphabet="<>&\"']]>{}∑∫√≤≥∂x²_0041\x00\x0b\x1f\ufffe\ud800 \t\n", max_size=80),
    st.text(alphabet="Ab ", min_size=300, max_size=300),
)


@given(st.lists(_texts, min_size=6, max_size=6))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_text_comes_back_from_the_file(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    title, quiz, history, point, what, caption = texts
    case = Case(
        "any", title, quiz_title=quiz, story=Story(history=history, points=(point,), references=(title,)),
        media=(Media("M1", caption=caption, quiz_caption=caption),),
        findings=(Finding("F1", what, note=point, evidence=(Evidence("M1", None, "point", ((5.0, 5.0),)),)),),
    )  # fmt: skip
    one = clip("M1", MovingSquare(1, 32, 48))
    target = tmp_path_factory.mktemp("any")
    presentation = exported(a_set(TeachingCase(case, (one,)), title=title), target)
    inside(presentation)
    told = "".join(everything(presentation).split())
    for text in (history, point, title):
        assert "".join(telling.clean(text).split()) in told


@given(st.lists(st.tuples(_texts, st.sampled_from(["body", "head", "strong", "bullet"])), max_size=6),
       st.floats(60, 700), st.floats(60, 400), st.sampled_from([14, 16, 20]))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_pages_hold_every_letter_in_order_and_none_is_too_full(
    texts: list[tuple[str, str]], room: float, high: float, body: int
) -> None:
    paras = telling._cleaned([Para(text, kind) for text, kind in texts])
    pages = fitting.pages(paras, room, high, body)
    whole = "".join("".join(p.said.split()) for page in pages for p in page)
    assert whole == "".join("".join(p.said.split()) for p in paras)
    for page in pages:
        assert len(page) == 1 or fitting.total(page, room, body) <= high + 0.01
    last = [page[-1] for page in pages[:-1] if page[-1].kind == "head"]
    assert not [head for head in last if fitting.height(head, room, body) + 4 * body < high / 2]


def test_a_head_is_not_left_behind_by_a_text_that_nearly_fills_a_page() -> None:
    long = Para("0" * 157)
    first, second = fitting.pages([Para("Findings", "head"), long], 223.0, 216.0, 20)
    assert [p.kind for p in first] == ["head", "body"]
    assert first[1].text + second[0].text == long.text


def test_what_belongs_to_a_badge_stays_with_it() -> None:
    told = [Para("a word " * 60), Para("Tear", "strong", mark="1"), Para("It is old.", under=True)]
    first, second = fitting.pages(told, 300, fitting.total(told, 300, 14) - 5, 14)
    assert [p.text for p in second] == ["Tear", "It is old."]
    assert len(first) == 1


@given(_texts, st.floats(30, 500), st.integers(1, 4))
def test_a_shortened_text_keeps_its_lines(text: str, room: float, count: int) -> None:
    said = fitting.shortened(telling.clean(text), room, 14, count)
    assert len(fitting.lines(said, room, 14)) <= count
    assert said == telling.clean(text) or said.endswith("…")


# -------------------------------------------------------------------------------------------------- a theme


def a_template(path: Path, *, template: bool = False, extra: dict[str, bytes] | None = None) -> Path:
    """A clinic's file: 4:3, black on white, with a slide of its own, an author and a thumbnail."""
    presentation = pptx.Presentation()
    presentation.core_properties.author = "Dr Quillfeather"
    slide = presentation.slides.add_slide(presentation.slide_layouts[0])
    slide.shapes.title.text = "Ward meeting of Tuesday"
    slide.notes_slide.notes_text_frame.text = "Ask Orsino"
    packed = io.BytesIO()
    presentation.save(packed)
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(path, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            if name == "[Content_Types].xml" and template:
                data = data.replace(b"presentation.main+xml", b"template.main+xml")
            out.writestr(name, data)
        for name, data in (extra or {}).items():
            out.writestr(name, data)
    return path


@pytest.mark.parametrize("template", [False, True])
def test_a_clinics_template_gives_its_look_and_nothing_else(
    teaching: TeachingSet, tmp_path: Path, template: bool
) -> None:
    path = a_template(tmp_path / ("clinic.potx" if template else "clinic.pptx"), template=template)
    presentation = exported(teaching, tmp_path / "out", theme=str(path))
    assert presentation.slide_width * 3 == presentation.slide_height * 4
    assert presentation.slide_layouts[0].name == "Title Slide"
    inside(presentation)
    assert titles(presentation)[:2] == ["Barn dance injuries", "Cases"]
    with zipfile.ZipFile(tmp_path / "out" / "slides.pptx") as packed:
        assert packed.testzip() is None
        content = b" ".join(packed.read(name) for name in packed.namelist())
        assert not [n for n in packed.namelist() if "thumbnail" in n or "printer" in n]
    for left in (b"Quillfeather", b"Ward meeting", b"Orsino", b"Steve Canny"):
        assert left not in content


def test_slides_made_here_can_be_the_theme_of_others(
    teaching: TeachingSet, made: Path, tmp_path: Path
) -> None:
    presentation = exported(a_set(teaching.cases[2]), tmp_path, theme=str(made / "slides.pptx"))
    told = everything(presentation)
    assert "barn dance" not in told.lower().replace("barn dance injuries", "")
    assert presentation.slide_width * 9 == presentation.slide_height * 16


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.pptx", None, "cannot be read"),
        ("text.pptx", b"not a zip", "no presentation"),
        ("empty.pptx", b"", "no presentation"),
    ],
)
def test_what_is_no_theme_is_refused(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said) as told:
        slides.export(a_set(), tmp_path, {"theme": str(tmp_path / name)})
    assert name in str(told.value) and told.value.hint
    with pytest.raises(UsageError, match="no theme was named"):
        slides.export(a_set(), tmp_path, {"theme": ""})


@pytest.mark.parametrize(
    ("member", "found", "instead"),
    [
        ("ppt/presentation.xml", rb"<p:sldMasterIdLst>.*?</p:sldMasterIdLst>", b""),
        ("ppt/presentation.xml", rb'<p:sldSz cx="\d+"', b'<p:sldSz cx="wide"'),
        ("ppt/slideMasters/slideMaster1.xml", rb'r:id="rId1"', b'r:id="rId99"'),
        ("ppt/slideMasters/slideMaster1.xml", rb' sz="\d+"', b' sz="big"'),
        ("ppt/slideLayouts/slideLayout2.xml", rb"^.*$", b"<broken"),
        ("ppt/theme/theme1.xml", rb"^.*$", b"<broken"),
        ("[Content_Types].xml", rb"slideLayout\+xml", b"tags+xml"),
    ],
)
def test_a_theme_that_is_damaged_inside_is_refused_by_name(
    tmp_path: Path, member: str, found: bytes, instead: bytes
) -> None:
    whole, path = a_template(tmp_path / "whole.pptx"), tmp_path / "damaged.pptx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            out.writestr(name, re.sub(found, instead, data, flags=re.S) if name == member else data)
    with pytest.raises(UsageError, match="no presentation that can be used") as told:
        slides.export(a_set(), tmp_path, {"theme": str(path)})
    assert told.value.where == "damaged.pptx" and told.value.hint
    assert not (tmp_path / "slides.pptx").exists()


def test_a_place_of_less_than_nothing_is_taken_as_not_said(tmp_path: Path) -> None:
    whole, path = a_template(tmp_path / "whole.pptx"), tmp_path / "negative.pptx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            out.writestr(
                name, re.sub(rb'<a:ext cx="\d+"', b'<a:ext cx="-5"', data) if "/slide" in name else data
            )
    inside(exported(a_set(), tmp_path / "out", theme=str(path)))


def test_a_theme_with_macros_is_refused(tmp_path: Path) -> None:
    path = a_template(tmp_path / "m.pptx", extra={"ppt/vbaProject.bin": b"x"})
    with pytest.raises(UsageError, match="macros"):
        slides.export(a_set(), tmp_path, {"theme": str(path)})


def test_words_of_our_own_theme_are_easy_to_read() -> None:
    from importlib import resources

    text = (resources.files("casearchive.exporters._pptx") / "theme" / "theme.xml").read_text("utf-8")
    colour = dict(re.findall(r'<a:(\w+)><a:srgbClr val="(\w{6})"/>', text))

    def light(six: str) -> float:
        parts = [int(six[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for name in ("lt1", "lt2", "hlink", "folHlink"):
        assert (light(colour[name]) + 0.05) / (light(colour["dk1"]) + 0.05) >= 4.5, name
    for six in shapes.COLOURS:
        assert (light(six) + 0.05) / (light(shapes.DARK) + 0.05) >= 4.5, six
    assert set(re.findall(r'<a:latin typeface="(\w+)"', text)) == {"Arial"}


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pptx", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"casearchive\[pptx\]"):
        slides.export(a_set(), tmp_path, {})


def test_the_library_is_loaded_only_when_slides_are_made() -> None:
    code = "import sys; from casearchive.exporters import exporters; exporters(); print('pptx.oxml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -------------------------------------------------------------------------------------------------- identity


def test_a_name_on_a_slide_is_found_and_words_of_the_format_are_no_names(
    teaching: TeachingSet, tmp_path: Path
) -> None:
    ours = own.phrases("casearchive.deid", "casearchive.exporters", "casearchive.record")
    slides.export(teaching, tmp_path, {})
    names = (
        "Kern",
        "Hans",
        "Roman",
        "Kartika",
        "Oval",
        "Evidence",
        "Anchor",
        "Marl",
        "Arial",
        "Speaker",
        "Horz",
    )
    assert leaks.scan(tmp_path, [Identifier("PatientName", f"{n}^Zyx") for n in names], own=ours) == ()
    for name in ("moonwort", "lantern", "almanac", "fiddler"):  # on slides, in notes, in words for pictures
        assert leaks.scan(tmp_path, [Identifier("PatientName", f"{name}^Zyx")], own=ours), name


# ------------------------------------------------------------------------------------------------ LibreOffice


def drawn(path: Path, folder: Path) -> Path:
    """The PDF that LibreOffice makes of a file of slides."""
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "pdf",
         "--outdir", str(folder), str(path)],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return folder / f"{path.stem}.pdf"


def lines_of(pdf: Path) -> Iterator[tuple[int, float, float, float, float, float, float]]:
    """(page, width, height, xMin, yMin, xMax, yMax) of every word, in points."""
    done = subprocess.run(["pdftotext", "-bbox", str(pdf), "-"], capture_output=True, text=True, check=True)
    page, size = 0, (0.0, 0.0)
    for line in done.stdout.splitlines():
        found = [float(n) for n in re.findall(r'="(-?[\d.]+)"', line)]
        if "<page" in line:
            page, size = page + 1, (found[0], found[1])
        elif "<word" in line:
            yield (page, *size, *found[:4])


@needs_office
def test_libreoffice_shows_every_slide_with_all_words_on_it(
    made: Path, shown: Any, crowded: tuple[Path, Any], tmp_path: Path
) -> None:
    for number, (path, presentation) in enumerate(((made, shown), crowded)):
        folder = tmp_path / str(number)
        folder.mkdir()
        pdf = drawn(path / "slides.pptx", folder)
        placed = list(lines_of(pdf))
        assert {page for page, *_ in placed} == set(range(1, len(presentation.slides) + 1))
        for page, width, height, left, top, right, bottom in placed:
            assert left > -1 and top > -1 and right < width + 1 and bottom < height + 1, f"page {page}"


@needs_office
def test_libreoffice_shows_evidence_over_its_picture(tmp_path: Path) -> None:
    presentation, slide = marked(Evidence("M1", None, "box", ((200.0, 50.0), (360.0, 150.0))))
    number = 1 + [s.slide_id for s in presentation.slides].index(slide.slide_id)
    presentation.save(str(tmp_path / "a.pptx"))
    pdf = drawn(tmp_path / "a.pptx", tmp_path)
    page = ["-f", str(number), "-l", str(number)]
    subprocess.run(
        ["pdftoppm", "-r", "96", "-png", *page, "-singlefile", str(pdf), str(tmp_path / "p")], check=True
    )
    with Image.open(tmp_path / "p.png") as image:
        seen = np.asarray(image.convert("RGB")).astype(int)
    wanted = np.array([int(shapes.COLOURS[0][n : n + 2], 16) for n in (0, 2, 4)])
    near = np.abs(seen - wanted).sum(axis=2) < 60
    dots = 9525  # EMU a pixel at 96 dots an inch
    for x, y in ((280, 50), (280, 150), (200, 100), (360, 100)):
        across, down = (round(v / dots) for v in on_picture(slide, x, y))
        assert near[down - 3 : down + 4, across - 3 : across + 4].any(), (x, y)
    across, down = (round(v / dots) for v in on_picture(slide, 280, 100))
    assert not near[down - 3 : down + 4, across - 3 : across + 4].any()
