"""Clouds of points, from one to millions: drawn each where they can be told apart, counted in cells where not, with a
smooth line through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nelder.linalg import Array
from nelder.plots.canvas import BLUE, ORANGE, remark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 5_000  # points that are still drawn each
FEW_VALUES = 30  # different numbers that a column is spread about, not to be drawn on itself
SMOOTHED, SEED = 4_000, 0  # rows that a smooth is made of, where there are more, and the seed that chooses them
SPAN = 0.5  # of the rows that each point of a smooth looks at
PLACES = 61  # of a smooth


def cloud(ax: Axes, x: Array, y: Array, colour: str = BLUE, unit: str = "rows") -> str:
    """The finite ones of the points x, y (n,), each a `unit`; hexagons by the logarithm of their number beyond `MANY`.
    What is to be said of them, or nothing.
    """
    known = np.isfinite(x) & np.isfinite(y)
    lost = int(np.sum(~known))
    said = f"{lost:,} {unit} without a finite place are not drawn" if lost else ""
    x, y = x[known], y[known]
    if len(x) <= MANY:
        size = float(np.clip(900.0 / max(len(x), 1), 8.0, 22.0))
        alpha = float(np.clip(250.0 / max(len(x), 1), 0.25, 0.75))
        ax.scatter(x, y, s=size, color=colour, alpha=alpha, linewidths=0, zorder=2)
        return said
    most = hexagons(ax, x, y, colour)
    counted = f"{len(x):,} {unit} in cells: the darkest holds {most:,}, the palest 1"
    return "; ".join(filter(None, (counted, said)))


def hexagons(ax: Axes, x: Array, y: Array, colour: str) -> int:
    """Cells shaded by the logarithm of how many points they hold; the most in one."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    # one colour that grows denser is read alike on white and on black
    shades = LinearSegmentedColormap.from_list("density", [(*to_rgb(colour), 0.18), (*to_rgb(colour), 1.0)])
    made = ax.hexbin(x, y, gridsize=(60, 36), bins="log", mincnt=1, cmap=shades, linewidths=0, zorder=2)
    return int(np.max(np.asarray(made.get_array())))


def smooth(x: Array, y: Array, weight: Array, unit: str = "rows") -> tuple[Array, Array, str]:
    """A line through points (n,) that count `weight` times: places (k,), heights (k,), and a word on how.

    At each place a weighted straight line through the nearest half, by the tricube of the distance (Cleveland 1979,
    without his robust rounds, which would smooth zeros and ones to one of the two).
    """
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & (weight > 0))
    said = ""
    if len(known) > SMOOTHED:
        known = np.sort(np.random.default_rng(SEED).choice(known, SMOOTHED, replace=False))
        said = f"smooth of {SMOOTHED:,} {unit} (seed {SEED})"
    x, y, weight = x[known], y[known], weight[known]
    different = np.unique(x)
    if len(different) < 4:
        return np.zeros(0), np.zeros(0), ""
    at = different if len(different) <= PLACES else np.quantile(x, np.linspace(0.0, 1.0, PLACES))
    at = np.unique(at)
    height = np.array([local_line(x - place, y, weight) for place in at])
    return at, height, said


def local_line(apart: Array, y: Array, weight: Array) -> float:
    """The height at 0 of the line by least squares, in weights that fall with the distance (n,)."""
    far = np.abs(apart)
    reach = np.partition(far, min(int(np.ceil(SPAN * len(far))), len(far)) - 1)[int(np.ceil(SPAN * len(far))) - 1]
    reach = max(reach, float(np.min(far[far > 0], initial=np.inf))) * (1.0 + 1e-9)
    near = weight * np.clip(1.0 - (far / reach) ** 3, 0.0, 1.0) ** 3 if np.isfinite(reach) else weight
    total = near.sum()
    middle, level = near @ apart / total, near @ y / total
    spread = near @ (apart - middle) ** 2
    slope = near @ ((apart - middle) * (y - level)) / spread if spread > 1e-12 * reach**2 * total else 0.0
    return float(level - slope * middle)


def with_smooth(ax: Axes, points: tuple[Array, Array], weight: Array, unit: str, more: tuple[str, ...]) -> None:
    """The cloud of points x, y (n,), each a `unit`, and its smooth, and beneath what is to be said of both."""
    x, y = points
    said = cloud(ax, with_edges(x), y, unit=unit)
    at, height, how = smooth(x, y, weight, unit)
    if len(at):
        ax.plot(at, height, color=ORANGE, linewidth=1.8, zorder=4, label="smooth")
    ends = int(np.sum(np.isinf(x) & ~np.isnan(y)))
    if ends:
        said = "; ".join(
            filter(None, (said, f"{ends:,} {unit} at ±∞, where the mean is at its limit, stand at the edges"))
        )
    remark(ax, "; ".join(filter(None, (said, how, *more))))


def with_edges(x: Array) -> Array:
    """Numbers (n,) with infinite ones beyond the finite, on their side."""
    known = x[np.isfinite(x)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (-1.0, 1.0)
    pad = 0.2 * ((high - low) or 1.0)
    return np.where(x == np.inf, high + pad, np.where(x == -np.inf, low - pad, x))


def jitter(codes: Array, width: float = 0.3) -> Array:
    """Places (n,) beside whole numbers, so that points of one level are not drawn on one line; by a fixed seed."""
    return codes + np.random.default_rng(SEED).uniform(-width / 2, width / 2, len(codes))


def rug(ax: Axes, values: Array, colour: str) -> None:
    """Short strokes on the x axis at the values (n,), or at 200 of their quantiles."""
    known = values[np.isfinite(values)]
    shown = known if len(known) <= 200 else np.quantile(known, np.linspace(0.0, 1.0, 200))
    place = ax.get_xaxis_transform()
    ax.plot(shown, np.full(len(shown), 0.012), "|", color=colour, markersize=6, alpha=0.5, transform=place)
