"""The vocabulary: anatomy, findings and technique by any of their names, found in text and kept in order.

``lexicon()`` is the way in. Sources are ``lexicon/*.toml``; ``python -m casearchive.terms.build`` compiles
them into the table that is loaded at start. What a text says of findings: ``terms.understanding``.
"""

from casearchive.terms.concepts import (
    ABNORMALITY_KINDS,
    STRUCTURE_KINDS,
    Code,
    Concept,
    Lexicon,
    Mention,
    lexicon,
    packaged,
    speaking,
)

__all__ = [
    "ABNORMALITY_KINDS",
    "STRUCTURE_KINDS",
    "Code",
    "Concept",
    "Lexicon",
    "Mention",
    "lexicon",
    "packaged",
    "speaking",
]
