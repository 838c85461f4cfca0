"""What makes a study a teaching file (IHE Radiology, Teaching File and Clinical Trial Export): words and manifest.

Additional Teaching File Information is a Basic Text SR; the manifest is a Key Object Selection that names every object
of the case. Codes are IHE's own, which teaching file systems know, or those that DICOM took over later (PS3.16 CID 7014
to 7018), where it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, KeyObjectSelectionDocumentStorage

from casearchive.exporters._dicom import codes, items
from casearchive.exporters._dicom.codes import IHE, Coded, dcm, of_term, sct
from casearchive.exporters._dicom.objects import Bundle, document, listed, named
from casearchive.exporters._dicom.report import observer
from casearchive.exporters._dicom.views import view
from casearchive.exporters._plain import plain
from casearchive.model import Case, Diagnosis
from casearchive.record import sentences
from casearchive.record.table import FINDINGS, STRUCTURES
from casearchive.terms import STRUCTURE_KINDS

WORDS_SERIES, MANIFEST_SERIES = 9003, 9004
_HAS = "HAS PROPERTIES"
_STATUSES = ("ready",)  # nothing else leaves

#: (IHE, DICOM): which of the two is written is for the option to say.
_EXPORT = Coded(IHE, "TCE001", "For Teaching File Export"), dcm("128710", "For Teaching File Export")
_INFORMATION = (
    Coded(IHE, "TCE006", "Additional Teaching File Information"),
    dcm("128712", "Additional Teaching File Information"),
)
_CATEGORY = Coded(IHE, "TCE109", "Category"), dcm("128723", "Teaching File Category")
_LEVEL = Coded(IHE, "TCE110", "Level"), dcm("128724", "Level of Difficulty")
_LEVELS = {
    name: (Coded(IHE, ihe, name.capitalize()), dcm(own, f"{name.capitalize()} level"))
    for name, ihe, own in (
        ("primary", "TCE201", "128725"),
        ("intermediate", "TCE202", "128726"),
        ("advanced", "TCE203", "128727"),
    )
}
_SUBJECTS = {
    word: (Coded(IHE, ihe, short), dcm(own, meaning))
    for word, ihe, short, own, meaning in (
        ("musculoskeletal", "TCE301", "Musculoskeletal", "128728", "Musculoskeletal imaging subject matter"),
        ("pulmonary", "TCE302", "Pulmonary", "128729", "Pulmonary imaging subject matter"),
        ("cardiovascular", "TCE303", "Cardiovascular", "128730", "Cardiovascular imaging subject matter"),
        ("gastrointestinal", "TCE304", "Gastrointestinal", "128731", "Gastrointestinal imaging subject matter"),
        ("genitourinary", "TCE305", "Genitourinary", "128732", "Genitourinary imaging subject matter"),
        ("neuro", "TCE306", "Neuro", "128733", "Neuroimaging subject matter"),
        ("vascular", "TCE307", "Vascular and Interventional", "128734",
         "Vascular and interventional imaging subject matter"),
        ("nuclear", "TCE308", "Nuclear", "128735", "Nuclear medicine imaging subject matter"),
        ("ultrasound", "TCE309", "Ultrasound", "128736", "Ultrasound imaging subject matter"),
        ("pediatric", "TCE310", "Pediatric", "128737", "Pediatric imaging subject matter"),
        ("breast", "TCE311", "Breast", "128738", "Breast imaging subject matter"),
    )
}  # fmt: skip
_OTHER_WORDS = {
    "lung": "pulmonary", "chest": "pulmonary", "cardiac": "cardiovascular", "heart": "cardiovascular",
    "abdominal": "gastrointestinal", "abdomen": "gastrointestinal", "urology": "genitourinary",
    "gynaecology": "genitourinary", "neurology": "neuro", "interventional": "vascular", "paediatric": "pediatric",
    "children": "pediatric", "msk": "musculoskeletal",
}  # fmt: skip
_YES = Coded("SRT", "R-0038D", "Yes"), sct("373066001", "Yes")
_NO = Coded("SRT", "R-00339", "No"), sct("373067005", "No")
#: These have no code of DICOM.
_AUTHOR = Coded(IHE, "TCE101", "Author")
_AFFILIATION = Coded(IHE, "TCE102", "Affiliation")
_ABSTRACT = Coded(IHE, "TCE104", "Abstract")
_KEYWORDS = Coded(IHE, "TCE105", "Keywords")
_DISCUSSION = Coded(IHE, "TCE106", "Discussion")
_DIAGNOSIS = Coded(IHE, "TCE107", "Diagnosis")
_ORGAN_SYSTEM = Coded(IHE, "TCE108", "Organ system")
_CONFIRMED = Coded(IHE, "TCE111", "Diagnosis confirmed")
_HISTORY = dcm("121060", "History")
_DIFFERENTIAL = dcm("111023", "Differential Diagnosis/Impression")
_ANATOMY = dcm("112005", "Radiographic anatomy")
_PATHOLOGY = dcm("111042", "Pathology")


def information(bundle: Bundle, scheme: int) -> Dataset:
    """Additional Teaching File Information of one patient of a case; ``scheme`` 0 writes IHE's codes, 1 DICOM's."""
    images = [
        items.image(picture.header, "CONTAINS", children=view(bundle.case, picture.ref))
        for picture in bundle.pictures
    ]
    headers = [picture.header for picture in bundle.pictures]
    dataset = document(
        bundle.home, bundle.case, BasicTextSRStorage, "SR", "teaching file information", WORDS_SERIES,
        _INFORMATION[scheme], [*observer(bundle.case.author, bundle.home), *_told(bundle.case, scheme), *images],
        headers,
    )  # fmt: skip
    return named(dataset, "teaching file information")


def manifests(
    bundle: Bundle, objects: Sequence[Dataset], shown_by: Mapping[str, Dataset], scheme: int
) -> list[Dataset]:
    """The Key Object Selections "For Teaching File Export" of one patient of a case, one a study.

    ``objects`` are those beside the images; ``shown_by`` the presentation state of an image, by its SOP Instance UID.
    All say the same and name each other (PS3.3 C.17.2.2).
    """
    pictures = [
        items.image(p.header, "CONTAINS", shown_by=shown_by.get(str(p.header.SOPInstanceUID)))
        for p in {str(p.header.SOPInstanceUID): p for p in bundle.pictures}.values()
    ]
    others = [items.composite(dataset) for dataset in objects if dataset.Modality != "PR"]
    evidence = [*(picture.header for picture in bundle.pictures), *objects]
    made = []
    for beside in bundle.studies().values():
        children = [
            *observer(bundle.case.author, bundle.home),
            *items.text(codes.DESCRIPTION, bundle.case.title),
            *pictures,
            *others,
        ]
        dataset = document(
            beside, bundle.case, KeyObjectSelectionDocumentStorage, "KO", "manifest", MANIFEST_SERIES,
            _EXPORT[scheme], children, evidence, "2010",
        )  # fmt: skip
        made.append(named(dataset, "manifest"))
    for dataset in made:
        same = [other for other in made if other is not dataset]
        if same:
            dataset.IdenticalDocumentsSequence = listed(same)
    return made


def _told(case: Case, scheme: int) -> Iterator[Dataset]:
    story = case.story
    yield from items.text(_AUTHOR, case.author.name or "not stated")
    yield from items.text(_AFFILIATION, case.author.affiliation)
    yield from items.text(_ABSTRACT, case.title + (" (fictional)" if case.fictional else ""))
    yield from _each(_KEYWORDS, case.tags)
    yield from items.text(codes.QUIZ_TITLE, case.quiz_title)
    yield from items.text(_HISTORY, _came(case))
    yield from _each(codes.FINDING, _findings(case))
    yield from items.text(_DISCUSSION, _discussed(case))
    yield from _each(_DIFFERENTIAL, map(sentences.name, story.differential))
    for made in story.diagnosis:
        for item in items.text(_DIAGNOSIS, sentences.sentence(sentences.diagnosis(made))):
            yield items.with_children(item, _diagnosis(made))
    yield from _anatomy(case)
    yield from _each(_PATHOLOGY, dict.fromkeys(sentences.name(d.what) for d in story.diagnosis))
    yield from _each(_ORGAN_SYSTEM, map(sentences.name, case.category))
    yield items.coded(codes.MODALITY, codes.ULTRASOUND)
    yield items.coded(_CATEGORY[scheme], subject(case)[scheme])
    if case.difficulty in _LEVELS:
        yield items.coded(_LEVEL[scheme], _LEVELS[case.difficulty][scheme])
    if case.status in _STATUSES:
        yield items.coded(codes.STATUS, codes.local(case.status, case.status.capitalize()))
    if story.diagnosis:
        yield items.coded(_CONFIRMED, (_YES if any(map(_confirmed, story.diagnosis)) else _NO)[scheme])


def subject(case: Case) -> tuple[Coded, Coded]:
    """The one category of CID 7017 that a case is filed under: its first that is one, else ultrasound."""
    words = [word for category in case.category for word in category.lower().replace("_", " ").split()]
    known = (_SUBJECTS.get(_OTHER_WORDS.get(word, word)) for word in words)
    return next((found for found in known if found), _SUBJECTS["ultrasound"])


def _findings(case: Case) -> Iterable[str]:
    """Findings, then measurements that belong to none, as sentences."""
    known = {finding.id for finding in case.findings}
    for finding in case.findings:
        yield sentences.finding(case, finding)
    yield from (
        sentences.sentence(sentences.measured(m)) for m in case.measurements if m.finding not in known
    )


def _discussed(case: Case) -> str:
    """The discussion, and the author's other words that have no place of their own in a teaching file."""
    story = case.story
    parts = [story.discussion]
    parts += [f"{head}: {text}" for head, text in (
        ("Technique", story.technique), ("Treatment", story.treatment), ("Outcome", story.outcome),
        ("Teaching points", _list(story.points)), ("Pitfalls", _list(story.pitfalls)),
        ("References", _list(story.references)),
        ("Earlier assessments", "; ".join(map(sentences.prior, case.priors))),
    ) if text]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _list(entries: Iterable[str]) -> str:
    """Each on a line of its own, with a hyphen before it."""
    return "".join(f"\n- {text}" for entry in entries if (text := plain(entry)))


