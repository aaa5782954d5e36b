"""docs/scale.md: what was measured, and what it would come to for 1e12 rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from at_scale.beyond import beyond
from at_scale.markdown import table

HEAD = """# How far nelder goes

<!-- Written by `python3 dev.py bench scale --write-docs`: run it again rather than edit. -->

Each line is a process of its own. Peak memory is that of the process and its children together. Decoding is one pass of
the Parquet reader over all columns, row group by row group as nelder reads them, with nothing done to them: no fit of
the file can take less. It and the fit take turns, three times each, and the time in the middle is shown. Libraries are
imported before the clock runs. Answers are compared before times count, to a millionth of a standard error. Every fit
is a Poisson regression with standard errors.
"""
NAMES = {
    "nelder": "nelder, rows on disk",
    "nelder_in_memory": "nelder, rows in memory",
    "nelder_dask": "nelder on Dask, 2 local workers",
    "nelder_spark": "nelder on Spark, local[2]",
    "spark_itself": "Spark's GeneralizedLinearRegression, local[2]",
    "statsmodels": "statsmodels, in memory",
    "h2o": "H2O's GLM, 2 threads",
    "dask_glm": "dask-glm's Newton iterations, 2 local workers",
    "nelder_counted": "nelder, counted by DuckDB",
}
RIVALS = ("h2o", "dask_glm")
RUNNING = """Clusters, sessions and servers ran before the clock
did. Peak memory counts Java's processes too, and what several processes share in each of them. dask-glm has no standard
errors: its time is that of coefficients alone."""
ABSENT = """

H2O and dask-glm run where they are installed: `pip install -c constraints.txt -e '.[rivals]'` into an environment of
their own, and `python3 dev.py bench scale --rivals-python` with the Python of that."""


def write_page(run: dict[str, Any], docs: Path) -> str:
    """Write the page from a run."""
    text = [HEAD, curve(run), peers(run), counted(run), beyond(run), conditions(run)]
    (docs / "scale.md").write_text("\n".join(part for part in text if part), encoding="utf-8")
    return "scale.md"


def shown(job: dict[str, Any] | None) -> tuple[str, str]:
    """Seconds and megabytes, or why there are none."""
    if not job or job["state"] != "done":
        return (f"{job['state']}: {job.get('why', '')}" if job else "not run"), ""
    return f"{job['seconds']:.3g} s", f"{job['peak']:,.0f} MB"


def curve(run: dict[str, Any]) -> str:
    """Rows against seconds and memory."""
    rows = [["rows", "file", "decoding", "fit", "fit / decoding", "passes", "peak memory"]]
    for each in run["curve"]:
        decode, fit = each["jobs"].get("decode"), each["jobs"].get("nelder")
        both = all(job and job["state"] == "done" for job in (decode, fit))
        ratio = f"{fit['seconds'] / decode['seconds']:.1f}" if both else ""
        passes = f"{fit['passes']:.1f}" if both and fit.get("passes") else ""
        first, second = shown(decode)[0], shown(fit)
        rows.append([f"{each['rows']:,}", f"{each['bytes'] / 1e6:,.0f} MB", first, second[0], ratio, passes, second[1]])
    known = run.get("seconds_exponent"), run.get("peak_exponent")
    growth = ""
    if all(known):
        growth = (
            f"\nFrom a million rows on, seconds grow as the rows to the power {known[0]:.2f}, peak memory to the power "
            f"{known[1]:.2f}.\n"
        )
    title = f"## Rows on disk\n\n17 numbers and 2 factors, a response; blocks may take {run['memory']} of memory.\n"
    return f"{title}\n{table(rows)}{growth}"


def peers(run: dict[str, Any]) -> str:
    """Engines and others on the same file."""
    jobs = run["peers"]["jobs"]
    rows = [["who", "seconds", "peak memory", "a pass that does nothing"]]
    for name, job in jobs.items():
        empty = f"{1e3 * job['overhead']['seconds']:.1f} ms" if "overhead" in job else ""
        who = f"{NAMES.get(name, name)}{', ' + job['version'] if 'version' in job else ''}"
        rows.append([who, *shown(job), empty])
    missing = any(jobs.get(name, {"state": "not installed"})["state"] == "not installed" for name in RIVALS)
    about = f"{run['peers']['rows']:,} rows of the same table. {RUNNING}{ABSENT if missing else ''}"
    return f"\n## Engines and others\n\n{about}\n\n{table(rows)}"


def counted(run: dict[str, Any]) -> str:
    """Factors alone."""
    job = run["counted"]["jobs"].get("nelder_counted")
    if not job or job["state"] != "done":
        return ""
    seconds, peak = shown(job)
    return (
        f"\n## Factors alone\n\n{run['counted']['rows']:,} rows of 6 factors and a count: {seconds}, {peak}. "
        f"`{job['notes'][0]}`\n"
    )


def conditions(run: dict[str, Any]) -> str:
    """What it ran on."""
    about = run["machine"]
    busy = " Other work ran on it at the time." if about["busy"] and about["busy"] > about["cores"] / 4 else ""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"\n## Conditions\n\n{run['date']}: {about['cores']} cores, {about['memory_gb']} GB, {about['system']}, Python "
        f"{about['python']}; {versions}.{busy} A gigabyte on its way into a new file took {run['written']:.2f} s. Rows "
        "that memory has no room for go to such a file, so that this is part of a fit; on virtual machines that give\n"
        "freed memory back to their host it can be ten times as much.\n"
    )
