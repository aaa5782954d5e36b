"""What formulas of R, mgcv and Patsy call otherwise, for errors that say how it is written here."""

from __future__ import annotations

import re

A_BASE = "C(g, contr.treatment('a'))"
NATURAL = "cr(x, df=3, constraints='center')"
ELSEWHERE = {
    **dict.fromkeys(("factor", "as.factor", "as.character", "as_factor", "ordered"), "C(g)"),
    **dict.fromkeys(("relevel", "Treatment", "fct_relevel"), A_BASE),
    "Sum": "C(g, contr.sum)",
    "Helmert": "C(g, contr.helmert)",
    "Poly": "C(g, contr.poly)",
    "Diff": "C(g, contr.diff)",
    **dict.fromkeys(("as.numeric", "as.integer", "as.double"), "I(x)"),
    "interaction": "a:b",
    "ns": NATURAL,
    **dict.fromkeys(("s", "te", "lo", "rcs"), "bs(x, df=5)"),
    **dict.fromkeys(("ifelse", "if_else"), "where(x > 1, x, 0)"),
    "pmin": "minimum(x, 1)",
    "pmax": "maximum(x, 1)",
    **dict.fromkeys(("pow", "^"), "I(x**2)"),
    "ln": "log(x)",
    "standardize": "scale(x)",
    "round": "rint(x)",
    "sqr": "square(x)",
    "Q": "`a name`",
}
"""By the name elsewhere: how an example of it is written here."""
CALLS = re.compile(r"([A-Za-z_][\w.]*)\s*\(")


def written_here(name: str) -> str | None:
    """`there is no factor here: write C(g)`; None for a name that is not known from elsewhere."""
    return f"there is no {name} here: write {ELSEWHERE[name]}" if name in ELSEWHERE else None


def first_of_elsewhere(text: str) -> str | None:
    """The same of the first function in a text that is known from elsewhere."""
    return next((said for name in CALLS.findall(text) if (said := written_here(name))), None)
