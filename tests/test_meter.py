"""The progress line is true: the pace of now, and the time that is really left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from casearchive.cli import _talk
from casearchive.cli._talk import Meter, State, duration


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_talk.time, "monotonic", lambda: made.now)
    return made


def _watched(
    clock: Clock, capsys: pytest.CaptureFixture[str], took: Iterator[float], total: int
) -> list[tuple[float, str]]:
    """Every line that was said, with the seconds that were really left; ``took`` is what each thing takes."""
    meter, said = Meter(State(), "Taking files"), []
    for done, seconds in enumerate(took, 1):
        clock.now += seconds
        meter.tell(done, total)
        if line := capsys.readouterr().err.strip():
            said.append((clock.now, line))
    return [(clock.now - at, line) for at, line in said]


def _left(line: str) -> float | None:
    if " left" not in line:
        return None
    words = line.rpartition("about ")[2].split()[:-1]
    return sum(
        float(n) * {"s": 1, "min": 60, "h": 3600}[unit]
        for n, unit in zip(words[::2], words[1::2], strict=True)
    )


def _errors(lines: list[tuple[float, str]]) -> list[float]:
    told = [(left, _left(line)) for left, line in lines]
    return [abs(said - left) / left for left, said in told if said is not None and left > 5]


def test_an_even_run_tells_the_time_that_is_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _watched(clock, capsys, (0.05 for _ in range(4060)), 4060)
    assert "of 4060, 20 a second, about 3 min 20 s left" in lines[0][1]
    assert len(_errors(lines)) > 30
    assert max(_errors(lines)) < 0.1


def test_what_it_takes_to_begin_is_not_taken_for_the_pace(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    took = (20.0 if n == 0 else 0.1 for n in range(1000))
    lines = _watched(clock, capsys, took, 1000)
    assert max(_errors(lines)) < 0.1


def test_files_that_are_known_do_not_promise_that_the_new_ones_go_as_fast(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    took = (0.0002 if n < 25_000 else 0.01 for n in range(50_000))
    lines = _watched(clock, capsys, took, 50_000)
    after = [(left, line) for left, line in lines if left < 240]
    assert len(after) > 40
    assert max(_errors(after)) < 0.1
    assert all("100 a second" in line for _, line in after)


def test_a_run_that_slows_down_is_seen_to(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    took = (0.01 if n < 10_000 else 0.05 for n in range(20_000))
    lines = _watched(clock, capsys, took, 20_000)
    assert max(_errors([(left, line) for left, line in lines if left < 390])) < 0.1


def test_marks_stay_few_however_long_it_takes(clock: Clock) -> None:
    meter = Meter(State(quiet=True), "Taking files")
    for done in range(100_000):
        clock.now += 0.5
        meter.tell(done, 100_000)
    assert len(meter._marks) < 150


def test_from_ten_seconds_on_how_long_is_rounded_by_a_fifteenth_at_most() -> None:
    said = {s: duration(s) for s in (5, 89, 90, 100, 154.9, 155, 180, 599, 600, 5399, 5400, 40_000)}
    assert list(said.values()) == [
        "5 s", "89 s", "1 min 30 s", "1 min 40 s", "2 min 30 s", "2 min 40 s", "3 min", "10 min", "10 min",
        "90 min", "1.5 h", "11.1 h",
    ]  # fmt: skip
    for seconds in range(10, 80_000, 7):
        assert abs((_left(f"about {duration(seconds)} left") or 0) - seconds) <= seconds / 15
