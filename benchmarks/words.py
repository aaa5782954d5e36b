"""A run in words: lines for the terminal, and the page of the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rivals import OURS, UNIT


def goals(wanted: dict[str, float], rivals: dict[str, dict]) -> list[dict[str, Any]]:
    """What nelder was to reach and what it reached: a multiple of a rival's time, seconds, or megabytes.

    Of a rival that did not get to the answer it is known that it takes longer: what is reached is less than a `bound`.
    """
    return [
        {"of": of, "at_most": most, "reached": reached(of, rivals), "bound": "longer_than" in rivals.get(of, {})}
        for of, most in wanted.items()
    ]


def reached(of: str, rivals: dict[str, dict]) -> float | None:
    """nelder's seconds or megabytes, or its time as a multiple of a rival's, at most; None where that is not known."""
    ours, theirs = rivals.get(OURS, {}), rivals.get(of, {})
    if ours.get("state") != "timed":
        return None
    if of in PLAIN:
        return ours.get(of)
    if "longer_than" in theirs:
        return ours["seconds"] / theirs["longer_than"]
    return 1 / theirs["to_nelder"] if "to_nelder" in theirs else None


def lines(name: str, result: dict[str, Any]) -> list[str]:
    """One problem for the terminal."""
    text = [f"\n{name} ({shape_words(result['shape'])})" if result["shape"] else f"\n{name}"]
    for rival, seen in result["rivals"].items():
        if rival == UNIT and seen["state"] == "cannot":
            continue
        text.append(f"  {rival:24} {outcome(seen, rival)}")
    text += [f"  goal: {sentence(goal)}" for goal in result["goals"]]
    return text


def outcome(seen: dict[str, Any], rival: str) -> str:
    """One rival's outcome for the terminal."""
    if seen["state"] != "timed":
        return f"{seen['state']}: {seen.get('why', '')}{after(seen)}"
    parts = [f"{seen['to_nelder']:8.2f} x" if "to_nelder" in seen else " " * 10, f"{clock(seen['seconds']):>9}"]
    if "to_unit" in seen and rival != UNIT:
        parts.append(f"{seen['to_unit']:7.1f} X'X")
    parts.append(spread(seen))
    if seen.get("megabytes") is not None:
        parts.append(f"{seen['megabytes']:.0f} MB")
    if "distance" in seen:
        parts.append(f"{seen['distance']:.0e} SE away")
    if seen.get("also_loads"):
        parts.append("loads " + ", ".join(seen["also_loads"]))
    return "  ".join(parts)


def after(seen: dict[str, Any]) -> str:
    """How long a rival took for an answer that does not agree."""
    return f", after {clock(seen['longer_than'])}" if "distance" in seen and "longer_than" in seen else ""


def spread(seen: dict[str, Any]) -> str:
    """Half the range of the rounds, relative to their median."""
    if len(seen["rounds"]) == 1:
        return "one fit"
    return f"± {(max(seen['rounds']) - min(seen['rounds'])) / (2 * seen['seconds']):.0%}"


def sentence(goal: dict[str, Any]) -> str:
    """A goal and whether it is reached."""
    of, most, now = goal["of"], goal["at_most"], goal["reached"]
    show = PLAIN.get(of, lambda value: f"{value:.3g} x")
    limit = show(most) if of in PLAIN else f"{show(most)} {of}"
    if now is None or (goal["bound"] and now > most):
        return f"at most {limit}: not known"
    found = f"less than {show(now)}" if goal["bound"] else show(now)
    return f"at most {limit}: {found}, {'reached' if now <= most else 'missed'}"


