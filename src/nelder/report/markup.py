"""Safe HTML: texts of the user escaped, tables with headers, pictures with names, numbers for the script."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass

from nelder.table import Table

# characters that no page should hold: controls, and marks that turn the direction of what follows
UNSEEN = {code: "\ufffd" for code in (*range(9), 11, 12, *range(14, 32), *range(127, 160))}
UNSEEN |= {code: "\ufffd" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF)}
UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&'"}


def plain(value: object) -> str:
    """A text without the characters that no page should hold."""
    return str(value).translate(UNSEEN).encode("utf-8", "replace").decode("utf-8")


def text(value: object) -> str:
    """A text as HTML shows it, in an element or in an attribute between double quotes."""
    return html.escape(plain(value), quote=True)


def cut(value: object, most: int) -> str:
    """A text of at most so many characters."""
    words = " ".join(str(value).split())
    return words if len(words) <= most else words[: most - 1] + "…"


def short(value: object, most: int = 20) -> str:
    """A text of at most so many characters, escaped."""
    return text(cut(value, most))


def data(name: str, values: object) -> str:
    """Values as JSON in an element of the page that is data and never run; nothing in it can end the element."""
    written = json.dumps(values, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(UNSAFE)
    return f'<script type="application/json" id="{name}">{written}</script>'


def pairs(facts: Sequence[tuple[str, str]], name: str) -> str:
    """Labels and values, a row each, under a name."""
    rows = "".join(f'<tr><th scope="row">{text(label)}</th><td>{text(value)}</td></tr>' for label, value in facts)
    return f'<table class="facts" aria-label="{text(name)}"><tbody>{rows}</tbody></table>'


def table(given: Table, caption: str, most: int = 60) -> str:
    """A table whose first column names its rows; on a narrow screen it scrolls by itself."""
    columns = given.texts(most)
    words = [values.dtype.kind in "OUb" or not place for place, values in enumerate(given.values())]
    head = "".join(
        f'<th scope="col"{left(word)}>{text(column[0] or "term")}</th>'
        for column, word in zip(columns, words, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{text(first)}</th>'
        + "".join(f"<td{left(word)}>{text(cell)}</td>" for cell, word in zip(cells, words[1:], strict=True))
        + "</tr>"
        for first, *cells in zip(*(column[1:] for column in columns), strict=True)
    )
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in given.notes)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table><caption>{text(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{notes}"
    )


def left(word: bool) -> str:
    """The class of a column of words."""
    return ' class="word"' if word else ""


@dataclass(frozen=True)
class Picture:
    """A drawing with its name in the page, its title, what it shows in `words`, its size, and its numbers."""

    name: str
    title: str
    words: str
    drawing: str
    size: tuple[int, int]
    numbers: Table | None = None
    notes: tuple[str, ...] = ()

    def figure(self) -> str:
        """The picture with its caption, and its numbers to unfold."""
        wide, high = self.size
        notes = "".join(f' <span class="note">{text(note)}</span>' for note in self.notes)
        return (
            f'<figure id="{self.name}"><svg viewBox="0 0 {wide} {high}" role="img" aria-labelledby="{self.name}-title '
            f'{self.name}-words"><title id="{self.name}-title">{text(self.title)}</title>'
            f'<desc id="{self.name}-words">{text(self.words)}</desc>{self.drawing}</svg>'
            f"<figcaption><strong>{text(self.title)}.</strong> {text(self.words)}{notes}</figcaption>"
            f"{self.unfolded()}</figure>"
        )

    def unfolded(self) -> str:
        """The numbers of the picture."""
        if self.numbers is None:
            return ""
        shown = table(self.numbers, f"{self.title}: the numbers", 40)
        return f"<details><summary>The numbers of this picture</summary>{shown}</details>"
