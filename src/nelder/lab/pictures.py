"""The pictures of `fit.plot` for the page: drawings in its own colours of text, on light and on dark ground."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nelder.errors import CapabilityError, NelderWarning
from nelder.fit import Fit
from nelder.lab.views import Shown
from nelder.plots import PICTURES
from nelder.plots.canvas import GREY, require_matplotlib
from nelder.plots.descent import race

INK = "#010203"  # of text and axes until the drawing is on the page, whose colour it then takes
PAPER = "#030201"  # and of the ground of legends
HEAVY = 1_500_000  # letters of a drawing: beyond, it is sent as points of colour
GROUND = "var(--lab-paper)"
SINGLE, PAGE, STRIP = (6.4, 4.2), (10.0, 7.2), (9.3, 5.3)  # inches

# what each is called on the page, and how many Axes it takes: down, across, and inches
MENU: dict[str, str] = {
    "Checks: four pictures": "checks",
    "Fitted curve at some steps": "curves",
    "Fitted curve, step by step": "steps",
    "Loss": "loss",
    "Paths of the coefficients": "paths",
    "Likelihood along a coefficient": "sweep",
    "Likelihood over two, with the path": "contour",
    "Profile likelihood": "profile",
    "Estimates and intervals": "forest",
    "Estimates against the truth": "truth",
    "Effect of a variable": "effect",
    "Partial residuals": "partial",
    "Residuals against fitted": "residuals",
    "Normal quantiles": "quantiles",
    "Scale and location": "scale_location",
    "Leverage": "leverage",
    "Calibration": "calibration",
    "ROC curve": "roc",
    "Lift": "lift",
    "Rootogram": "rootogram",
}
PANELS: dict[str, tuple[int, int, tuple[float, float]]] = {"checks": (2, 2, PAGE), "steps": (2, 3, STRIP)}


def picture(shown: Shown, name: str) -> str:
    """One picture of a fit as HTML. Raises the errors of the picture, where this fit cannot have it, and
    CapabilityError for the truth where that is not known.
    """
    down, across, size = PANELS.get(name, (1, 1, SINGLE))
    if name == "truth":
        if not shown.known:
            raise CapabilityError(
                "the coefficients that made these data are not known: the tables called Textbook have them, with the "
                "model that they come with"
            )
        return drawn(lambda ax: PICTURES[name](shown.fit, dict(shown.known), ax=ax[0]), (1, 1, SINGLE), "truth")
    one = (down, across) == (1, 1)
    return drawn(lambda ax: PICTURES[name](shown.fit, ax=ax[0] if one else ax), (down, across, size), name)


def race_picture(fits: Mapping[str, Fit], by: str) -> str:
    """Solvers raced against each other, by step or by second."""
    return drawn(lambda ax: race(fits, by, ax[0]), (1, 1, SINGLE), f"gap by {by}")


def drawn(draw: Callable[[Any], object], grid: tuple[int, int, tuple[float, float]], name: str) -> str:
    """What `draw` draws into Axes (k,), as HTML."""
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    down, across, size = grid
    style: Any = {
        "svg.fonttype": "none",
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "font.size": 10.0,
        "legend.facecolor": PAPER,
    }
    inked: Any = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    with warnings.catch_warnings(), np.errstate(all="ignore"), rc_context({**style, **dict.fromkeys(inked, INK)}):
        warnings.simplefilter("ignore", NelderWarning)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(down, across, squeeze=False).ravel()
        draw(axes)
        for ax in axes:
            if not (ax.has_data() or ax.texts):
                ax.remove()
        return themed(figure, name)


def themed(figure: Any, name: str) -> str:
    """A figure as an SVG in the colours of the page, or as a PNG in greys where it holds too much."""
    lines = io.StringIO()
    figure.savefig(lines, format="svg", transparent=True, metadata={"Date": None})
    said, kind = name.replace("_", " "), "lab-picture page" if len(figure.axes) > 1 else "lab-picture"
    drawing = lines.getvalue()
    if len(drawing) > HEAVY:
        return f'<figure class="{kind}"><img alt="{said}" src="data:image/png;base64,{dots(figure)}"></figure>'
    # what is inside must not reach the rest of the page: no style for everything, no names
    inside = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>", "", drawing[drawing.index("<svg") :], flags=re.DOTALL
    )
    inside = re.sub(r'<g id="[a-zA-Z]+[\w.-]*">', "<g>", inside.replace(INK, "currentColor").replace(PAPER, GROUND))
    head, box = f'<svg role="img" aria-label="{said}" viewBox="', re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
    return f'<figure class="{kind}">{box.sub(lambda found: f"{head}{found[1]}{chr(34)}>", inside, count=1)}</figure>'


def dots(figure: Any) -> str:
    """A figure as a PNG in base 64, its texts in a grey that can be read on any ground."""
    from matplotlib.legend import Legend
    from matplotlib.text import Text

    image = io.BytesIO()
    for key in figure.findobj(Legend):
        key.get_frame().set_alpha(0.0)
    for part in figure.findobj(Text):
        part.set_color(GREY)
    figure.savefig(image, format="png", dpi=150, transparent=True)
    return base64.b64encode(image.getvalue()).decode()
