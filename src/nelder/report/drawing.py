"""Small drawings in SVG: axes with round numbers, points as one path, lines that break where there is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nelder.linalg import Array
from nelder.report.markup import short

WIDE, HIGH = 480, 310
FAR = 5_000.0  # pixels: beyond the picture, where a line may as well be
SMALL = 1e-290  # what is smaller is drawn as zero
DECADES = 40.0  # of a logarithmic axis


@dataclass(frozen=True)
class Axis:
    """From `low` to `high` in the units of the data, drawn from `begin` to `end` in those of the picture; a logarithmic
    one is of the values plus `shift`.
    """

    low: float
    high: float
    begin: float
    end: float
    label: str
    log: bool = False
    shift: float = 0.0
    whole: bool = False  # whether only whole numbers have a meaning

    def at(self, values: object) -> Array:
        """Where values (…) are drawn; nan where they have no place."""
        given = np.asarray(values, dtype=float)
        with np.errstate(all="ignore"):
            low, high, shown = self.low, self.high, given
            if self.log:
                low, high, shown = math.log(low + self.shift), math.log(high + self.shift), np.log(given + self.shift)
            share = (shown - low) / (high - low)
            place = self.begin + share * (self.end - self.begin)
        return np.where(np.isfinite(given) & np.isfinite(place), np.clip(place, -FAR, FAR), np.nan)

    def ticks(self) -> list[float]:
        """Round numbers on the axis."""
        if self.log and (self.shift or self.high / self.low > 5):
            return [0.0][: int(self.shift)] + decades(self.low, self.high)
        marks = round_numbers(self.low, self.high)
        return [mark for mark in marks if mark == round(mark)] if self.whole else marks


def axis(values: object, ends: tuple[float, float], label: str, log: bool = False) -> Axis:
    """An axis for values, of which those that are not finite do not count, with a little room around them."""
    given = np.asarray(values, dtype=float).ravel()
    given = given[np.isfinite(given) & ((given > 0) if log else True)]
    low, high = (float(given.min()), float(given.max())) if len(given) else (1.0, 2.0)
    if log and high / low < 1e300 and math.log10(high / low) <= DECADES:
        room = max((high / low) ** 0.04, 1.02)
        return Axis(low / room, high * room, *ends, label, True)
    low, high = (0.0 if abs(end) < SMALL else end for end in (low, high))
    half = 0.5 * high - 0.5 * low  # of the range, which need not be a number
    room = 0.08 * half if half > 1e-9 * max(abs(low), abs(high)) else (0.05 * abs(high) or 0.5)
    return Axis(max(low - room, -1e300), min(high + room, 1e300), *ends, label)


def round_numbers(low: float, high: float, many: int = 7) -> list[float]:
    """At most so many multiples of 1, 2 or 5 times a power of ten between two numbers."""
    rough = high / (many - 1) - low / (many - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)] if last - first < 3 * many else []


def decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten between two numbers, or of powers alone as many as fit."""
    low = max(low, 1.0) if low <= 0 else low
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = max(1, math.ceil(len(powers) / 6))
    digits = (1, 2, 5) if math.log10(high / low) <= 2.6 else (1,)
    marks = [digit * 10.0**power for power in powers if power % every == 0 for digit in digits]
    return [mark for mark in marks if low <= mark <= high]


def tick(value: float) -> str:
    """The label of a tick."""
    shown = f"{value:.6g}"
    mantissa, _, power = shown.partition("e")
    return (f"{mantissa}e{int(power)}" if power else mantissa).replace("-", "−")


