"""Where pictures are drawn: axes, colours that everybody can tell apart, and text that shows as it is written.

Nothing here changes Matplotlib's settings: what is not a line or a point of ours takes the colours of the style in use,
so that pictures are legible on light and on dark ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.errors import DataError, InputError, InputTypeError, MissingExtraError, a_number
from nelder.fit import Fit
from nelder.linalg import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's colours (2008), less those that vanish on white or on black
BLUE, ORANGE, GREEN, PINK, GOLD, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PINK, GOLD, SKY)
GREY = "#888888"  # of what is compared with: as far from white as from black
DASHES = ("-", "--", ":", "-.")
SIZE = (6.0, 4.0)  # inches, of one picture
NARROW, SHORT, LONG = 18, 24, 44  # letters of a name: on the y axis, beside others, and by itself


def axes_for(ax: Any, size: tuple[float, float] = SIZE) -> Axes:
    """The Axes that were given, or those of a new figure.

    Raises InputTypeError for anything else, MissingExtraError without Matplotlib.
    """
    if ax is None:
        return pyplot().subplots(figsize=size, layout="constrained")[1]
    return given_axes(ax)


def panels_for(ax: Any, many: int, across: int, size: tuple[float, float]) -> Any:
    """An array of Axes (many,): the first of those that were given, or those of a new figure with `across` in a row.

    Raises InputError where fewer were given, and the errors of `axes_for`.
    """
    if ax is None:
        down = -(-many // across)
        figure, grid = pyplot().subplots(down, across, figsize=size, layout="constrained", squeeze=False)
        figure.get_layout_engine().set(hspace=0.05, wspace=0.03, h_pad=0.06)
        for left in grid.ravel()[many:]:
            left.remove()
        return grid.ravel()[:many]
    given = np.array([given_axes(each) for each in np.ravel(np.asarray(ax, dtype=object))], dtype=object)
    if len(given) < many:
        raise InputError(f"ax holds {len(given)} Axes; this picture has {many} panels: give as many, or leave out ax=")
    return given[:many]


def given_axes(ax: Any) -> Axes:
    """What was given, which must be Axes of Matplotlib."""
    require_matplotlib()
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise InputTypeError(f"ax must be Axes of Matplotlib, as plt.subplots() gives, not {type(ax).__name__}")
    return ax


def require_matplotlib() -> None:
    """Raise MissingExtraError where Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtraError("Matplotlib", "plot", "a picture") from None


def pyplot() -> Any:
    """Matplotlib's figures that are shown by themselves in a notebook."""
    require_matplotlib()
    import matplotlib.pyplot as plt

    return plt


def literal(text: object, most: int = LONG) -> str:
    """A text of the user's as it is written: no mathematics between dollars, on one line, its middle left out where it
    is long.
    """
    plain = " ".join(str(text).split()) or "(no name)"
    if plain.count("`") == 2 and plain[0] == plain[-1] == "`":  # how a formula writes a name with spaces
        plain = plain[1:-1]
    if len(plain) > most:
        plain = f"{plain[: most - most // 2 - 1]}…{plain[len(plain) - most // 2 :]}"
    # legends leave out what begins with an underscore
    return (" " if plain.startswith("_") else "") + plain.replace("$", r"\$")


def dress(ax: Axes, title: str, x: str, y: str) -> None:
    """Title and labels, and a frame with two sides."""
    ax.set_title(title, loc="left", fontsize="medium")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)


def remark(ax: Axes, text: str, at: tuple[float, float] = (0.02, 0.02)) -> None:
    """A small sentence inside the Axes, at a place in shares of them."""
    if text:
        sides = "left" if at[0] < 0.5 else "right", "bottom" if at[1] < 0.5 else "top"
        from matplotlib.colors import to_rgba

        paint = to_rgba(ax.get_facecolor())
        # Matplotlib would paint a transparent ground black
        ground: dict[str, Any] = {"facecolor": paint, "alpha": 0.75 * paint[3], "edgecolor": "none", "pad": 1.5}
        words: dict[str, Any] = {"fontsize": "x-small", "ha": sides[0], "va": sides[1], "color": GREY}
        ax.text(*at, text, transform=ax.transAxes, bbox=ground, zorder=5, **words)


def legend(ax: Axes, where: Any = "upper right") -> None:
    """A legend of what has a label; in a fixed place, for the best one takes long to find among many points."""
    ax.legend(loc=where, fontsize="small", framealpha=0.8)


def names_on(ax: Axes, names: Sequence[str], y: Array) -> None:
    """Names to the right of the Axes at the heights y (k,), pushed apart where they would touch."""
    low, high = ax.get_ylim()
    place = np.asarray(ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([y * 0 + 1, y]))))[:, 1]
    order, gap = np.argsort(place, kind="stable"), 0.055
    apart = np.clip(place[order], 0.0, 1.0)
    for k in range(1, len(apart)):
        apart[k] = max(apart[k], apart[k - 1] + gap)
    apart[-1:] = np.minimum(apart[-1:], 1.0)
    for k in range(len(apart) - 2, -1, -1):
        apart[k] = min(apart[k], apart[k + 1] - gap)
    for k, height in zip(order, apart, strict=True):
        colour = COLOURS[k % len(COLOURS)]
        text = literal(names[k], NARROW)
        ax.text(1.01, height, text, transform=ax.transAxes, fontsize="small", va="center", color=colour)
    ax.set_ylim(low, high)


def traced(fit: Fit) -> None:
    """Raise DataError for a fit whose steps were not kept."""
    if not len(fit.trace):
        raise DataError("this fit has no steps to show: it was loaded without them; fit it again to watch it")


def several(many: int, unit: str) -> str:
    """How many of a unit, which is given in the plural."""
    return f"{many:,} {unit if many != 1 else unit.removesuffix('s')}"


def solver_of(fit: Fit) -> str:
    """The name of the solver, in words."""
    return fit.trace.solver.replace("_", " ")


def mean_label(fit: Fit) -> str:
    """What the y axis of means is called."""
    return f"mean of {literal(fit.terms.response, NARROW)} (response scale)"


def link_label(fit: Fit) -> str:
    """What the axis of linear predictors is called."""
    return f"linear predictor η ({fit.link.label()} scale)"


def positive(value: object, argument: str) -> float:
    """A number above zero; raises InputError naming the argument."""
    given = a_number(value, argument)
    if not (np.isfinite(given) and given > 0):
        raise InputError(f"{argument}={value!r}: give a number above 0")
    return given
