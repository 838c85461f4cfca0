"""A teaching set made by hand for the tests of outputs: the Barn dance injuries, three fictional cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from casearchive.model import (
    Author,
    Case,
    ClinicalTest,
    Diagnosis,
    Doppler,
    Dynamic,
    Evidence,
    Finding,
    Grade,
    Measurement,
    Media,
    Patient,
    Prior,
    Quiz,
    QuizPoint,
    Relation,
    Story,
)
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet


class MovingSquare:
    """Speckle with a bright square that moves a sixteenth of the width to the right with every frame."""

    def __init__(self, count: int, rows: int, columns: int, *, colour: bool = True) -> None:
        self.count, self.rows, self.columns, self.colour = count, rows, columns, colour
        noise = np.random.default_rng(count * rows + columns).rayleigh(22.0, (rows, columns))
        self.speckle = noise.clip(0, 120).astype(np.uint8)

    def __len__(self) -> int:
        return self.count

    def left_edge(self, number: int) -> int:
        return (number - 1) * self.columns // 16

    def frame(self, number: int) -> NDArray[np.uint8]:
        assert 1 <= number <= self.count, "frames count from 1"
        picture = self.speckle.copy()
        left, side = self.left_edge(number), self.columns // 8
        picture[self.rows // 3 : self.rows // 3 + side, left : left + side] = 235
        return np.repeat(picture[..., None], 3, axis=2) if self.colour else picture


def clip(
    ref: str,
    frames: MovingSquare,
    *,
    fps: float | None = None,
    key: int = 1,
    times: tuple[float, ...] = (),
    **more: Any,
) -> TeachingClip:
    return TeachingClip(
        ref=ref,
        rows=frames.rows,
        columns=frames.columns,
        frames=frames,
        fps=fps,
        fps_source="FrameTime" if fps else "unknown",
        key_frame=key,
        regions=more.pop("regions", ()),
        dicom=Path("staged.dcm"),
        times=times,
        **more,
    )


TRUE_TITLE = "Velvet rupture of the moonwort tendon"
SECRETS = (
    "velvet rupture", "moonwort", "thistledown effusion", "quietly frayed", "opens like a gate",
    "brass sutures", "walks again", "never trust a lantern", "lantern glare", "almanac", "larch oedema",
    "feather strain", "copper-grade", "the gate widens",
)  # fmt: skip


def velvet() -> Case:
    return Case(
        slug="velvet-rupture",
        title=TRUE_TITLE,
        quiz_title="Sore heel after a barn dance",
        status="ready",
        difficulty="advanced",
        category=("musculoskeletal",),
        tags=("moonwort",),
        fictional=True,
        author=Author(name="Dr Ada Invented", affiliation="Imaginary Infirmary"),
        patient=Patient(age="24 Y", sex="F", activity="fiddler"),
        story=Story(
            history="Danced until dawn.\n\nLimped home.",
            symptoms=("a squeak",),
            mechanism=("dancing",),
            technique="Linear probe, patient prone.",
            diagnosis=(Diagnosis("velvet rupture", "moonwort tendon", "left", "definite", "surgery"),),
            differential=("thistledown effusion",),
            discussion="It was quietly frayed.",
            treatment="Sewn with brass sutures.",
            outcome="She walks again.",
            points=("Never trust a lantern.",),
            pitfalls=("Lantern glare.",),
            references=("An almanac, 2031.",),
        ),
        priors=(Prior(-9, "mri", "feather strain", ("larch oedema",), "undergraded", ("velvet rupture",)),),
        tests=(ClinicalTest("tiptoe_test", "positive", "left"),),
        media=(
            Media(
                "M1",
                caption="The stump opens like a gate.",
                quiz_caption="Long axis",
                side="left",
                plane="long_axis",
                structure="moonwort tendon",
                key_frame=4,
            ),
            Media("M2", quiz_caption="Short axis, unhurried", pair="M1", day=14),
            Media("M3", caption="Still, quietly frayed."),
        ),
        findings=(
            Finding(
                "F1",
                "velvet rupture",
                structure="moonwort tendon",
                side="left",
                severity="severe",
                echogenicity=("hypoechoic",),
                grades=(Grade("copper-grade", "3b"),),
                doppler=Doppler("pd", 0),
                dynamic=Dynamic("contraction", "6 mm", "the gate widens"),
                relations=(Relation("beside", "larch"),),
                confirmed_by="surgery",
                evidence=(
                    Evidence("M1", (3, 6), "box", ((60.0, 60.0), (180.0, 150.0)), best=True),
                    Evidence("M3", None, "ellipse", ((20.0, 20.0), (90.0, 70.0))),
                ),
            ),
            Finding("F2", "thistledown effusion", certainty="absent", evidence=(Evidence("M2", (1, 4)),)),
            Finding("F3", "larch oedema", certainty="not_assessed"),
        ),
        measurements=(
            Measurement(
                "gap", 31.0, "mm", "F1", "contraction", "left", "M1", 4, ((60.0, 90.0), (180.0, 90.0))
            ),
        ),
        quiz=(
            Quiz(
                "What next?", ("Wait", "Look while it moves"), 2, "The gate widens.", QuizPoint("M1", 4, "F1")
            ),
        ),
    )


def hostile() -> Case:
    return Case(
        slug="hostile",
        title="</script><script>alert(1)</script>",
        quiz_title='<img src=x onerror="alert(2)"> & "quotes"',
        patient=Patient(activity="<b id=inert>bold</b>"),
        story=Story(history="{{ 7 * 7 }} {% raw %} --><!--", discussion="<svg onload=alert(3)>"),
        media=(
            Media("M1", quiz_caption="</figcaption><h1>broken out</h1>", caption="<iframe src=//x.test>"),
        ),
        findings=(Finding("F1", "<style>*{display:none}</style>", note="javascript:alert(4)"),),
        quiz=(Quiz("<textarea>", ("<option>", "</fieldset>"), 1, "<script>alert(5)</script>"),),
    )


def right_to_left() -> Case:
    return Case(
        slug="rtl",
        title="تمزق مخملي",
        quiz_title="ألم في الكعب بعد الرقص",
        story=Story(history="رقصت حتى الفجر."),
    )


def barn() -> TeachingSet:
    """Three fictional cases: with clips, with text that would break out of a page, from right to left."""
    quick, slow = MovingSquare(12, 240, 320), MovingSquare(6, 200, 260, colour=False)
    still = MovingSquare(1, 900, 1200)
    return TeachingSet(
        slug="barn",
        title="Barn dance injuries",
        description="Three fictional cases.",
        cases=(
            TeachingCase(velvet(), (clip("M1", quick, fps=20.0, key=4), clip("M2", slow), clip("M3", still))),
            TeachingCase(hostile(), (clip("M1", slow, fps=8.0),)),
            TeachingCase(right_to_left(), ()),
        ),
        profile="invented profile 1",
    )
