"""The pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rivals import OURS, UNIT

COLOURS = {
    "nelder": "#c1272d",
    "X'X": "#888888",
    "glum": "#56b4e9",
    "glum + SE": "#0072b2",
    "sklearn lbfgs": "#f0a500",
    "sklearn newton-cholesky": "#d55e00",
    "pyfixest": "#cc79a7",
    "statsmodels": "#009e73",
    "R": "#333333",
}


def draw_race(problems: dict[str, dict], file: Path) -> None:
    """One line a problem, one dot a rival: its time as a multiple of nelder's, on a logarithmic scale."""
    import matplotlib.pyplot as plt

    shown = [
        name for name, result in problems.items() if any("to_nelder" in seen for seen in result["rivals"].values())
    ]
    figure, axes = plt.subplots(figsize=(8, 1.6 + 0.5 * max(len(shown), 1)), layout="constrained")
    for rival, colour in COLOURS.items():
        seen = [(shown.index(name), problems[name]["rivals"].get(rival, {}).get("to_nelder")) for name in shown]
        dots = [(ratio, row) for row, ratio in seen if ratio is not None]
        if dots:
            look = {"marker": "|" if rival == UNIT else "o", "s": 140 if rival in (OURS, UNIT) else 60}
            axes.scatter(*zip(*dots, strict=True), color=colour, label=rival, zorder=3, **look)
    axes.axvline(1, color=COLOURS[OURS], linewidth=0.8)
    axes.set(xscale="log", yticks=range(len(shown)), yticklabels=shown, ylim=(max(len(shown), 1) - 0.5, -0.5))
    axes.set_xlabel("time, nelder's being 1   (to the right: slower than nelder)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if shown:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    save(figure, file)


def draw_scaling(curves: dict[str, dict[str, Any]], file: Path) -> None:
    """One panel for rows, for columns and for threads."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(curves), figsize=(10, 3.4), layout="constrained")
    for axes, (what, curve) in zip(panels, curves.items(), strict=True):
        for rival, line in curve["rivals"].items():
            if line["at"]:
                power = "" if line["exponent"] is None else f", exponent {line['exponent']:.2f}"
                axes.plot(line["at"], line["seconds"], "o-", color=COLOURS[rival], label=f"{rival}{power}")
        axes.set(xscale="log", yscale="log", xlabel=what, ylabel="seconds")
        sizes = sorted({at for line in curve["rivals"].values() for at in line["at"]})
        axes.set_xticks(sizes, [f"{at:,}" for at in sizes], fontsize=8)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if sizes:
            axes.legend(frameon=False, fontsize=8)
    save(figure, file)


def save(figure: Any, file: Path) -> None:
    """Write an SVG that is the same for the same numbers."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context({"svg.hashsalt": "nelder"}):
        figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
