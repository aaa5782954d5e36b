"""The command line: nelder fit | explain | predict | demo | lab."""

from __future__ import annotations

import argparse
import csv
import difflib
import io
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from nelder.fit import Fit

EPILOG = "Formulas are R's: 'claims ~ area + bs(age, df=5) + offset(log(exposure))'. Put them in quotes."
DATA = "a .csv, .tsv or .parquet file, a folder of them, or a pattern in quotes, such as 'claims/*.parquet'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, 1 for a fit that did not converge, 2 for an error and 130 for Ctrl-C."""
    from nelder.errors import NelderError

    _open_output()
    parser, commands = _parser()
    options, left = parser.parse_known_args(arguments)
    if left:
        _refuse_words(commands.get(options.command, parser), left)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # here, where it can still be said that the disk is full
        return code
    except NelderError as problem:
        print(f"nelder: {one_line(str(problem))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _silence()  # whoever read our output has had enough
        return 141
    except OSError as problem:
        print(f"nelder: {problem.filename or 'output'}: {problem.strerror or problem}", file=sys.stderr)
        if problem.filename is None:
            _silence()
        return 2
    except KeyboardInterrupt:
        print("nelder: interrupted", file=sys.stderr)
        return 130


def _open_output() -> None:
    """Let the output take every text: letters its encoding lacks, as φ in Windows-1252, are written by their codes."""
    if sys.stdout is None:  # closed by whoever started us: files are written all the same
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  it is open for as long as we are
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence() -> None:
    """Let nothing more be said on the output that failed, at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_words(command: argparse.ArgumentParser, words: Sequence[str]) -> NoReturn:
    """Say which words a command does not know, and which of its options is the nearest."""
    # argparse tells its options nowhere but here
    known = [name for name in command.format_usage().replace("[", " ").replace("]", " ").split() if name[0] == "-"]
    given = next((word.partition("=")[0] for word in words if word.startswith("-")), "")
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    command.error(f"unrecognized arguments: {' '.join(words)}" + (f"; did you mean {near[0]}?" if near else ""))


def harmless(text: str) -> str:
    """A text without the control characters of names, which a terminal would obey, but for its ends of lines."""
    from nelder.table import UNSEEN

    return text.translate({code: shown for code, shown in UNSEEN.items() if code != ord("\n")})


def one_line(text: str) -> str:
    """A message on one line, without the control characters that a strange file may have put into it."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """All commands, and each by its name."""
    parser = argparse.ArgumentParser(
        prog="nelder", description="Generalized linear models by maximum likelihood.", epilog=EPILOG
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="fit | explain | predict | demo | lab")
    _add_fit(commands)
    _add_explain(commands)
    predict = commands.add_parser("predict", help="predict from a saved fit at the rows of a file")
    predict.add_argument("fit", help="a fit saved by nelder fit --save")
    predict.add_argument("data", help=f"{DATA}, with the fit's columns")
    predict.add_argument(
        "-o", "--output", metavar="OUT", help="a .csv file, or a .parquet one of any size; the screen by default"
    )
    predict.add_argument(
        "--kind", default="response", help="response (default), the mean, or link, the linear predictor"
    )
    predict.add_argument(
        "--interval", action="store_true", help="add the linear predictor's standard error, and the interval"
    )
    predict.add_argument("--level", type=float, default=0.95, help="confidence level (default 0.95)")
    predict.set_defaults(run=run_predict)
    demo = commands.add_parser("demo", help="fit a bundled table, step by step, and again by gradient descent")
    demo.set_defaults(run=run_demo)
    lab = commands.add_parser("lab", help="open a page in the browser, on this machine only, to fit models and watch")
    lab.add_argument(
        "data", nargs="?", help="a .csv, .tsv or .parquet file to begin with; without it, a textbook problem"
    )
    lab.add_argument("--port", type=int, help="the port to serve on (the first free one from 2718 by default)")
    lab.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    lab.set_defaults(run=run_lab)
    return parser, commands.choices


def _add_fit(commands: Any) -> None:
    fit = commands.add_parser("fit", help="fit a formula to CSV or Parquet files and print the summary", epilog=EPILOG)
    fit.add_argument("data", help=DATA)
    fit.add_argument("formula", help="such as 'y ~ x1 + x2'")
    _add_model(fit)
    fit.add_argument(
        "--level", type=float, default=0.95, help="confidence level of the printed intervals (default 0.95)"
    )
    fit.add_argument(
        "--covariance", help="standard errors by HC0, HC1, HC2, HC3, HAC, observed or expected information"
    )
    fit.add_argument("--relativities", action="store_true", help="print exp(coefficients) too, with the base levels")
    fit.add_argument("--anova", metavar="TYPE", help="print the analysis of deviance too, of type 1, 2 or 3")
    fit.add_argument("--check", action="store_true", help="print what the checks of the model say")
    fit.add_argument("--explain", action="store_true", help="print what happened and what to do, in plain words")
    fit.add_argument("--trace", action="store_true", help="print every step after the summary")
    fit.add_argument("--save", metavar="FIT.json", help="write the fit, without the data")
    fit.add_argument("--report", metavar="FIT.html", help="write one page with pictures and a replay of the steps")
    fit.set_defaults(run=run_fit)


def _add_explain(commands: Any) -> None:
    explain = commands.add_parser("explain", help="say what happens in a fit and what to do about it", epilog=EPILOG)
    explain.add_argument("data", help=f"{DATA}; or a fit saved by nelder fit --save")
    explain.add_argument("formula", nargs="?", help="such as 'y ~ x1 + x2'; none for a saved fit")
    _add_model(explain)
    explain.set_defaults(run=run_explain)


def _add_model(fit: argparse.ArgumentParser) -> None:
    fit.add_argument(
        "--family", default="gaussian", help="gaussian (default), binomial, poisson, 'negative_binomial(2)', …"
    )
    fit.add_argument("--link", help="the family's own by default; log, logit, 'power(0.5)', …")
    fit.add_argument("--offset", help="an expression on the columns, such as 'log(exposure)'")
    fit.add_argument("--weights", help="an expression on the columns: prior weights, such as the trials of proportions")
    fit.add_argument("--frequency", help="an expression: how many identical observations each row stands for")
    fit.add_argument(
        "--solver", default="auto", help="auto (default), closed_form, irls, newton, lbfgs, 'gradient_descent(1e-3)', …"
    )
    fit.add_argument("--missing", default="drop", help="drop (default) rows with missing values, or error")


def _version() -> str:
    from nelder import __version__

    return f"nelder {__version__}"


def run_fit(options: argparse.Namespace) -> int:
    """nelder fit."""
    _refuse_early(options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the summary says them
        fit = _fitted(options)
        if options.covariance is not None:
            fit = fit.with_covariance(options.covariance)
        pages: list[object] = [fit.summary(options.level)]
        if options.relativities:
            pages.append(fit.relativities(options.level))
        if options.anova is not None:
            pages.append(fit.anova(options.anova))
        if options.check:
            pages.append(fit.check())
        if options.explain:
            pages.append(fit.explain())
    if options.trace:
        pages.append(fit.trace)
    try:
        print(harmless("\n\n".join(map(str, pages))))
    finally:  # a reader who has had enough, as head, does not cost the fit
        _keep(fit, options)
    return 0 if fit.converged else 1


def _refuse_early(options: argparse.Namespace) -> None:
    """Raise what a finished fit could not be printed, tested or written for, before it is made."""
    from nelder.errors import InputError
    from nelder.inference.comparisons.anova import kind_of
    from nelder.inference.covariances.covariance import COVARIANCES
    from nelder.inference.covariances.sandwich import Covariance
    from nelder.inference.wald import checked_level
    from nelder.names import resolve
    from nelder.sources.paths import files_of, refuse_over
    from nelder.writing import refuse_unwritable

    targets = [path for path in (options.save, options.report) if path is not None]
    for target in targets:
        refuse_unwritable(target)
    if len(set(map(os.path.realpath, targets))) < len(targets):
        raise InputError(f"--save {options.save} and --report {options.report} are one file: name two")
    refuse_over(targets, files_of(options.data).paths)
    checked_level(options.level)
    if options.anova is not None:
        kind_of(options.anova, "--anova")
    if options.covariance is not None:
        resolve("covariance", COVARIANCES, options.covariance, Covariance)


def _keep(fit: Fit, options: argparse.Namespace) -> None:
    if options.save is not None:
        fit.save(options.save)
    if options.report is not None:
        fit.report(options.report, options.level)
    if options.save is not None:
        print(f"\nSaved to {options.save}; predict with: nelder predict {options.save} NEW.csv")
    if options.report is not None:
        print(f"\nReport written to {options.report}")


def _fitted(options: argparse.Namespace) -> Fit:
    from nelder.errors import InputError
    from nelder.model import glm
    from nelder.observations import frequency
    from nelder.watchers import progress

    if options.frequency is not None and options.weights is not None:
        raise InputError(
            f"--weights {options.weights} and --frequency {options.frequency} both weigh the rows: give one of them"
        )
    return glm(
        options.formula,
        options.data,
        family=options.family,
        link=options.link,
        weights=options.weights if options.frequency is None else frequency(options.frequency),
        offset=options.offset,
        solver=options.solver,
        missing=options.missing,
        watch=progress(),
    )


def run_explain(options: argparse.Namespace) -> int:
    """nelder explain."""
    from nelder.errors import InputError
    from nelder.saving import load

    if options.formula is None and not options.data.endswith(".json"):
        raise InputError(f"explain {options.data!r} needs a formula, such as 'y ~ x1 + x2', or a saved fit, FIT.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the explanation says them
        fit = load(options.data) if options.formula is None else _fitted(options)
    print(harmless(str(fit.explain())))
    return 0 if fit.converged else 1


def run_predict(options: argparse.Namespace) -> int:
    """nelder predict."""
    from nelder.inference.wald import checked_level
    from nelder.saving import load
    from nelder.sources.paths import files_of, refuse_over
    from nelder.writing import write_whole

    checked_level(options.level)
    fit = load(options.fit)
    refuse_over(filter(None, [options.output]), [options.fit, *files_of(options.data).paths])
    interval = "confidence" if options.interval else None
    if options.output is not None and options.output.lower().endswith(".parquet"):
        from nelder.inference.predictions.prediction import Request
        from nelder.inference.predictions.written import predict_to

        with _warnings_told():
            rows = predict_to(fit, options.output, options.data, Request(options.kind, interval, options.level))
        print(f"{rows:,} predictions written to {options.output}")
        return 0
    with _warnings_told():
        predicted: Any = fit.predict(options.data, options.kind, interval, options.level)
    columns = predicted.to_dict() if interval else {"fit": predicted.tolist()}
    if options.output is None:
        _write(columns, sys.stdout)
        return 0
    lines = io.StringIO()
    _write(columns, lines)
    write_whole(options.output, lines.getvalue())
    print(f"{len(columns['fit'])} predictions written to {options.output}")
    return 0


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Say each warning in a line of its own, as errors are said."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        yield
    for sentence in dict.fromkeys(one_line(str(warning.message)) for warning in heard):
        print(f"nelder: warning: {sentence}", file=sys.stderr)


def _write(columns: dict[str, list[Any]], lines: Any) -> None:
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        ["" if math.isnan(value) else repr(value) for value in row] for row in zip(*columns.values(), strict=True)
    )


def run_demo(options: argparse.Namespace) -> int:
    """nelder demo."""
    from nelder.demonstration import demonstrate

    demonstrate()
    return 0


def run_lab(options: argparse.Namespace) -> int:
    """nelder lab."""
    from nelder.lab import Opening, open_lab

    return open_lab(Opening(options.data, options.port, not options.no_browser))


if __name__ == "__main__":
    sys.exit(main())
