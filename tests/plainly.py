"""A question as one plain SELECT over the rows: slow, and what the sets of facts are compared with.

Conjunctions add the scores of their parts and keep the worst level; alternatives keep the best part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from casearchive.query import rows_of
from casearchive.query.pieces import Sql, sql
from casearchive.query.tree import And, Everything, Maybe, Node, Not, Or, Some


def compiled(root: Node) -> Sql:
    """``WITH … SELECT key, score, level FROM …`` for a tree; unordered."""
    maker = _Maker([])
    name = maker.node(root)
    head = ",\n".join(step.text for step in maker.steps)
    params = tuple(v for step in maker.steps for v in step.params)
    return Sql(f"WITH {head}\nSELECT key, score, level FROM {name}", params)


@dataclass
class _Maker:
    steps: list[Sql]

    def add(self, body: Sql) -> str:
        name = f"q{len(self.steps)}"
        self.steps.append(sql(name + " (key, score, level) AS ({})", body))
        return name

    def node(self, node: Node) -> str:
        if isinstance(node, And):
            return self.conjunction(node)
        if isinstance(node, Or):
            return self.alternatives(node.parts, "max")
        if isinstance(node, Some):
            return self.alternatives(node.parts, "sum", node.least)
        if isinstance(node, Not | Maybe):
            return self.conjunction(And((node,)))
        if isinstance(node, Everything):
            return self.everything()
        return self.add(sql("SELECT key, score, level FROM ({})", _best(rows_of(node))))

    def everything(self) -> str:
        return self.add(Sql("SELECT id, 0.0, 0 FROM documents"))

    def conjunction(self, node: And) -> str:
        needed = [self.node(p) for p in node.parts if not isinstance(p, Not | Maybe)] or [self.everything()]
        wished = [self.node(p.part) for p in node.parts if isinstance(p, Maybe)]
        denied = [self.node(p.part) for p in node.parts if isinstance(p, Not)]
        rows = [f"SELECT key, score, level, 1 AS need FROM {name}" for name in needed]
        rows += [f"SELECT key, score, 0, 0 FROM {name}" for name in wished]
        out = "".join(f" AND key NOT IN (SELECT key FROM {n} WHERE level = 0)" for n in denied)
        return self.add(
            Sql(
                f"SELECT key, sum(score), max(level) FROM ({' UNION ALL '.join(rows)}) WHERE 1{out}"
                f" GROUP BY key HAVING sum(need) = {len(needed)}"
            )
        )

    def alternatives(self, parts: Sequence[Node], how: str, least: int = 1) -> str:
        names = [self.node(part) for part in parts]
        rows = " UNION ALL ".join(f"SELECT key, score, level FROM {name}" for name in names)
        if how == "sum":
            return self.add(
                Sql(
                    f"SELECT key, sum(score), min(level) FROM ({rows}) GROUP BY key HAVING count(*) >= {least}"
                )
            )
        best = f"SELECT key, score, level, max(score - 100 * level) FROM ({rows}) GROUP BY key"
        return self.add(Sql(f"SELECT key, score, level FROM ({best})"))


def _best(rows: Sql) -> Sql:
    """The best row of every key (SQLite takes the bare columns from the row that holds the maximum)."""
    return sql("SELECT key, score, level, max(rank) FROM ({}) GROUP BY key", rows)