def place(value: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True)
class Plane:
    """Two axes and what is drawn between them; what lies outside is cut off by the clip path `name`-clip."""

    name: str
    x: Axis
    y: Axis
    size: tuple[int, int] = (WIDE, HIGH)

    def drawn(self, *inner: str) -> str:
        """Axes, with the marks inside them."""
        (left, right), (bottom, top) = (self.x.begin, self.x.end), (self.y.begin, self.y.end)
        box = f'x="{place(left)}" y="{place(top)}" width="{place(right - left)}" height="{place(bottom - top)}"'
        return (
            f'<clipPath id="{self.name}-clip"><rect {box}/></clipPath>'
            f'<rect class="panel" id="{self.name}-panel" {box}/>{self.axes()}'
            f'<g clip-path="url(#{self.name}-clip)">{"".join(inner)}</g>'
        )

    def axes(self) -> str:
        """Grid, ticks and labels."""
        marks = []
        (left, right), (bottom, top) = (self.x.begin, self.x.end), (self.y.begin, self.y.end)
        for value in self.x.ticks():
            at = place(float(self.x.at(value)))
            marks.append(f'<path class="grid" d="M{at} {place(bottom)}V{place(top)}"/>')
            marks.append(f'<text x="{at}" y="{place(bottom + 17)}" text-anchor="middle">{tick(value)}</text>')
        for value in self.y.ticks():
            height = float(self.y.at(value))
            marks.append(f'<path class="grid" d="M{place(left)} {place(height)}H{place(right)}"/>')
            marks.append(f'<text x="{place(left - 7)}" y="{place(height + 4)}" text-anchor="end">{tick(value)}</text>')
        below = f'x="{place((left + right) / 2)}" y="{self.size[1] - 6}"'
        beside = f'transform="translate(13 {place((bottom + top) / 2)}) rotate(-90)"'
        for label, where in ((self.x.label, below), (self.y.label, beside)):
            marks.append(f'<text class="label" {where} text-anchor="middle">{short(label, 40)}</text>')
        return f'<g aria-hidden="true">{"".join(marks)}</g>'

    def points(self, x: object, y: object, kind: str = "point", name: str = "") -> str:
        """Points (n,) as one path of dots."""
        return path(dots(self.x.at(x), self.y.at(y)), kind, name)

    def line(self, x: object, y: object, kind: str = "line", name: str = "") -> str:
        """A line through points (n,), broken where one has no place."""
        return path(strokes(self.x.at(x), self.y.at(y)), kind, name)

    def bars(self, x: object, low: object, high: object, kind: str = "bar") -> str:
        """Upright intervals at x (n,)."""
        ends = np.stack([self.x.at(x), self.y.at(low), self.y.at(high)])
        known = ends.T[np.isfinite(ends).all(axis=0)]
        return path("".join(f"M{place(at)} {place(a)}V{place(b)}" for at, a, b in known), kind)


def plane(name: str, x: tuple[object, str, bool], y: tuple[object, str, bool]) -> Plane:
    """A plane of the usual size for values with their label, and whether their axis is logarithmic."""
    across, up = (74.0, WIDE - 14.0), (HIGH - 48.0, 14.0)
    return Plane(name, axis(x[0], across, x[1], x[2]), axis(y[0], up, y[1], y[2]))


def path(d: str, kind: str, name: str = "") -> str:
    """A path with a class, and a name where the script moves it."""
    return f'<path class="{kind}"{f" id={chr(34)}{name}{chr(34)}" if name else ""} d="{d}"/>'


def dots(x: Array, y: Array) -> str:
    """Points in the units of the picture as strokes of no length, which round caps make dots; equal ones once."""
    seen = dict.fromkeys((place(a), place(b)) for a, b in zip(x, y, strict=True) if a + b == a + b)
    return "".join(f"M{a} {b}h0" for a, b in seen)


def strokes(x: Sequence[float] | Array, y: Sequence[float] | Array) -> str:
    """A line in the units of the picture."""
    drawn, down = [], False
    for a, b in zip(x, y, strict=True):
        known = a + b == a + b
        if known:
            drawn.append(f"{'L' if down else 'M'}{place(a)} {place(b)}")
        down = known
    return "".join(drawn)
