"""The verdict in plain words: did the fit arrive, and what is there to look at?"""

from __future__ import annotations

from typing import NamedTuple

from nelder.fit import Fit
from nelder.report.markup import text


class Reason(NamedTuple):
    """Something to know: its title, what it is in words, and the call to try next, if any."""

    title: str
    words: str
    call: str = ""


def reasons(fit: Fit) -> list[Reason]:
    """What a reader should know before anything else: what `fit.explain()` finds worth saying, the gravest first."""
    return [Reason(each.title, each.words, each.call) for each in fit.explain().reasons if each.gravity]


def headline(fit: Fit, found: list[Reason]) -> str:
    """One sentence on the fit as a whole."""
    if fit.limit is not None:
        arrived = "There are no finite estimates of all coefficients: the maximum of the likelihood lies at infinity."
    elif fit.converged:
        arrived = "The fit converged."
    else:
        arrived = f"The fit did not converge: {fit.reason}. Do not rely on its numbers."
    if not found:
        return f"{arrived} Nothing was found that asks for a look."
    return f"{arrived} {f'{len(found)} findings are' if len(found) > 1 else 'One finding is'} worth a look:"


def verdict(fit: Fit, found: list[Reason], refusal: str) -> str:
    """The headline and each reason; `refusal` says why the checks could not be made, if so."""
    kind = "fine" if fit.converged and not found else "look" if fit.converged else "problem"
    items = "".join(
        f"<li><strong>{text(each.title)}.</strong> {text(each.words)}"
        + (f' <span class="call">Try: <code>{text(each.call)}</code></span>' if each.call else "")
        + "</li>"
        for each in found
    )
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in (*fit.notes, refusal) if note)
    listed = f"<ul>{items}</ul>" if items else ""
    return f'<div class="verdict {kind}"><p class="headline">{text(headline(fit, found))}</p>{listed}</div>{notes}'
