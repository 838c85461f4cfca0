"""What is remembered of texts: asked for once, and in bounded room however long they are."""

from __future__ import annotations

from casearchive.terms.remembering import remembering


def test_a_text_that_comes_again_is_not_worked_on_again() -> None:
    worked_on: list[str] = []

    @remembering(100)
    def made(text: str, more: int = 0) -> str:
        worked_on.append(text)
        return text.upper() + str(more)

    assert [made("a"), made("a"), made("a", 1), made("x" * 2000), made("x" * 2000)] == [
        "A0", "A0", "A1", "X" * 2000 + "0", "X" * 2000 + "0",
    ]  # fmt: skip
    assert worked_on == ["a", "a", "x" * 2000]


def test_of_long_texts_only_the_last_few_are_kept() -> None:
    worked_on: list[str] = []

    @remembering(100)
    def made(text: str) -> int:
        worked_on.append(text[:3])
        return len(text)

    texts = [f"{number:03}" * 1000 for number in range(100)]
    short = [f"{number:03}" for number in range(100)]
    for text in (*short, *texts, *texts, *short):
        made(text)
    assert len(worked_on) == 100 + 200, "long ones were let go of, short ones were kept beside them"
