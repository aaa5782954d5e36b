"""Linear equations of coefficients in words, such as "x1 + 2*x2 = 1", read into weights by column."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from nelder.errors import InputError
from nelder.inference.hypotheses.vocabulary import LONGEST, NUMBER, Found, Vocabulary
from nelder.linalg import Array

EXAMPLES = "such as 'x1 = x2', 'x1 + 2*x2 = 1' or 'x1 = 0, x2 = 0'"


@dataclass(frozen=True)
class Linear:
    """A constant and weights by column."""

    weights: dict[int, float]
    constant: float

    def plus(self, other: Linear, times: float = 1.0) -> Linear:
        """self + times · other."""
        weights = dict(self.weights)
        for column, weight in other.weights.items():
            weights[column] = weights.get(column, 0.0) + times * weight
        return Linear(weights, self.constant + times * other.constant)

    def times(self, factor: float) -> Linear:
        """factor · self."""
        return Linear({column: factor * w for column, w in self.weights.items()}, factor * self.constant)


@dataclass(frozen=True)
class Row:
    """One equation: the weights by column, the right-hand side, and the words for it."""

    weights: dict[int, float]
    right: float
    label: str


def read_rows(text: str, vocabulary: Vocabulary) -> list[Row]:
    """The equations of a text, which are separated by commas; a chain a = b = c is two.

    Raises InputError for what cannot be read, UnknownNameError for a name that does not exist.
    """
    if len(text) > LONGEST:
        raise InputError(f"a hypothesis of {len(text)} characters is too long: at most {LONGEST} are read")
    try:
        return Equations(text, vocabulary).read()
    except RecursionError:
        raise InputError(f"the hypothesis {text[:60]!r}… is nested too deeply to be read") from None


class Equations:
    """One reading of a text, from left to right, by recursive descent."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.at = 0

    def read(self) -> list[Row]:
        """All equations."""
        rows = self.equation()
        while self.take(","):
            rows += self.equation()
        if self.peek():
            self.refuse("an operator, a comma or the end")
        return rows

    def equation(self) -> list[Row]:
        """One equation, chain or term."""
        rows = self.term()
        if rows is not None:
            return rows
        sides, texts = [], []
        while True:
            start = self.at
            sides.append(self.sum())
            texts.append(self.text[start : self.at].strip())
            if not self.take("="):
                break
            self.take("=")  # == is = too
        if len(sides) == 1:
            sides.append(Linear({}, 0.0))
            texts.append("0")
        made = []
        for i in range(len(sides) - 1):
            whole = sides[i].plus(sides[i + 1], -1.0)
            if not all(map(math.isfinite, (*whole.weights.values(), whole.constant))):
                raise InputError(f"the hypothesis {self.text!r:.200} has a number out of range: give one within 1e±300")
            made.append(Row(whole.weights, -whole.constant, f"{texts[i]} = {texts[i + 1]}"))
        return made

    def term(self) -> list[Row] | None:
        """The rows of a term of the formula, where one stands alone or with = 0."""
        start = self.at
        found = self.vocabulary.find(self.text, self.at) if self.peek() else None
        if found is not None and found.column is None:
            rest = re.compile(r"\s*(?:={1,2}\s*0(?:\.0*)?\s*)?(?=,|$)").match(self.text, found.end)
            if rest is None:
                self.vocabulary.column(found, self.text)
                return None
            self.at = rest.end()
            columns = self.vocabulary.estimated(found.name)
            return [Row({column: 1.0}, 0.0, f"{self.vocabulary.names[column]} = 0") for column in columns]
        self.at = start
        return None

    def sum(self) -> Linear:
        """Products with + and − between them."""
        total = self.product()
        while sign := self.take("+-"):
            total = total.plus(self.product(), 1.0 if sign == "+" else -1.0)
        return total

    def product(self) -> Linear:
        """Factors with * and / between them, at most one of which has coefficients."""
        total = self.factor()
        while operator := self.take("*/"):
            if self.peek() == operator == "*":
                self.refuse_products()
            other = self.factor()
            if other.weights and (total.weights or operator == "/"):
                self.refuse_products()
            if operator == "/" and other.constant == 0:
                raise InputError(f"the hypothesis {self.text!r} divides by zero")
            if operator == "/":
                total = total.times(1.0 / other.constant)
            else:
                total = other.times(total.constant) if other.weights else total.times(other.constant)
        if self.peek() == "^":
            self.refuse_products()
        return total

    def factor(self) -> Linear:
        """A number, a coefficient, or a sum in parentheses; with its sign."""
        if not self.peek():
            self.refuse("a coefficient or a number")
        if sign := self.take("+-"):
            return self.factor().times(1.0 if sign == "+" else -1.0)
        found = self.vocabulary.find(self.text, self.at)
        if found is not None:
            return self.named(found)
        if self.take("("):
            inner = self.sum()
            if not self.take(")"):
                self.refuse("a closing parenthesis")
            return inner
        match = NUMBER.match(self.text, self.at)
        if match is None or re.match(r"[\w.`\[(]", self.text[match.end() : match.end() + 1]):
            if match is not None and self.vocabulary.find(self.text, match.end()) is not None:
                self.refuse("a sign such as * after the number")
            if self.text[self.at] in "=,)*/^":
                self.refuse("a coefficient or a number")
            raise self.vocabulary.unknown(self.text, self.at)
        self.at = match.end()
        return Linear({}, float(match[0]))

    def named(self, found: Found) -> Linear:
        """A coefficient by its name."""
        column = self.vocabulary.column(found, self.text)
        self.at = found.end
        return Linear({column: 1.0}, 0.0)

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, among: str) -> str:
        """The next character, taken if it is one of these; else nothing."""
        found = self.peek()
        if not found or found not in among:
            return ""
        self.at += 1
        return found

    def refuse(self, expected: str) -> NoReturn:
        """Raise the error for what stands here."""
        here = repr(self.text[self.at : self.at + 40]) if self.peek() else "the end"
        raise InputError(
            f"cannot read the hypothesis {self.text!r:.200}: expected {expected} before {here}; hypotheses are linear "
            f"equations of coefficients, {EXAMPLES}"
        )

    def refuse_products(self) -> NoReturn:
        """Raise the error for a combination that is not linear."""
        raise InputError(
            f"the hypothesis {self.text!r:.200} is not linear in the coefficients: for products, ratios and other "
            "functions use the delta method, fit.delta('x1 / x2')"
        )


def written(weights: Array, names: Sequence[str], right: float) -> str:
    """An equation as text: `x1 - 2*x2 = 0`."""
    words = []
    for weight, name in zip(weights, names, strict=True):
        if weight != 0:
            size = "" if abs(weight) == 1 else f"{abs(weight):.6g}*"
            words.append(f"{'-' if weight < 0 else '+'} {size}{name}")
    text = " ".join(words).removeprefix("+ ")
    return f"{text.replace('- ', '-', 1) if text.startswith('- ') else text or '0'} = {right:.6g}"
