"""nelder beside its peers: the same data, answers compared before any time counts, times as ratios.

    python3 dev.py bench                      every problem at its full size, within half an hour
    python3 dev.py bench --quick              every problem at a tenth of its size or less
    python3 dev.py bench --only logistic      the problems whose name contains this
    python3 dev.py bench --rivals nelder glum only these, and the unit X.T @ X
    python3 dev.py bench --scaling            how nelder's time grows with rows, columns and threads
    python3 dev.py bench --write-docs         also write docs/benchmarks.md and its pictures
    python3 dev.py bench scale                tables in files: seconds, memory, engines; `bench scale --help` says more
    python3 dev.py bench --from FILE --write-docs   write them from an earlier run

Each run is kept as JSON in benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from machine import describe
from memory import physical
from problems import PROBLEMS
from race import Rules, race, with_ratios, within
from rivals import OURS, RIVALS, UNIT
from scaling import scale
from words import goals, lines, write_page

HERE = Path(__file__).parent
FORMAT = 2  # of the files in results: raise it when what they hold changes


def main(*words: str) -> None:
    """Run, print, and keep."""
    options = read(words)
    if options.earlier:
        run = json.loads(Path(options.earlier).read_text(encoding="utf-8"))
        if run.get("format") != FORMAT:
            sys.exit(f"{options.earlier} has format {run.get('format')}; this program writes and reads {FORMAT}")
    else:
        run = {"format": FORMAT, "date": date.today().isoformat(), "size": options.size, "machine": describe()}
        if run["machine"]["busy"] and run["machine"]["busy"] > run["machine"]["cores"] / 4:
            print("Other work runs on this machine: the ratios below are rough.\n")
        if options.scaling:
            run["scaling"] = scale(rules_of(options), options.size)
        else:
            run["problems"] = race_all(options)
        print(f"\nKept in {keep(run, options)}")
    if options.write_docs:
        print(f"Written: {write_page(run, Path(options.results), Path(options.docs))}")


def read(words: tuple[str, ...]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--size", choices=("full", "quick", "tiny"), default="full")
    sizes.add_argument("--quick", dest="size", action="store_const", const="quick")
    parser.add_argument("--only", default="", metavar="NAME", help="problems whose name contains this")
    parser.add_argument("--rivals", nargs="+", choices=list(RIVALS), metavar="NAME", help="of: " + ", ".join(RIVALS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=28.0, help="for the whole run")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for a rival to reach its answer")
    parser.add_argument("--memory", type=float, default=0.75 * (physical() or 8.0), help="gigabytes for each rival")
    parser.add_argument("--threads", type=int, default=0, help="cores for each rival; all by default")
    parser.add_argument("--scaling", action="store_true", help="curves in n, p and threads instead of the problems")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md and its pictures")
    parser.add_argument("--from", dest="earlier", metavar="FILE", help="take the results of an earlier run")
    parser.add_argument("--results", default=str(HERE / "results"), help="where runs are kept")
    parser.add_argument("--docs", default=str(HERE.parent / "docs"), help="where the page is written")
    options = parser.parse_args(words)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if not any(options.only in name for name in PROBLEMS):
        parser.error(f"no problem's name contains {options.only!r}; there are {', '.join(PROBLEMS)}")
    return options


def rules_of(options: argparse.Namespace) -> Rules:
    """Who runs and how; the unit always does."""
    wanted = options.rivals or ([OURS] if options.scaling else list(RIVALS))
    return Rules(
        tuple(name for name in RIVALS if name in wanted or name == UNIT),
        options.rounds,
        options.limit,
        options.memory,
        options.threads,
        0.1 if options.size == "full" else 0.02,
    )


def race_all(options: argparse.Namespace) -> dict[str, Any]:
    """Every problem that is wanted, each with its share of the time that is left."""
    rules, results = rules_of(options), {}
    names = [name for name in PROBLEMS if options.only in name]
    end = time.monotonic() + 60 * options.minutes
    print("Times are multiples of nelder's in the same rounds: above 1 slower, below 1 faster.")
    for position, name in enumerate(names):
        problem, shape = PROBLEMS[name], PROBLEMS[name].SIZES[options.size]
        share = (end - time.monotonic()) / (len(names) - position)
        if hasattr(problem, "measure"):
            rivals = with_ratios(problem.measure(rules.rounds, [rival.split()[0] for rival in rules.rivals]))
        else:
            rivals = race(lambda problem=problem, shape=shape: problem.make(*shape), within(rules, share))
        about = {"title": problem.TITLE, "about": " ".join(problem.__doc__.split()), "fair": problem.FAIR}
        results[name] = {**about, "shape": shape, "rivals": rivals}
        results[name]["goals"] = goals(problem.GOALS, rivals)
        print("\n".join(lines(name, results[name])), flush=True)
    return results


def keep(run: dict[str, Any], options: argparse.Namespace) -> str:
    """Write a run down; the file's name."""
    folder = Path(options.results)
    folder.mkdir(parents=True, exist_ok=True)
    kind = "scaling" if "scaling" in run else "race"
    file = folder / f"{run['date']}-{kind}-{run['size']}.json"
    number = 1
    while file.exists():
        number += 1
        file = folder / f"{run['date']}-{kind}-{run['size']}-{number}.json"
    file.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    return file.name


if __name__ == "__main__":
    if sys.argv[1:2] == ["scale"]:
        from at_scale.run import main as at_scale

        at_scale(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
