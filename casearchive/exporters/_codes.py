"""Which code of a standard means a concept of the lexicon."""

from __future__ import annotations

from casearchive.terms.coding import standard_code

__all__ = ["standard_code"]