def _came(case: Case) -> str:
    """The history, and what brought the patient."""
    story = case.story
    parts = [story.history]
    parts += [
        f"{head}: {'; '.join(map(sentences.name, words))}"
        for head, words in (("Symptoms", story.symptoms), ("Mechanism", story.mechanism))
        if words
    ]
    return "\n\n".join(part for part in parts if part)


def _diagnosis(made: Diagnosis) -> Iterator[Dataset]:
    """What the sentence of a diagnosis says, in codes where there are such."""
    yield from items.said(codes.FINDING, made.what, FINDINGS, _HAS)
    sides = (
        [items.coded(codes.LATERALITY, codes.SIDES[made.side], "HAS CONCEPT MOD")]
        if made.side in codes.SIDES
        else []
    )
    where = items.said(codes.FINDING_SITE, made.structure, STRUCTURES, _HAS, sides)
    yield from where or sides
    if made.certainty in codes.CERTAINTIES:
        yield items.coded(codes.CERTAINTY, codes.CERTAINTIES[made.certainty], _HAS)
    yield from items.text(codes.CONFIRMED, sentences.name(made.confirmed_by), _HAS)


def _anatomy(case: Case) -> Iterator[Dataset]:
    named_ = [f.structure for f in case.findings] + [d.structure for d in case.story.diagnosis]
    for structure in dict.fromkeys(filter(None, named_)):
        value = of_term(structure, STRUCTURE_KINDS)
        yield from [items.coded(_ANATOMY, value)] if value else items.text(_ANATOMY, structure)


def _confirmed(diagnosis: Diagnosis) -> bool:
    return bool(diagnosis.confirmed_by)


def _each(name: Coded, values: Iterable[str]) -> Iterator[Dataset]:
    for value in values:
        yield from items.text(name, value)
