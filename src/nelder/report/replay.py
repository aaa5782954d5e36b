"""The replay: the steps of a fit one after the other, with curve, loss and coefficients moving together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nelder.fit import Fit
from nelder.linalg import Array
from nelder.report.curves import Moving, moving
from nelder.report.drawing import HIGH, WIDE, Axis, Plane, axis, dots, path, place, plane, strokes
from nelder.report.frames import DIGITS, MOST, Frames, frames_of
from nelder.report.markup import Picture, data, table, text
from nelder.table import number

SPARK = (120, 24)  # pixels of the small picture of a coefficient
MULTIPLES = 6  # pictures of steps on paper
MANY = 40  # steps, from which their axis is logarithmic


def replay(fit: Fit) -> str:
    """The section: controls, pictures, the coefficients of the step that is shown, and all steps in numbers."""
    frames = frames_of(fit)
    if not len(frames):
        why = "a fit that was loaded from a file has none" if fit.objective is None else "its solver kept none"
        return f'<p class="note">There are no steps to replay: {why}.</p>'
    found, loss = moving(frames), loss_plane(frames)
    notes = ""
    if len(frames) < len(fit.trace) or fit.trace.records[-1].step + 1 > len(fit.trace):
        total = fit.trace.records[-1].step + 1
        notes = (
            f'<p class="note">Shown are {len(frames)} of {total:,} steps (at most {MOST}), close together at first.</p>'
        )
    parts = [
        controls(frames),
        notes,
        f'<div class="grid">{moved(frames, found)}{loss_picture(frames, loss)}</div>',
        table_of(frames),
        multiples(frames, found),
        "<details><summary>All steps shown, in numbers</summary>"
        f"{table(frames.table(), 'Steps of the solver', MOST)}</details>",
        data("replay-data", numbers(frames, found, loss)),
    ]
    return "".join(parts)


def controls(frames: Frames) -> str:
    """Slider and buttons, which the script brings to life, and the sentence on the step that is shown."""
    last = len(frames) - 1
    said = f'<p id="replay-said" role="status" aria-live="polite">{text(frames.said[-1])}</p>'
    if not last:
        return said
    return (
        '<div id="replay-controls" role="group" aria-label="Replay" hidden>'
        '<button type="button" id="replay-back" aria-label="One step back">‹ Back</button>'
        '<button type="button" id="replay-play" aria-label="Play the steps">Play</button>'
        '<button type="button" id="replay-on" aria-label="One step on">Next ›</button>'
        '<label for="replay-step">Step</label>'
        f'<input type="range" id="replay-step" min="0" max="{last}" step="1" value="{last}" '
        f'aria-valuetext="{text(frames.titles[-1])}" aria-describedby="replay-said"></div>'
        f'<noscript><p class="note">The slider needs JavaScript; what is shown is the last step.</p></noscript>{said}'
    )


def loss_plane(frames: Frames) -> Plane:
    """The axes of the loss curve: logarithmic in the steps where these are many, in the loss where it falls far."""
    loss = frames.loss[np.isfinite(frames.loss)]
    falls = bool(len(loss) and loss.min() > 0 and loss.max() / 30 > loss.min())
    drawn = plane("loss", (frames.steps, "step", False), (loss, frames.loss_name, falls))
    return replace(drawn, x=stepwise(frames, drawn.x))


def stepwise(frames: Frames, given: Axis) -> Axis:
    """An axis of steps, logarithmic where these are many."""
    if frames.steps[-1] <= MANY:
        return replace(given, whole=True)
    return replace(given, low=-0.02, high=1.1 * float(frames.steps[-1]), log=True, shift=1.0)


def loss_picture(frames: Frames, area: Plane) -> str:
    """The loss at each step, and the mark of the one that is shown."""
    x = frames.steps
    lost = int(np.sum(~np.isfinite(frames.loss)))
    drawing = area.drawn(
        area.line(x, frames.loss),
        area.points(x, frames.loss, "point"),
        area.points(x[-1:], frames.loss[-1:], "now", "loss-now"),
    )
    notes = (f"At {lost} of these steps it is not a number, and not drawn.",) if lost else ()
    words = (
        f"The {frames.loss_name} at each step; the large dot is the step that is shown. All steps are in numbers below."
    )
    return Picture("loss", "Loss curve", words, drawing, (WIDE, HIGH), None, notes).figure()


def moved(frames: Frames, found: Moving | None) -> str:
    """The picture that moves, at the last step."""
    if found is None:
        return ""
    still = f'<g id="curve-still">{found.still}</g>'
    now = path(traced(found, len(frames) - 1), kind_of(found), "curve-now")
    picture = Picture(
        "curve", found.title, found.words, found.plane.drawn(still, now), (WIDE, HIGH), found.numbers, found.notes
    )
    return picture.figure()


def kind_of(found: Moving) -> str:
    """The class of what moves."""
    return "dot moving" if found.dotted else "line"


def traced(found: Moving, k: int) -> str:
    """The path of frame k."""
    x, y = found.plane.x.at(found.x[k]), found.plane.y.at(found.y[k])
    return dots(x, y) if found.dotted else strokes(x, y)


def sparks(frames: Frames) -> list[tuple[Axis, Axis]]:
    """The axes of the small picture of each coefficient."""
    wide, high = SPARK
    across = stepwise(frames, axis(frames.steps, (4.0, wide - 4.0), ""))
    return [(across, axis(frames.beta[:, j], (high - 4.0, 4.0), "")) for j in range(len(frames.names))]


def table_of(frames: Frames) -> str:
    """The coefficients: their path, their value at the step that is shown, and the one that is reported."""
    reported, x = np.asarray(frames.fit.coef)[frames.columns], frames.steps
    rows = []
    for j, (name, (right, up)) in enumerate(zip(frames.names, sparks(frames), strict=True)):
        line = path(strokes(right.at(x), up.at(frames.beta[:, j])), "line")
        dot = path(dots(right.at(x[-1:]), up.at(frames.beta[-1:, j])), "dot", f"spark-{j}")
        rows.append(
            f'<tr><th scope="row">{text(name)}</th><td class="spark"><svg viewBox="0 0 {SPARK[0]} {SPARK[1]}" '
            f'aria-hidden="true">{line}{dot}</svg></td><td id="coef-{j}">{text(frames.values[-1][j])}</td>'
            f"<td>{text(number(float(reported[j]), DIGITS))}</td></tr>"
        )
    caption = "Coefficients at the step that is shown"
    if len(frames.names) < len(frames.fit.names):
        caption += f": the {len(frames.names)} of {len(frames.fit.names):,} furthest from zero"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>'
        '<thead><tr><th scope="col" class="word">term</th><th scope="col" class="word">path</th>'
        '<th scope="col">this step</th><th scope="col">reported</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def multiples(frames: Frames, found: Moving | None) -> str:
    """For paper: the moving picture at a few steps, beside each other."""
    if found is None or len(frames) < 2:
        return ""
    some = sorted({0, *(round(k) for k in np.geomspace(1, len(frames) - 1, MULTIPLES - 1))})
    right, up = found.plane.x, found.plane.y
    inside = f"{right.begin - 4:g} {up.end - 4:g} {right.end - right.begin + 8:g} {up.begin - up.end + 8:g}"
    made = "".join(
        f'<figure><svg viewBox="{inside}" role="img" aria-label="{text(found.title)}: '
        f'{text(frames.titles[k])}"><use href="#curve-panel"/><g clip-path="url(#curve-clip)">'
        '<use href="#curve-still"/>'
        f"{path(traced(found, k), kind_of(found))}</g></svg><figcaption>{text(frames.titles[k])}</figcaption></figure>"
        for k in some
    )
    return f'<div class="on-paper">{made}</div>'


def numbers(frames: Frames, found: Moving | None, area: Plane) -> dict[str, object]:
    """What the script needs: the words of each frame, and where in the pictures its marks stand."""
    x = frames.steps
    marks = [pixels(up.at(frames.beta[:, j])) for j, (_, up) in enumerate(sparks(frames))]
    made: dict[str, object] = {
        "titles": frames.titles,
        "said": frames.said,
        "values": frames.values,
        "loss": [pixels(area.x.at(x)), pixels(area.y.at(frames.loss))],
        "sparks": [pixels(sparks(frames)[0][0].at(x)) if marks else [], marks],
    }
    if found is not None:
        right, up = found.plane.x.at(found.x), found.plane.y.at(found.y)
        still_x, still_y = not found.dotted, found.dotted
        made["curve"] = {
            "dotted": found.dotted,
            "x": [pixels(row) for row in (right[:1] if still_x else right)],
            "y": [pixels(row) for row in (up[:1] if still_y else up)],
            "seen": found.seen(),
        }
    return made


def pixels(values: Array) -> list[float | None]:
    """Places in a picture to a tenth of a pixel, None where there is none."""
    return [None if np.isnan(value) else float(place(float(value))) for value in values]
