"""What an explanation is made of: reasons, each with its words, its gravity and the call to try."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from nelder.errors import refuse_unknown
from nelder.table import Table

WIDE = 100  # letters in a line of a printed explanation


class Gravity(IntEnum):
    """How much a reason matters; the name is what is printed."""

    FINE = 0  # nothing to do
    NOTE = 1  # good to know
    SERIOUS = 2  # some numbers do not mean what they seem to
    GRAVE = 3  # the coefficients are not the answer


@dataclass(frozen=True)
class Said:
    """What a rule says: words with numbers, the call to try, and another gravity than the rule's own, if any."""

    words: str
    call: str
    gravity: Gravity | None = None


@dataclass(frozen=True)
class Reason:
    """One thing that happened: the name of its `rule`, a `title`, `words` with numbers, and the `call` to try, which
    is Python that can be run with `nd`, `fit` and the `data` of the fit.
    """

    rule: str
    title: str
    words: str
    call: str
    gravity: Gravity

    @property
    def level(self) -> str:
        """The gravity in a word."""
        return self.gravity.name.lower()

    def __str__(self) -> str:
        """Three parts: the title, the words, the call."""
        body = textwrap.fill(self.words, WIDE, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
        return f"{self.title} [{self.level}]\n{body}\n  Try: {self.call}"


@dataclass(frozen=True)
class Explanation:
    """What happened in a fit and what to do, the gravest first. `str()` is the page, notebooks show HTML.

    `partial` says that not everything could be looked at; `notes` say what was not.
    """

    title: str
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...] = ()
    partial: bool = False

    @property
    def well(self) -> bool:
        """Whether there is nothing to do."""
        return all(reason.gravity is Gravity.FINE for reason in self.reasons)

    @property
    def headline(self) -> str:
        """How many things there are to look at."""
        many = sum(reason.gravity is not Gravity.FINE for reason in self.reasons)
        things = "one thing" if many == 1 else f"{many} things"
        if not many:
            things = "nothing found in what could be looked at" if self.partial else "all is well"
        return f"{self.title}: {things}{' to look at' if many else ''}"

    def __getitem__(self, rule: str) -> Reason:
        """The reason of a rule; raises UnknownNameError, a KeyError, where that found nothing."""
        found = {reason.rule: reason for reason in self.reasons}
        refuse_unknown("rule that found something", rule, found)
        return found[rule]

    def __contains__(self, rule: object) -> bool:
        return any(reason.rule == rule for reason in self.reasons)

    def table(self) -> Table:
        """Columns rule, gravity, title, words, call."""
        names = {"rule": "rule", "gravity": "level", "title": "title", "words": "words", "call": "call"}
        columns = {
            name: np.array([getattr(reason, of) for reason in self.reasons], dtype=object) for name, of in names.items()
        }
        return Table(columns, self.title, self.notes)

    def __str__(self) -> str:
        notes = [textwrap.fill(note, WIDE) for note in self.notes]
        return "\n\n".join([self.headline, *map(str, self.reasons), *notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><strong>{html.escape(reason.title)}</strong> <em>{reason.level}</em>"
            f"<p>{html.escape(reason.words)}</p><p>Try: <code>{html.escape(reason.call)}</code></p></li>"
            for reason in self.reasons
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<div class='nelder-explanation'><h4>{html.escape(self.headline)}</h4><ol>{items}</ol>{notes}</div>"
