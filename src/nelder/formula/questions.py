"""What a transform asks of all values of a column, wherever they are: sums, and in their light more sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self, TypeVar

from nelder.linalg import Array

Asked = TypeVar("Asked", bound="Question")


class Question(ABC):
    """A question that is asked round after round, until it is no longer `open`."""

    @property
    @abstractmethod
    def open(self) -> bool:
        """Whether there is more to ask."""

    @abstractmethod
    def answer(self, values: Array) -> Any:
        """What some values (n,) say; the answers of parts of a column add up to that of all."""

    @abstractmethod
    def told(self, answer: Any) -> Self:
        """The question after the answer of all values."""


def answered(question: Asked, values: Array) -> Asked:
    """The question when these values (n,) have said all."""
    while question.open:
        question = question.told(question.answer(values))
    return question
