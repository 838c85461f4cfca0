"""The tables of docs/search.md, written where the page marks them: ``<!-- name -->`` to ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from judging.scoring import Score

#: What is aimed at: a name, which value, and the aim in each track (nothing where there is none).
_AIMS: tuple[tuple[str, str, str, str, str], ...] = (
    ("nDCG@10", "all", "ndcg", "0.95", "0.85"),
    ("violations", "all", "violations", "at most 3 %", "at most 10 %"),
    ("misspelt questions, nDCG@10", "misspelt", "ndcg", "0.95", ""),
    ("answerable and empty", "all", "zero", "none", "none"),
)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in (heads, ["-" * width for width in widths], *rows)
    ]
    return "\n".join(lines)


def aims(annotated: Mapping[str, Score], text_only: Mapping[str, Score]) -> str:
    """What was aimed at and what was reached, in both tracks."""
    rows = []
    for name, category, value, *wanted in _AIMS:
        reached = [getattr(scores[category], value) for scores in (annotated, text_only)]
        written = [number(v) if value == "ndcg" else share(v) for v in reached]
        rows.append((name, wanted[0], written[0], wanted[1], written[1]))
    return table(("", "aim, annotated", "reached", "aim, text only", "reached"), rows)


def rewritten(page: str, tables: Mapping[str, str]) -> str:
    """The page with its marked tables replaced. Raises ``ValueError`` where one has no place."""
    for name, content in tables.items():
        page, count = re.subn(
            rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)",
            lambda found, content=content: f"{found[1]}\n{content}\n\n{found[2]}",  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"the page has no place for the table {name}")
    return page


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
