"""The report: one page of HTML with all that there is to see of a fit, which needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import warnings
from importlib.resources import files
from pathlib import Path

from nelder.errors import NelderWarning
from nelder.fit import Fit
from nelder.inference.wald import checked_level
from nelder.report.checks import pictures, said_checks
from nelder.report.coefficients import coefficients
from nelder.report.markup import pairs, short, text
from nelder.report.material import Material
from nelder.report.replay import replay
from nelder.report.summary import Summary
from nelder.report.verdict import verdict
from nelder.writing import write_whole

SECTIONS = {
    "verdict": "Verdict",
    "summary": "Summary",
    "coefficients": "Coefficients",
    "checks": "Checks",
    "replay": "Replay",
}


def report(fit: Fit, path: str | Path, level: float = 0.95) -> Path:
    """Write the report of a fit as one HTML file, and say where it is.

    The page holds its own style, script and drawings, loads nothing, and is the same to the byte for the same fit.
    Sections that need the rows of the fit say so where there are none. Raises InputError for a path that cannot be
    written, and then leaves no file behind.
    """
    return write_whole(path, page(fit, level))


def page(fit: Fit, level: float = 0.95) -> str:
    """The HTML of the report."""
    checked_level(level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NelderWarning)  # what they say is on the page
        written = sections(fit, level)
    model = dict(Summary(fit).facts())["Model"]
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in SECTIONS.items())
    body = "".join(
        f'<section id="{name}" aria-labelledby="{name}-heading"><h2 id="{name}-heading">{title}</h2>{written[name]}'
        "</section>"
        for name, title in SECTIONS.items()
    )
    return document(
        f"{short(model, 100)} · nelder",
        f'<a class="skip" href="#main">Skip to the report</a><header><p class="kind">{text(Summary(fit).title())}'
        f'</p><h1>{short(model, 400)}</h1><nav aria-label="Sections"><ul>{links}</ul></nav></header>\n'
        f'<main id="main">{body}</main>\n<footer><p>Made by nelder. Everything on this page is in this one file.</p>'
        "</footer>",
    )


def document(title: str, body: str) -> str:
    """A page of HTML that holds its own style and script, and by its policy can load and run nothing else.

    Title and body are HTML, what the user wrote in them escaped.
    """
    style, script = asset("page.css"), asset("page.js")
    policy = (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{style}</style></head>\n'
        f"<body>{body}<script>{script}</script></body></html>\n"
    )


def sections(fit: Fit, level: float) -> dict[str, str]:
    """The inside of each section."""
    material = Material(fit)
    checked = material.had("checks", fit.check)
    refusal = material.refusals.get("checks", "")
    summary = Summary(fit, level)
    return {
        "verdict": verdict(fit, f"No checks of the model: {refusal}." if refusal else ""),
        "summary": pairs([*summary.facts(), *summary.measures()], "Summary of the fit"),
        "coefficients": coefficients(fit, level),
        "checks": said_checks(checked, f"No checks of the model: {refusal}.") + pictures(material),
        "replay": replay(fit),
    }


def asset(name: str) -> str:
    """A file that lies beside this module."""
    return (files("nelder.report") / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def digest(content: str) -> str:
    """The hash by which the page's policy knows its own style and script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
