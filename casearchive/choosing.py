"""Which cases are meant: what words stand for (a set, slugs, a query), and the sets that a person makes of them.

Whatever a method needs is loaded when it is called, as in ``Archive``: naming the sets stays quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from casearchive.errors import NotFound, RecordError, UsageError
from casearchive.frozen import dataclass
from casearchive.settings import Layout
from casearchive.views import SLUG

if TYPE_CHECKING:
    from casearchive.index.hits import Results
    from casearchive.model import Case, TeachingSetRecord

#: More than anybody teaches at once.
_MOST_IN_A_SET = 10_000
#: More than anybody names by a question without saving it.
_MOST_FOUND = 500
_MOST_LOOSE = 1000
_LOOK = "See what there is with: casearchive search"


class Asked(Protocol):
    """A search. ``without``: names of saved searches that it must not use."""

    def __call__(self, query: str, *, limit: int, without: tuple[str, ...] = ()) -> Results: ...


@dataclass(frozen=True)
class Choosing:
    """Choices out of one archive. ``search`` asks its index, ``say`` hears what a person should know meanwhile."""

    layout: Layout
    search: Asked
    say: Callable[[str], None]

    # ------------------------------------------------------------------------------------ what words mean

    def wanted(self, what: Sequence[str]) -> TeachingSetRecord:
        """See ``Archive.wanted``."""
        from casearchive.model import TeachingSetRecord

        if len(what) == 1 and self._is_set(what[0]):
            return self.set(what[0])
        if what and all(map(self._is_case, what)):
            name = what[0] if len(what) == 1 else "selected-cases"
            # a neutral title: a slug or a query would give the answer away to learners
            return TeachingSetRecord(name, "Teaching cases", cases=tuple(dict.fromkeys(what)))
        query = " ".join(what)
        if not query.strip():
            raise UsageError("nothing to export was named", hint="Name a set, cases, or a query.")
        cases = self._found(query, _MOST_FOUND)
        if not cases:
            raise NotFound(
                "no set, case or search result is called that",
                where=query[:200],
                hint="See what there is with: casearchive set list, casearchive search",
            )
        from casearchive.ingest.run import slugified

        return TeachingSetRecord(slugified(query)[:60], "Teaching cases", cases=cases)

    def cases(self, words: Sequence[str]) -> tuple[str, ...]:
        """The cases that words name: slugs, or queries whose cases come best first. Raises ``NotFound``."""
        found: list[str] = []
        for word in words:
            hits = (word,) if self._is_case(word) else self._found(word, _MOST_FOUND)
            if not hits:
                raise NotFound(
                    "no case is called that, and no search finds one", where=word[:200], hint=_LOOK
                )
            found += hits
        return tuple(dict.fromkeys(found))

    def loose(self, query: str) -> tuple[str, ...]:
        """The files outside of cases that a query finds, by hash. Raises ``NotFound`` where there is none."""
        hits = self.search(query, limit=_MOST_LOOSE).hits
        found = tuple(h.instance.sha256 for h in hits if h.instance is not None)
        if not found:
            raise NotFound("no file outside a case matches", where=query[:200], hint=_LOOK)
        return found

    def looked_at(self, what: Sequence[str]) -> tuple[list[str], list[Case]]:
        """Words about clips (a set, a case, ``case:M2``, a layout) with the sets in them as their cases, and the cases
        in which those clips are to be looked for: the ones named, else all that are not retired."""
        from casearchive.rooms import Rooms

        rooms = Rooms.of(self.layout)
        words: list[str] = []
        for word in what:
            words += self.set(word).cases if self._is_set(word) else (word,)
        slugs = [w.partition(":")[0] for w in words]
        if not words or not all(map(self._is_case, slugs)):
            slugs = sorted(p.stem for p in self.layout.cases.glob("*.toml"))
        cases = []
        for slug in dict.fromkeys(slugs):
            try:
                cases.append(rooms.case(slug))
            except RecordError:
                if words:
                    raise
                self.say(f"Left out: {slug}, whose record cannot be read (casearchive lint {slug}).")
        return words, [c for c in cases if c.status != "retired"]

    def _is_set(self, word: str) -> bool:
        return bool(SLUG.fullmatch(word)) and self.layout.teaching_set(word).is_file()

    def _is_case(self, word: str) -> bool:
        return bool(SLUG.fullmatch(word)) and self.layout.record(word).is_file()

    def _found(self, query: str, most: int, without: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The cases that a search finds, best first; none where only something near them is there, for what is taught
        or leaves must be what was asked for."""
        results = self.search(query, limit=most, without=without)
        return () if results.loosened else tuple(hit.case for hit in results.hits if hit.case)

    # ------------------------------------------------------------------------------------ sets

    def sets(self) -> tuple[TeachingSetRecord, ...]:
        """All sets, by name."""
        from casearchive import index
        from casearchive.index import read

        with index.reading(self.layout.index) as connection:
            return read.sets(connection)

    def set(self, slug: str) -> TeachingSetRecord:
        """One set; a living one with what it finds now. Raises ``NotFound``."""
        from casearchive import teachingsets

        if not self._is_set(slug):
            raise NotFound(
                "there is no such set", where=slug[:80], hint="See what there is with: casearchive set list"
            )
        found = teachingsets.load(self.layout.teaching_set(slug))
        return replace(found, cases=self._found(found.query, _MOST_IN_A_SET)) if found.living else found

    def keep(
        self, slug: str, query: str, *, title: str = "", living: bool = True, dry_run: bool = False
    ) -> TeachingSetRecord:
        """See ``Archive.set_save``."""
        from casearchive.model import TeachingSetRecord
        from casearchive.terms import lexicon

        self._free(slug)
        if not query.strip():
            raise UsageError("there is no question to save", hint="Say what to look for, then --save NAME.")
        made = TeachingSetRecord(
            slug, title, cases=self._found(query, _MOST_IN_A_SET, (slug,)), query=query, living=living,
            lexicon=lexicon().version,
        )  # fmt: skip
        return made if dry_run else self._saved(made, "set-created")

    def create(
        self, slug: str, *, title: str, description: str, cases: Sequence[str], dry_run: bool
    ) -> TeachingSetRecord:
        """See ``Archive.set_create``."""
        from casearchive.model import TeachingSetRecord

        self._free(slug)
        made = TeachingSetRecord(slug, title, description, cases=self.cases(cases))
        return made if dry_run else self._saved(made, "set-created")

    def freeze(self, slug: str, *, dry_run: bool) -> TeachingSetRecord:
        """See ``Archive.set_freeze``."""
        found = self.set(slug)
        return self._changed(found, replace(found, living=False), dry_run)

    def add(self, slug: str, cases: Sequence[str], *, dry_run: bool) -> TeachingSetRecord:
        """See ``Archive.set_add``."""
        found = self._by_hand(slug)
        grown = replace(found, cases=tuple(dict.fromkeys((*found.cases, *self.cases(cases)))))
        return self._changed(found, grown, dry_run)

    def remove(self, slug: str, cases: Sequence[str], *, dry_run: bool) -> TeachingSetRecord:
        """See ``Archive.set_remove``."""
        found = self._holding(slug, cases)
        left = replace(found, cases=tuple(c for c in found.cases if c not in cases))
        return self._changed(found, left, dry_run)

    def order(self, slug: str, cases: Sequence[str], *, dry_run: bool) -> TeachingSetRecord:
        """See ``Archive.set_order``."""
        found = self._holding(slug, cases)
        return self._changed(
            found, replace(found, cases=tuple(dict.fromkeys((*cases, *found.cases)))), dry_run
        )

    def edit(
        self,
        slug: str,
        *,
        title: str | None,
        description: str | None,
        options: Mapping[str, str | None] | None,
        dry_run: bool,
    ) -> TeachingSetRecord:
        """See ``Archive.set_edit``."""
        found = self.set(slug)
        if title is None and description is None and not options:
            raise UsageError(
                "nothing to change was named",
                where=slug,
                hint="Say --title, --description, --option or --no-option.",
            )
        edited = replace(
            found,
            title=found.title if title is None else title,
            description=found.description if description is None else description,
            options=_with_options(found, options or {}),
        )
        return self._changed(found, edited, dry_run)

    def _free(self, slug: str) -> None:
        from casearchive.ingest.drafts import check_slug

        check_slug(slug)
        if self.layout.teaching_set(slug).exists():
            raise UsageError(
                f"there is a set {slug} already", hint=f"Look at it with: casearchive set show {slug}"
            )

    def _by_hand(self, slug: str) -> TeachingSetRecord:
        found = self.set(slug)
        if found.living:
            raise UsageError(
                f"{slug} is a living set: it holds what its search finds",
                hint=f"Keep what it holds now with: casearchive set freeze {slug}",
            )
        return found

    def _holding(self, slug: str, cases: Sequence[str]) -> TeachingSetRecord:
        found = self._by_hand(slug)
        for case in cases:
            if case not in found.cases:
                raise NotFound(
                    f"the set does not hold {case[:80]}",
                    where=slug,
                    hint=f"See what it holds with: casearchive set show {slug}",
                )
        return found

    def _changed(
        self, before: TeachingSetRecord, after: TeachingSetRecord, dry_run: bool
    ) -> TeachingSetRecord:
        return after if dry_run or after == before else self._saved(after, "set-changed")

    def _saved(self, changed: TeachingSetRecord, event: str) -> TeachingSetRecord:
        """The set as a file with its line in the ledger, then its row. The caller is the writer."""
        import hashlib

        from casearchive import index, teachingsets
        from casearchive.index import write
        from casearchive.rooms import Rooms

        rooms = Rooms.of(self.layout)
        content = teachingsets.dump(changed).encode()
        details = {"cases": list(changed.cases), "set_sha256": hashlib.sha256(content).hexdigest()}
        events = rooms.put(
            {self.layout.teaching_set(changed.slug): content}, [(event, changed.slug, details)]
        )
        with index.writing(self.layout.index) as connection, index.transaction(connection):
            write.put_set(connection, changed)
            write.add_events(connection, events)
        return changed


def _with_options(found: TeachingSetRecord, options: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """The options of a set with these, without those that are None. Raises ``UsageError``."""
    from casearchive.release import known_options

    changed = dict(found.options)
    for name, value in options.items():
        if value is not None:
            known_options([f"{name}={value}"])
            changed[name] = value
        elif changed.pop(name, None) is None:
            raise UsageError(
                f"the set has no option {name[:40]!r}",
                where=found.slug,
                hint=f"It has: {', '.join(dict(found.options))}." if found.options else "It has none.",
            )
    return tuple(sorted(changed.items()))
