"""Connected patches of a picture: boxes, and the pixels in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from casearchive.deid.pixels import Box

Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]


def connected(bits: NDArray[np.bool_]) -> Iterator[tuple[Box, Pixels]]:
    """Each connected patch of True: the box around it, and its pixels (rows, columns). Corners connect."""
    runs: list[tuple[int, int, int]] = []  # row, first and last column
    parent: list[int] = []

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    above: list[int] = []
    for y in np.flatnonzero(bits.any(axis=1)).tolist():
        edges = np.flatnonzero(np.diff(np.concatenate(([0], bits[y].view(np.int8), [0]))))
        here = []
        for x0, x1 in zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True):
            number = len(runs)
            runs.append((y, x0, x1))
            parent.append(number)
            for other in above:
                row, a0, a1 = runs[other]
                if row == y - 1 and a0 <= x1 + 1 and a1 >= x0 - 1:
                    parent[root(other)] = root(number)
            here.append(number)
        above = here
    patches: dict[int, list[tuple[int, int, int]]] = {}
    for number, run in enumerate(runs):
        patches.setdefault(root(number), []).append(run)
    for some in patches.values():
        box = Box(min(r[1] for r in some), some[0][0], max(r[2] for r in some), some[-1][0])
        rows = np.concatenate([np.full(x1 - x0 + 1, y, np.intp) for y, x0, x1 in some])
        columns = np.concatenate([np.arange(x0, x1 + 1, dtype=np.intp) for _, x0, x1 in some])
        yield box, (rows, columns)