def clock(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


PLAIN = {"seconds": clock, "megabytes": lambda value: f"{value:,.0f} MB"}  # goals that are not ratios


def shape_words(shape: list[int] | tuple[int, ...]) -> str:
    """1,000 x 20."""
    return " x ".join(f"{size:,}" for size in shape) + (" rows" if len(shape) == 1 else "")


def write_page(run: dict[str, Any], results: Path, docs: Path) -> str:
    """Write docs/benchmarks.md and its pictures from a run, with the newest run of the other kind beside it."""
    from pictures import draw_race, draw_scaling

    races = run if "problems" in run else newest(results, "race", run)
    curves = run if "scaling" in run else newest(results, "scaling", run)
    (docs / "images").mkdir(parents=True, exist_ok=True)
    text = [HEAD]
    if races:
        draw_race(races["problems"], docs / "images" / "benchmarks.svg")
        text += ["![Time of each rival, nelder's being 1](images/benchmarks.svg)\n", overview(races["problems"])]
        text += [section(name, result) for name, result in races["problems"].items()]
        text += [settings(races["problems"])]
    if curves:
        draw_scaling(curves["scaling"], docs / "images" / "scaling.svg")
        text += [growth(curves["scaling"])]
    text += [conditions(run)]
    page = docs / "benchmarks.md"
    page.write_text("\n".join(text), encoding="utf-8")
    return page.name


def newest(results: Path, kind: str, run: dict[str, Any]) -> dict[str, Any] | None:
    """The latest kept run of a kind, of the size and format of this one."""
    files = sorted(results.glob(f"*-{kind}-{run['size']}*.json"), key=lambda file: (file.name[:10], len(file.name)))
    kept = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return next((each for each in reversed(kept) if each["format"] == run["format"]), None)


HEAD = """# How fast nelder is

<!-- Written by `python3 dev.py bench --write-docs`: run it again rather than edit. -->

Every library fits the same data in the same run. Its answer is compared first: coefficients must agree with those of
a plain Fisher scoring, carried on to the end, within a millionth of a standard error, and standard errors within a
millionth of themselves. A library runs at the loosest of its tolerances that gets there; one that does not get there
at any is not ranked: of it is only known that it takes longer than for the nearest answer it gave, or than the time it
was given. Then all are timed in turn, round by round, each in a process of its own that has fitted this problem before,
with all cores. Seconds differ from machine to machine; the ratios are what counts.

X'X is one `X.T @ X` of the dense design by NumPy: about the least that one step of Newton's method can cost.
Distance is how far the farthest coefficient is from the reference, in standard errors; tolerance is the one it ran at.
Memory is the highest in use while fitting for the first time, less what was in use before.
"""


def overview(problems: dict[str, dict]) -> str:
    """One row a problem, one column a rival: times as multiples of nelder's."""
    names = list(dict.fromkeys(rival for result in problems.values() for rival in result["rivals"]))
    names = [name for name in names if name not in (OURS, "numpy", "nelder, first fit")]
    table = [["problem", OURS, *names]]
    for name, result in problems.items():
        table.append([f"[{name}](#{anchor(result)})", cell(result["rivals"].get(OURS), own=True)])
        table[-1] += [cell(result["rivals"].get(rival)) for rival in names]
    return f"Time of nelder, and of the others as multiples of it:\n\n{markdown(table)}"


def anchor(result: dict[str, Any]) -> str:
    """Where a section's title lies in the page."""
    kept = "".join(letter for letter in result["title"].lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def cell(seen: dict[str, Any] | None, own: bool = False) -> str:
    """A rival's time, or why there is none."""
    if seen is None or seen["state"] in ("cannot", "not installed", "not run"):
        return "–"
    if seen["state"] != "timed":
        return f"{seen['distance']:.0e} SE away" if "distance" in seen else seen["state"]
    if own:
        return clock(seen["seconds"])
    return f"{seen['to_nelder']:.3g}" if "to_nelder" in seen else clock(seen["seconds"])


COLUMNS = {
    "time": lambda seen: clock(seen["seconds"]),
    "spread": spread,
    "× nelder": lambda seen: f"{seen['to_nelder']:.3g}" if "to_nelder" in seen else "",
    "× X'X": lambda seen: f"{seen['to_unit']:.3g}" if "to_unit" in seen else "",
    "memory": lambda seen: "" if seen.get("megabytes") is None else f"{seen['megabytes']:,.0f} MB",
    "SE": lambda seen: {True: "yes", False: "no"}.get(seen.get("gives_errors"), ""),
    "tolerance": lambda seen: f"{seen['tolerance']:.0e}" if seen.get("tolerance") else "",
    "distance": lambda seen: f"{seen['distance']:.0e}" if "distance" in seen else "",
}


def section(name: str, result: dict[str, Any]) -> str:
    """One problem on the page: a table of those that were timed, in the columns that say something, and a list."""
    timed = {rival: seen for rival, seen in result["rivals"].items() if seen["state"] == "timed"}
    cells = {column: [show(seen) for seen in timed.values()] for column, show in COLUMNS.items()}
    cells = {column: values for column, values in cells.items() if any(values)}
    table = [["", *cells], *([rival, *row] for rival, *row in zip(timed, *cells.values(), strict=True))]
    shape = f"`{name}`, {shape_words(result['shape'])}. " if result["shape"] else ""
    others = [
        f"- {rival}: {seen['state']}. {quoted(seen.get('why', ''))}{after(seen)}"
        for rival, seen in result["rivals"].items()
        if seen["state"] != "timed" and not (rival == UNIT and seen["state"] == "cannot")
    ]
    ends = [f"Goal: {sentence(goal)}." for goal in result["goals"]]
    parts = [
        f"## {result['title']}",
        shape + result["about"],
        result["fair"],
        markdown(table).strip(),
        "\n".join(others),
        *ends,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def settings(problems: dict[str, dict]) -> str:
    """The options that each rival runs with."""
    options = {}
    for result in problems.values():
        options |= {rival: seen["options"] for rival, seen in result["rivals"].items() if seen.get("options")}
    return "## Options\n\n" + "".join(f"- {rival}: {words}\n" for rival, words in options.items())


def growth(curves: dict[str, dict]) -> str:
    """The exponents on the page."""
    table = [["", *curves]]
    for rival in dict.fromkeys(name for curve in curves.values() for name in curve["rivals"]):
        table.append([rival])
        for curve in curves.values():
            power = curve["rivals"].get(rival, {}).get("exponent")
            table[-1].append("" if power is None else f"{power:.2f}")
    words = "The exponent of time in rows, in columns and in threads (−1 would be perfect), on `logistic_dense`:"
    return f"## How time grows\n\n![Time against size](images/scaling.svg)\n\n{words}\n\n{markdown(table)}"


def conditions(run: dict[str, Any]) -> str:
    """What the run was made on."""
    machine = run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    memory = "" if machine["memory_gb"] is None else f", {machine['memory_gb']} GB of memory"
    return (
        f"## Conditions\n\n{run['date']}, size {run['size']}; {machine['cores']} cores{memory}, {machine['system']}; "
        f"Python {machine['python']}, BLAS {machine['blas']}; {versions}.\n"
    )


def quoted(why: str) -> str:
    """Words of an error, safe in Markdown."""
    return f"`{why.replace('`', chr(39))}`" if why else ""


def markdown(rows: list[list[str]]) -> str:
    """A table, its first row being the head."""
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]]) + "\n"
