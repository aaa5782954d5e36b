"""What transforms ask of a whole column, answered by its parts: sums, and in their light more sums."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nelder.engines import Engine
from nelder.errors import DataError
from nelder.formula import complete_rows
from nelder.formula.expressions import Digests, Expression
from nelder.formula.questions import Question
from nelder.linalg import Array
from nelder.sources import Chunk, Partition

CHANGED = (
    "{text} is learned in several looks at the table, which had {before:,} rows at the first and {after:,} at another: "
    "the data must not change during a fit; write what is made anew each time to files first, or use nd.spill"
)


@dataclass(frozen=True)
class Asking:
    """Questions, by the text of the transform that asks, each in one of these expressions; they are about the rows that
    have a value in each of the columns that are `read`.
    """

    questions: Mapping[str, Question]
    expressions: tuple[Expression, ...]
    read: tuple[str, ...]

    def answers(self, values: Mapping[str, Array]) -> Answers:
        """What the values say that each transform is called with."""
        counts = {text: len(values[text]) for text in self.questions}
        return Answers({text: question.answer(values[text]) for text, question in self.questions.items()}, counts)


@dataclass(frozen=True)
class Answers:
    """The answers of some rows, and how many rows these are, by the same texts."""

    found: Mapping[str, Any]
    counts: Mapping[str, int]

    def __add__(self, other: Answers) -> Answers:
        found = {text: answer + other.found[text] for text, answer in self.found.items()}
        return Answers(found, {text: count + other.counts[text] for text, count in self.counts.items()})


def questioned(
    engine: Engine,
    partitions: Sequence[Partition],
    expressions: tuple[Expression, ...],
    read: tuple[str, ...],
    digests: Digests,
) -> Digests:
    """The digests with the answers to what these expressions ask beside them, in a few more looks at what is read."""
    questions = {text: asked for each in expressions for text, asked in each.questions(digests).items()}
    while left := {text: question for text, question in questions.items() if question.open}:
        needed = tuple(expression for expression in expressions if expression.texts & left.keys())
        answers: Answers = engine.total(answers_at, partitions, Asking(left, needed, read))
        for text, count in answers.counts.items():
            if count != digests[text].count:
                raise DataError(CHANGED.format(text=text, before=digests[text].count, after=count))
        questions |= {text: question.told(answers.found[text]) for text, question in left.items()}
    return {**digests, **{text: replace(digests[text], question=question) for text, question in questions.items()}}


def answers_at(partition: Partition, asking: Asking) -> Answers:
    """The answers of one part."""
    total = asking.answers({text: np.zeros(0) for text in asking.questions})
    for chunk in partition.read(asking.read):
        total += asking.answers(called_with(chunk, asking))
    return total


def called_with(chunk: Chunk, asking: Asking) -> Mapping[str, Array]:
    """What the transforms are called with in some rows."""
    rows = np.flatnonzero(complete_rows(chunk, asking.read))
    used = {name for expression in asking.expressions for name in expression.columns}
    complete = {name: chunk[name].take(rows) for name in used}
    return ChainMap(*(expression.learned_from(complete, rows) for expression in asking.expressions))
