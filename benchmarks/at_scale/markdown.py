"""Tables of pages."""

from __future__ import annotations


def table(rows: list[list[str]]) -> str:
    """Markdown of rows, the first of which is the head."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body]) + "\n"
