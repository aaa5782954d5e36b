"""The verdict in plain words: did the fit arrive, and what is there to look at?"""

from __future__ import annotations

from nelder.fit import Fit
from nelder.report.markup import text


def headline(fit: Fit, many: int) -> str:
    """One sentence on the fit as a whole, of which so many findings are worth a look."""
    if fit.limit is not None:
        arrived = "There are no finite estimates of all coefficients: the maximum of the likelihood lies at infinity."
    elif fit.converged:
        arrived = "The fit converged."
    else:
        arrived = f"The fit did not converge: {fit.reason}. Do not rely on its numbers."
    if not many:
        return f"{arrived} Nothing was found that asks for a look."
    return f"{arrived} {f'{many} findings are' if many > 1 else 'One finding is'} worth a look:"


def verdict(fit: Fit, refusal: str) -> str:
    """The headline and what `fit.explain()` finds worth a look, the gravest first; `refusal` says why the checks could
    not be made, if so.
    """
    found = [reason for reason in fit.explain().reasons if reason.gravity]
    kind = "fine" if fit.converged and not found else "look" if fit.converged else "problem"
    items = "".join(
        f"<li><strong>{text(each.title)}.</strong> {text(each.words)}"
        f' <span class="call">Try: <code>{text(each.call)}</code></span></li>'
        for each in found
    )
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in (*fit.notes, refusal) if note)
    listed = f"<ul>{items}</ul>" if items else ""
    return f'<div class="verdict {kind}"><p class="headline">{text(headline(fit, len(found)))}</p>{listed}</div>{notes}'
