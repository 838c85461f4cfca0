"""People who do not exist: names in several scripts, numbers, dates and UIDs, none of them said twice."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from datetime import date, timedelta

from _screens import have

SCRIPTS = {
    # what a file's names are written in: Specific Character Set, font, letters
    "latin": (["ISO_IR 100"], "latin", ""),
    "accents": (["ISO_IR 192"], "latin", "àéîõüčęłñřşžøß"),
    "cyrillic": (["ISO_IR 144"], "latin", "абвгдежзиклмнопрстуфхцчшя"),
    "greek": (["ISO_IR 126"], "latin", "αβγδεζηθικλμνξοπρστυφχψω"),
    "arabic": (["ISO_IR 127"], "latin", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"),
    "chinese": (["GB18030"], "cjk", "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许邓韩冯曹彭曾"),
    "japanese": (["", "ISO 2022 IR 87"], "cjk", "佐藤鈴木高橋田中渡辺伊山本小林加吉松井上清斎村石前原岡長谷川近遠"),
    "korean": (["", "ISO 2022 IR 149"], "cjk", "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노"),
}  # fmt: skip


def writable(script: str) -> bool:
    """Whether a font is installed that has the letters of this script."""
    return script == "latin" or have(SCRIPTS[script][1])


def unwritable() -> list[str]:
    """Scripts in which no name is burnt in here, for want of a font."""
    return [script for script in SCRIPTS if not writable(script)]


class Inventor:
    """Words, numbers, dates and UIDs that it never says twice."""

    def __init__(self, dice: random.Random) -> None:
        self.dice, self._said = dice, set[str]()

    def _new(self, make: Callable[[], str]) -> str:
        while (value := make()) in self._said:
            pass
        self._said.add(value)
        return value

    def word(self, script: str = "latin") -> str:
        """A name that nobody has: four syllables, or as many letters as its script needs."""
        letters = SCRIPTS[script][2]
        if script in ("chinese", "japanese", "korean"):
            return self._new(lambda: "".join(self.dice.sample(letters, 4)))
        if script in ("cyrillic", "greek", "arabic"):
            count = 6 if script == "arabic" else 7
            plain = self._new(lambda: "".join(self.dice.choices(letters, k=count)))
            return plain if script == "arabic" else plain.capitalize()
        return self._new(lambda: self._syllables(letters))

    def _syllables(self, more: str) -> str:
        parts = [self.dice.choice("bdfgklmnprstvz") + self.dice.choice("aeiou") for _ in range(4)]
        if more:
            parts[1] = parts[1][0] + self.dice.choice(more)
        return ("".join(parts) + self.dice.choice("kmnrsx")).capitalize()

    def number(self, digits: int = 9) -> str:
        return self._new(lambda: str(self.dice.randrange(10 ** (digits - 1), 10**digits)))

    def day(self) -> date:
        made = self._new(
            lambda: (date(1931, 1, 1) + timedelta(self.dice.randrange(33000))).strftime("%Y%m%d")
        )
        return date(int(made[:4]), int(made[4:6]), int(made[6:]))

    def clock(self) -> str:
        return self._new(
            lambda: "{:02d}{:02d}{:02d}.{:06d}".format(*map(self.dice.randrange, (24, 60, 60, 10**6)))
        )

    def uid(self) -> str:
        return self._new(lambda: "2.25." + str(self.dice.randrange(10**36, 10**37)))

    def title(self) -> str:
        """An application entity."""
        return self._new(lambda: "AE" + "".join(self.dice.choices(string.ascii_uppercase, k=10)))


class Person:
    """One invented patient, and the two studies that were made of them."""

    def __init__(self, inventor: Inventor, number: int, script: str) -> None:
        self.number, self.script = number, script
        latin = f"{inventor.word()}^{inventor.word()}"
        own = f"{inventor.word(script)}^{inventor.word(script)}"
        east = script in ("chinese", "japanese", "korean")
        self.name = f"{latin}={own}" if east else own
        self.burnt = (
            own.replace("^", " " if script in ("arabic",) else ", ") if not east else own.replace("^", "")
        )
        self.id, self.birth = inventor.number(), inventor.day()
        first = date(2012, 1, 1) + timedelta(inventor.dice.randrange(4500))
        self.days = (first, first + timedelta(inventor.dice.randrange(9, 400)))
        self.studies = (inventor.uid(), inventor.uid())
        self.issuer = inventor.word() if number % 2 else ""
