"""The labels of outputs: every language says everything, and what is said is known as our own. All is invented."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import teachingsets

from casearchive.deid import own
from casearchive.errors import UsageError
from casearchive.exporters import _labels, exporter
from casearchive.exporters._html import pages
from casearchive.exporters._labels import Labels, labels, languages

OUTPUTS = ("anki", "html", "pptx")
EXPORTERS = Path(str(resources.files("casearchive.exporters")))
#: Labels that are put together from a stem and a word, each with the endings it may have.
STEMS = {
    "cards.asked_": ("picture", "clip", "mark"),
    "cards.kind_": ("picture", "clip", "mark"),
    "shared.": ("years", "months", "weeks", "days", "true_speed", "true_mean", "speed_unknown"),
}
#: What an answer of the page may be judged by, and words of closed lists: the key is a value there.
OPEN = ("word.",)
#: Strings of the code that look like keys and are none.
NO_LABELS = ("word.", "slides.pptx", "cards.apkg")


def names_in(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def said() -> Iterator[str]:
    """The key of every label that a template, a script or the code asks for."""
    for path in EXPORTERS.rglob("*.html"):
        text = path.read_text("utf-8")
        yield from re.findall(r'say\("([\w.]+)"', text)
        yield from (f"{key}_{n}" for key in re.findall(r'many\("([\w.]+)"', text) for n in ("one", "many"))
    for path in EXPORTERS.rglob("*.js"):
        text = path.read_text("utf-8")
        for call in re.findall(r"say\(([^{}\n]*)", text):
            yield from (f"script.{key}" for key in re.findall(r'"(\w+)"', call))
        yield from (f"script.{key}" for key in re.findall(r': "(show_\w+)"', text))
    for path in EXPORTERS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _of_code(node.value)


def _of_code(text: str) -> Iterator[str]:
    if not re.fullmatch(r"(shared|page|slides|cards|word)\.\w*", text) or text in NO_LABELS:
        return
    if text in STEMS:
        yield from (f"{text}{ending}" for ending in STEMS[text])
        return
    there = labels("en").texts
    if text in there:
        yield text
    if text not in there or f"{text}_one" in there:
        yield from (f"{text}_{ending}" for ending in ("one", "many"))


# ------------------------------------------------------------------------------------------------ complete


@pytest.mark.parametrize("code", languages())
def test_every_language_says_all_that_english_says_and_fills_in_the_same(code: str) -> None:
    english, other = labels("en").texts, labels(code).texts
    assert other.keys() == english.keys()
    for key, text in other.items():
        assert text.strip() == text and text, key
        # a reason that is only told in English may be left out
        assert set(names_in(english[key])) - set(names_in(text)) <= {"why"}, key
        assert set(names_in(text)) <= set(names_in(english[key])), key


@pytest.mark.parametrize("code", languages())
def test_no_label_holds_what_markup_or_a_script_would_take_for_its_own(code: str) -> None:
    wrong = {key: text for key, text in labels(code).texts.items() if re.search(r"[<>&\"'\\]", text)}
    assert wrong == {}
    assert labels(code).direction in ("ltr", "rtl") and labels(code).name


def test_every_label_that_is_asked_for_is_there_and_none_is_left_over() -> None:
    asked, there = set(said()), set(labels("en").texts)
    assert asked - there == set()
    left = {key for key in there - asked if not key.startswith(OPEN)}
    assert left == set()


def test_a_label_that_is_lacking_is_an_error_and_never_english() -> None:
    poor = Labels("xx", "Poor", "ltr", ".", {})
    with _labels.speaking(poor), pytest.raises(KeyError):
        _labels.say("shared.findings")
    assert _labels.say("shared.findings") == "Findings"


def test_numbers_have_the_decimal_sign_of_the_language() -> None:
    assert labels("en").number(12.5) == "12.5"
    assert labels("de").number(12.5) == "12,5"
    assert (labels("de").many("shared.case", 1), labels("de").many("shared.case", 3)) == ("1 Fall", "3 Fälle")


# ------------------------------------------------------------------------------------------------ chosen


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("value", ["", "xx", "../en", "de_CH"])
def test_a_language_without_labels_is_refused_before_a_case_is_touched(output: str, value: str) -> None:
    with pytest.raises(UsageError) as refusal:
        exporter(output).check({"language": value})  # type: ignore[attr-defined]
    assert refusal.value.where == "option language" and "de" in refusal.value.hint


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_with_labels_names_the_languages(output: str) -> None:
    assert "en, de" in exporter(output).OPTIONS["language"]
    exporter(output).check({"language": "de"})  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------ written


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("german")
    target = folder / "html"
    target.mkdir()
    exporter("html").export(teachingsets.full_set(folder), target, {"language": "de"})
    return target


def test_a_german_page_says_so_and_has_no_english_label(german: Path) -> None:
    page = (german / "cases" / "case-01.html").read_text("utf-8")
    assert '<html lang="de" dir="ltr"' in page
    for label in ("Anamnese", "Ihre Antwort", "Die ganze Antwort zeigen", "Differenzialdiagnose"):
        assert f">{label}<" in page
    for label in ("History", "Your answer", "Show the whole answer", "Check", "All keys", "Brightness"):
        assert f">{label}<" not in page
    assert "Befunde zeigen" in (german / "teaching.js").read_text("utf-8")
    assert ">Suche<" in (german / "index.html").read_text("utf-8")


def test_the_sealed_answer_is_german_and_the_words_of_the_vocabulary_say_that_they_are_not(
    german: Path,
) -> None:
    sections = pages.unseal((german / "cases" / "case-01.html").read_text("utf-8"))["sections"]
    assert ">Gesichert<" in sections["findings"]
    assert '<span dir="auto" lang="en">' in sections["findings"]


def test_an_english_page_needs_no_word_about_its_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    exporter("html").export(teachingsets.full_set(tmp_path), tmp_path / "html", {})
    page = (tmp_path / "html" / "cases" / "case-01.html").read_text("utf-8")
    assert '<html lang="en" dir="ltr"' in page
    assert '<span dir="auto" lang="en">' not in pages.unseal(page)["sections"]["findings"]


def test_a_language_from_right_to_left_turns_the_page_and_not_the_time_of_a_clip(tmp_path: Path) -> None:
    turned = replace(labels("en"), code="ar", direction="rtl")
    (tmp_path / "html").mkdir()
    with _labels.speaking(turned):
        env = pages.environment()
        page = pages.index_page(env, teachingsets.full_set(tmp_path), [], pages.Way())
    assert '<html lang="ar" dir="rtl"' in page
    figure = (EXPORTERS / "_html" / "templates" / "figure.html").read_text("utf-8")
    assert '<div class="track" dir="ltr">' in figure


# ------------------------------------------------------------------------------------------------ known as our own


@pytest.mark.parametrize("code", languages())
def test_what_templates_and_scripts_say_in_any_language_is_known_as_our_own(code: str) -> None:
    phrases = set(own.phrases("casearchive.exporters"))
    texts = labels(code).texts
    known = [f"<h2>{texts['page.history']}</h2>", f">{texts['shared.differential']}</a:t>"]
    known += [f'"pause": {json.dumps(texts["script.pause"], ensure_ascii=False)}', texts["page.score_how"]]
    for phrase in known:
        assert any(phrase.encode() in one for one in phrases), phrase


def test_a_word_of_a_label_is_still_found_anywhere_else() -> None:
    phrases = own.phrases("casearchive.exporters")
    page = b"<h2>Anamnese</h2><p>Frau Anamnese kam am Montag.</p>"
    plain = own.blanked(page, phrases, len(page))
    assert b"<h2>Anamnese</h2>" not in plain and b"Frau Anamnese" in plain
