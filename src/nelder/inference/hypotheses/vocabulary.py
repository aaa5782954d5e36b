"""Finding the names of coefficients and terms in a text, whatever characters they are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nelder.errors import InputError, unknown_name
from nelder.lazy import lazy

NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
AFTER_A_NAME = r"(?=\s*(?:[-+*/^=,)\]]|$))"
ANY_SPACE = r"\s*"
LONGEST = 10_000  # characters of a text


@dataclass(frozen=True)
class Found:
    """A name found in a text, which goes on at `end`: that of coefficient `column`, or of a term if that is None."""

    name: str
    column: int | None
    end: int


@dataclass(frozen=True)
class Vocabulary:
    """The names of p coefficients and of the formula's terms, each with its columns; `aliased` columns have no
    estimate.
    """

    names: tuple[str, ...]
    terms: Mapping[str, tuple[int, ...]]
    aliased: tuple[int, ...] = ()

    @lazy
    def places(self) -> dict[str, int | None]:
        """The column of each coefficient's name, None for that of a term."""
        return {**dict.fromkeys(self.terms), **{name: column for column, name in enumerate(self.names)}}

    @lazy
    def patterns(self) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
        """Names by their first character, each with what it may look like in a text; longest first."""
        made: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for name in sorted((name for name in self.places if name), key=len, reverse=True):
            made.setdefault(name[0], []).append((name, re.compile(pattern_of(name) + AFTER_A_NAME)))
        return made

    def find(self, text: str, start: int) -> Found | None:
        """The longest name at a place in a text, or the one in backquotes; raises UnknownNameError for an unknown one
        in backquotes.
        """
        matches = []
        for name, pattern in self.patterns.get(text[start], []):
            match = pattern.match(text, start)
            if match is not None and not NUMBER.fullmatch(name):
                matches.append((match.end(), text.startswith(name, start), name))
        if matches:
            end, _, name = max(matches)
            return Found(name, self.places[name], end)
        quoted = re.compile(r"`([^`]*)`").match(text, start)
        if quoted is None:
            return None
        if quoted[1] not in self.places:
            raise unknown_name("coefficient", quoted[1], self.places)
        return Found(quoted[1], self.places[quoted[1]], quoted.end())

    def column(self, found: Found, text: str) -> int:
        """The column of a coefficient that was found in a text; raises InputError for a term in its place."""
        if found.column is not None:
            return found.column
        names = ", ".join(self.names[column] for column in self.terms[found.name][:10])
        raise InputError(
            f"{found.name!r} in {text!r} is a term with the coefficients {names}: name one of them (a term can only "
            "stand alone in a hypothesis, for all of them being zero)"
        )

    def unknown(self, text: str, start: int) -> InputError:
        """The error for whatever stands at a place in a text where a name should."""
        return unknown_name("coefficient", piece_at(text, start), self.places)

    def estimated(self, term: str) -> list[int]:
        """The columns of a term that have an estimate. Raises InputError where none has."""
        columns = [column for column in self.terms[term] if column not in self.aliased]
        if not columns:
            raise InputError(f"all coefficients of the term {term!r} are aliased: there is nothing to test")
        return columns


def pattern_of(name: str) -> str:
    """A regular expression for a name, in which spaces inside brackets and around colons are free."""
    pieces, pattern, depth = re.findall(r"\s+|\w+|.", name, re.DOTALL), [""], 0
    for i, piece in enumerate(pieces):
        depth += (piece in "([") - (piece in ")]")
        if piece.isspace() and depth:
            between = pieces[i - 1][-1].isalnum() and pieces[i + 1 : i + 2] and pieces[i + 1][0].isalnum()
            pattern.append(r"\s+" if between else ANY_SPACE)
        elif (depth and not piece[0].isalnum() and piece not in "'\"") or piece == ":":
            pattern += [ANY_SPACE, re.escape(piece), ANY_SPACE]
        else:
            pattern.append(re.escape(piece))
    once = [piece for i, piece in enumerate(pattern) if not (piece == ANY_SPACE == pattern[i - 1])]
    return "".join(once).removeprefix(ANY_SPACE)


def piece_at(text: str, start: int) -> str:
    """The text from a place to the next operator outside brackets."""
    depth = 0
    for end in range(start, len(text)):
        depth += (text[end] in "([") - (text[end] in ")]")
        if depth < 0 or (depth == 0 and text[end] in "+-*/=,^"):
            return text[start:end].strip()
    return text[start:].strip()
