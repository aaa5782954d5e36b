"""What the cells of the page do, apart from marimo: tables arrive, fits begin and end, words stand around fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nelder.errors import NelderError
from nelder.lab import views
from nelder.lab.choices import Choices, Plan, formula_from, planned
from nelder.lab.jobs import Job
from nelder.lab.pictures import race_picture
from nelder.lab.tables import BUNDLED, Loaded, bundled, dropped, family_like, opened
from nelder.lab.views import Shown, framed
from nelder.report.markup import text

FIRST = "line"  # the table that is there to begin with
BRIEF = 0.3  # seconds: a fit that is done by then is shown at once
RIVALS = ("newton", "irls", "lbfgs", "gradient_descent", "stochastic_gradient_descent", "closed_form")
VIEWS = ("Steps", "Why", "Numbers", "Pictures", "Compare", "Code")
PAGES: dict[str, Callable[[Shown], str]] = {
    "Steps": lambda shown: framed("Steps", views.steps_page(shown)),
    "Why": lambda shown: framed("Why", views.why_page(shown)),
    "Numbers": lambda shown: framed("Numbers", views.numbers_page(shown)),
}
TITLE = (
    '<header class="lab-title"><p role="heading" aria-level="1">nelder lab</p><p>Fit a model, watch it happen, and be '
    "told why it came out as it did. Everything stays on this machine.</p></header>"
)


@dataclass(frozen=True)
class Chosen:
    """The table in use, why another one is not, if that was asked for, and the files that were read so far by title."""

    table: Loaded
    refusal: str = ""
    files: Mapping[str, Loaded] = field(default_factory=dict)

    @property
    def menu(self) -> list[str]:
        """The titles to choose from."""
        return list(dict.fromkeys([*self.files, *(each.title for each in BUNDLED.values())]))


def chosen(read: Callable[[], Loaded], before: Chosen | None = None) -> Chosen:
    """A file that was asked for; the table before, or the first, with the reason where it cannot be had."""
    files = {} if before is None else before.files
    try:
        table = read()
    except NelderError as problem:
        return Chosen(bundled(FIRST) if before is None else before.table, str(problem), files)
    return Chosen(table, "", {**files, table.title: table})


def begun(path: str) -> Chosen:
    """The table to begin with: the file that the lab was started with, or the textbook's line."""
    return Chosen(bundled(FIRST)) if not path else chosen(lambda: opened(path))


def picked(title: str, before: Chosen) -> Chosen:
    """A table of the menu."""
    if title in before.files:
        return Chosen(before.files[title], "", before.files)
    name = next(name for name, each in BUNDLED.items() if each.title == title)
    return Chosen(bundled(name), "", before.files)


def dropped_on(files: Sequence[Any], before: Chosen) -> Chosen:
    """The last of the files that were dropped, each with a name and contents."""
    if not files:
        return before
    return chosen(lambda: dropped(files[-1].name, files[-1].contents), before)


def formula_of(table: Loaded, response: str | None, terms: Sequence[str]) -> str:
    """The formula of the fields: the table's own until they are changed."""
    if response is None or (response == table.response and tuple(terms) == table.terms):
        return table.choices.formula
    return formula_from(response, terms)


def family_of(table: Loaded, response: str | None) -> str:
    """The family to begin with for a response."""
    if response is None or response == table.response:
        return table.choices.family
    return family_like(table.columns[response])


@dataclass(frozen=True)
class Run:
    """Fits that were begun: of which table, what was chosen for each, and the job that carries them out."""

    table: Loaded
    asked: Mapping[str, Choices]
    job: Job

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self.job.over.is_set()

    @property
    def shown(self) -> Shown | None:
        """The first of its fits, if there is one."""
        for name, fit in self.job.fits.items():
            return Shown(self.asked[name], self.job.plans[name], fit, self.table.truth)
        return None


