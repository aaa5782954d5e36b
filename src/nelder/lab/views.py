"""What the page shows of a fit, as HTML: while it runs, and afterwards. What the user wrote is escaped."""

from __future__ import annotations

import html
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nelder.errors import NelderWarning
from nelder.explanation import Explanation, Gravity, explain
from nelder.fit import Fit
from nelder.lab.choices import Choices, Plan
from nelder.lab.jobs import Job
from nelder.lazy import lazy
from nelder.report.coefficients import coefficients
from nelder.report.drawing import HIGH, WIDE, plane
from nelder.report.markup import pairs, short, table, text
from nelder.report.page import document
from nelder.report.page import page as report_page
from nelder.report.replay import replay
from nelder.report.summary import Summary
from nelder.table import Table, number

KIND = {Gravity.FINE: "fine", Gravity.NOTE: "fine", Gravity.SERIOUS: "look", Gravity.GRAVE: "problem"}
FALLS = 30.0  # times: a loss that falls further is drawn on a scale by powers of ten


@dataclass(frozen=True)
class Shown:
    """A fit that the page shows, with what was chosen for it and the coefficients that made its data, if known."""

    choices: Choices
    plan: Plan
    fit: Fit
    truth: Mapping[str, float]

    @lazy
    def explanation(self) -> Explanation:
        """Why it came out as it did."""
        return explain(self.fit)

    @property
    def known(self) -> Mapping[str, float]:
        """The coefficients that made the data, where they are those of the fit."""
        return self.truth if set(self.truth) == set(self.fit.names) else {}


def headline(shown: Shown) -> str:
    """How the fit ended, and the gravest thing to know of it."""
    fit, explanation = shown.fit, shown.explanation
    gravest = max((reason.gravity for reason in explanation.reasons), default=Gravity.FINE)
    kind = "fine" if fit.converged and gravest <= Gravity.NOTE else KIND[gravest] if fit.converged else "problem"
    solver = dict(Summary(fit).facts())["Solver"]
    first = (
        "The fit converged" if kind == "fine" else explanation.reasons[0].title if explanation.reasons else fit.reason
    )
    facts = f"{solver} · deviance {number(fit.deviance, 6)}"
    return (
        f'<div class="lab-headline {kind}" role="status"><strong>{text(first)}</strong>'
        f"<span>{text(facts)}</span><code>{short(shown.plan.formula, 300)}</code></div>"
    )


def refusal(title: str, words: str) -> str:
    """What could not be done, in nelder's words."""
    return (
        f'<div class="lab-headline problem" role="alert"><strong>{text(title)}</strong><span>{text(words)}</span></div>'
    )


def live(job: Job) -> str:
    """A fit that is running: where it stands in words, and its loss so far."""
    words = job.told.words.replace("  ", " · ") or "getting ready"
    name = f"{job.name}: " if len(job.plans) > 1 else ""
    steps, loss = np.array([*job.seen.kept]).reshape(-1, 2).T  # the fit goes on adding to it
    finite = loss[np.isfinite(loss)]
    picture = ""
    if len(finite) > 1:
        falls = bool(finite.min() > 0 and finite.max() > FALLS * finite.min())
        area = plane("lab-live", (steps, "step", False), (finite, "deviance", falls))
        inside = area.drawn(area.line(steps, loss), area.points(steps[-1:], loss[-1:], "now"))
        picture = f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="The loss so far">{inside}</svg>'
    return (
        f'<div class="lab-live"><p role="status"><strong>Running.</strong> {text(name + words)}</p>'
        f"<figure>{picture}</figure></div>"
    )


def steps_page(shown: Shown) -> str:
    """The replay, as a page of its own."""
    return document("Steps", f'<main id="main">{quietly(shown.fit)}</main>')


def quietly(fit: Fit) -> str:
    """The replay of a fit; what it warns of on the way is said elsewhere."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", NelderWarning)
        return replay(fit)


def why_page(shown: Shown) -> str:
    """The explanation, as a page of its own."""
    explanation = shown.explanation
    items = "".join(
        f'<section class="verdict {KIND[reason.gravity]}"><p class="headline">{text(reason.title)} '
        f'<span class="note">{text(reason.level)}</span></p><p>{text(reason.words)}</p>'
        f"<p>Try: <code>{text(reason.call)}</code></p></section><p></p>"
        for reason in explanation.reasons
    )
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in explanation.notes)
    head = f'<p class="note">{text(explanation.headline)}</p>'
    return document("Why", f'<main id="main">{head}{items}{notes}</main>')


def numbers_page(shown: Shown) -> str:
    """Summary and coefficients, and the true ones beside them where they are known, as a page of its own."""
    fit, summary = shown.fit, Summary(shown.fit)
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in summary.notes())
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", NelderWarning)
        body = pairs([*summary.facts(), *summary.measures()], "Summary of the fit") + notes + coefficients(fit, 0.95)
    return document("Numbers", f'<main id="main">{body}{truth_table(shown)}</main>')


def truth_table(shown: Shown) -> str:
    """The coefficients that made the data, beside the estimates."""
    fit, known = shown.fit, shown.known
    if not known:
        return ""
    true = np.array([known[name] for name in fit.names])
    with np.errstate(all="ignore"):
        off = (np.asarray(fit.coef) - true) / np.asarray(fit.se)
    columns = {"term": np.array(fit.names), "true": true, "estimate": np.asarray(fit.coef), "off by, in se": off}
    return table(Table(columns), "The coefficients that made these data")


def race_table(fits: Mapping[str, Fit], refusals: Mapping[str, str]) -> str:
    """Solvers side by side, as a page of its own."""
    body = ""
    if fits:
        runs = list(fits.values())
        seconds = np.array([fit.trace.records[-1].seconds if len(fit.trace) else np.nan for fit in runs])
        columns = {
            "solver": np.array(list(fits)),
            "steps": np.array([fit.steps for fit in runs]),
            "passes": np.array([fit.trace.passes[-1] if len(fit.trace) else np.nan for fit in runs]),
            "seconds": seconds,
            "deviance": np.array([fit.deviance for fit in runs]),
            "ended": np.array([ended(fit) for fit in runs]),
        }
        body = table(Table(columns), "The same problem by different solvers")
    body += "".join(f"<p><strong>{text(name)}</strong>: {text(words)}</p>" for name, words in refusals.items())
    return document("Compare", f'<main id="main">{body}</main>')


def ended(fit: Fit) -> str:
    """How a fit ended, in few words."""
    return "converged" if fit.converged else "no finite maximum" if fit.limit is not None else "not converged"


def framed(title: str, page: str) -> str:
    """A page inside the page, which grows with what it holds."""
    return (
        f'<iframe class="lab-frame" title="{text(title)}" srcdoc="{html.escape(page, quote=True)}" width="100%" '
        'height="480" onload="__resizeIframe(this)"></iframe>'
    )


def report_of(shown: Shown) -> bytes:
    """The report of the fit, to be saved."""
    return report_page(shown.fit).encode()