@dataclass
class Desk:
    """Where one run at a time is worked on: another begins when the one before has been told to stop."""

    run: Run | None = None

    def begin(self, table: Loaded, asked: Mapping[str, Choices]) -> Run:
        """Begin fits; those that are brief are over when this returns."""
        self.stop()
        plans: dict[str, Plan] = {}
        refusals: dict[str, str] = {}
        for name, choices in asked.items():
            try:
                plans[name] = planned(choices, table.source, table.named)
            except NelderError as problem:
                refusals[name] = str(problem)
        self.run = Run(table, asked, Job(plans, refusals=refusals).start())
        self.run.job.wait(BRIEF)
        return self.run

    def stop(self) -> None:
        """Stop what is running."""
        if self.run is not None:
            self.run.job.stop()


def rivals(choices: Choices, names: Sequence[str]) -> dict[str, Choices]:
    """The same choices with other solvers, by name: a descent that was not chosen finds its rates by itself."""
    others = {name: replace(choices, solver=name, rate="") for name in names}
    return {name: choices if name == choices.solver else other for name, other in others.items()}


def panel(groups: Mapping[str, Sequence[str]], button: str) -> str:
    """The fields in groups, each under its name, and the button; fields are HTML."""
    inside = ""
    for name, fields in groups.items():
        rows = "".join(f"<div>{field}</div>" for field in fields)
        inside += (
            f'<section aria-label="{text(name)}"><p role="heading" aria-level="2">{text(name)}</p>{rows}</section>'
        )
    return f'<div class="lab-choices">{inside}<div class="lab-button">{button}</div></div>'


def table_words(given: Chosen) -> str:
    """What the table holds, and why another one is not here."""
    refused = f'<p class="lab-refusal" role="alert">{text(given.refusal)}</p>' if given.refusal else ""
    unused = "".join(f"<li><code>{text(name)}</code>: {text(why)}</li>" for name, why in given.table.refused.items())
    more = f"<details><summary>What cannot be used</summary><ul>{unused}</ul></details>" if unused else ""
    return (
        f'{refused}<p class="lab-note"><strong>{text(given.table.title)}</strong>: {text(given.table.words)}</p>{more}'
    )


def running(runs: Sequence[Run | None]) -> str:
    """What is running now."""
    return "".join(views.live(run.job) for run in runs if run is not None and not run.done)


def headline(run: Run | None, latest: Run | None, current: Choices) -> str:
    """How a run ended or why there is no fit, and whether the fields have changed since the latest began."""
    if run is None or latest is None:
        return ""
    shown = run.shown
    if shown is None:
        said = "".join(views.refusal("No fit", words) for words in run.job.refusals.values())
    else:
        said = views.headline(shown)
    asked = next(iter(latest.asked.values()))
    stale = "" if asked.settled() == current else '<p class="lab-note">The fields have changed: press Fit.</p>'
    return f'<div class="lab-ended">{said}{stale}</div>'


def raced(run: Run | None, shown: Shown, by: str) -> str:
    """The race, if there was one, of the model that is shown."""
    if run is None or not run.done:
        return '<p class="lab-note">Choose solvers and press Compare: each fits the model that is shown.</p>'
    of = next(iter(run.asked.values()))
    same = (of.formula, of.family, of.link) == (shown.choices.formula, shown.choices.family, shown.choices.link)
    stale = "" if same else f'<p class="lab-note">This is of <code>{text(of.formula)}</code>: press Compare again.</p>'
    drawing = attempted(lambda: race_picture(run.job.fits, by)) if run.job.fits else ""
    return stale + drawing + framed("Compare", views.race_table(run.job.fits, run.job.refusals))


def attempted(make: Callable[[], str]) -> str:
    """What `make` makes, or in words why this fit has no such thing."""
    try:
        return make()
    except NelderError as problem:
        return f'<p class="lab-note">{text(problem)}</p>'


def stack(fields: str, below: str) -> str:
    """Fields in a row, and what they are about below."""
    return f'<div class="lab-fields">{fields}</div>{below}'


def code_words(shown: Shown) -> str:
    """The code that makes the fit that is shown, as Markdown."""
    fence = "`" * 12  # longer than any run of ticks that a formula can hold
    return f"The same fit, to the last digit, without this page:\n\n{fence}python\n{shown.plan.code}{fence}\n"
