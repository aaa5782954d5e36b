"""Work on nelder. Needs Python 3.11 or newer; the rest is installed into .venv when first asked for.

    python3 dev.py demo  [...]   watch nelder fit a model
    python3 dev.py lab   [...]   open the lab in the browser, on a file if one is named
    python3 dev.py test  [...]   run the tests: -m slow, -k poisson and the like go to pytest
    python3 dev.py check [...]   lint, format, types, imports and packaging, or only those named
    python3 dev.py docs  [...]   build the documentation into build/docs
    python3 dev.py bench [...]   time nelder beside its peers
    python3 dev.py oldest [...]  run the tests with the oldest releases that pyproject.toml allows
    python3 dev.py pin           choose the newest releases and write them to constraints.txt

The words in place of [...] are passed on.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYPROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"
SCRIPTS, SUFFIX = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
OLDEST = (3, 11)

EXTRAS = {
    "demo": "files",
    "lab": "files,lab",
    "test": "test",
    "check": "check",
    "docs": "docs",
    "bench": "all,bench,spark",
}
AT_THEIR_OLDEST = ("dask", "duckdb", "files", "lab", "plot", "progress", "test")
PINNED = "all,test,check,docs,bench,spark"
PIN_HEADER = """\
# The releases nelder is developed with. Written by `python3 dev.py pin`: run it again rather than edit.
# A Python newer than these releases takes the newest ones instead.
"""
PIN_MARKER = 'python_version < "3.15"'

PROGRAMS = {
    "demo": "python -m nelder.cli demo",
    "lab": "python -m nelder.cli lab",
    "test": "python -m pytest -n auto --dist worksteal",
    "docs": "sphinx-build -q -W --keep-going docs build/docs",
    "bench": "python benchmarks/run.py",
}
CHECKS = {
    "lint": "ruff check .",
    "format": "ruff format --check .",
    "types": "mypy",
    "imports": "lint-imports",
    "packaging": "sp-repo-review --show err .",
}


def main(command="", *words):
    """Do what the command line asks; the exit code of the work."""
    if sys.version_info < OLDEST:
        sys.exit(f"nelder needs Python 3.11 or newer; this is Python {sys.version.split()[0]}.")
    if command == "pin":
        return pin()
    if command == "oldest":
        return oldest(*words)
    if command not in EXTRAS:
        print(__doc__)
        return 0 if command in ("-h", "--help", "help") else 2
    provide(command)
    return check(*words) if command == "check" else run(*PROGRAMS[command].split(), *words)


def check(*names):
    """Run every check, or those named; show what the failing ones said."""
    unknown = set(names) - set(CHECKS)
    if unknown:
        sys.exit(f"No check is called {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}.")
    failed = 0
    for name in names or CHECKS:
        program, *words = CHECKS[name].split()
        done = quietly(VENV, program, *words)
        print(f"{'FAIL' if done.returncode else 'pass'}  {name:9}  {CHECKS[name]}", flush=True)
        if done.returncode:
            failed += 1
            print(f"\n{done.stdout}{done.stderr}")
    return 1 if failed else 0


def pin():
    """Install the newest releases into a fresh environment and write down which they are."""
    if sys.version_info[:2] != OLDEST:
        sys.exit("Pin with Python 3.11: releases chosen there suit every supported Python.")
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder)
        make(venv)
        problem = install(venv, PINNED)
        if problem:
            sys.exit(problem)
        freeze = quietly(venv, "python", "-m", "pip", "freeze", "--exclude-editable")
        freeze.check_returncode()
    pins = sorted(freeze.stdout.splitlines(), key=lambda pin: pin.lower().split("=="))
    CONSTRAINTS.write_text(PIN_HEADER + "".join(f"{pin}; {PIN_MARKER}\n" for pin in pins))
    print(f"{len(pins)} releases are pinned in constraints.txt.")
    return 0


def oldest(*words):
    """Test with the oldest releases that pyproject.toml allows, in a fresh environment; newer ones of what these need
    themselves may warn of them.
    """
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for name in AT_THEIR_OLDEST for each in extras[name])]
    with tempfile.TemporaryDirectory() as folder:
        venv, pins = Path(folder) / "venv", Path(folder) / "oldest.txt"
        pins.write_text("".join(each.replace(">=", "==") + "\n" for each in wanted if ">=" in each))
        make(venv)
        problem = install(venv, "test", "-c", str(pins))
        if problem:
            sys.exit(problem)
        return run(*PROGRAMS["test"].split(), "-W", "ignore::DeprecationWarning", *words, venv=venv)


def provide(command):
    """Have .venv ready for a command; instant if nothing has changed since it was last made ready.

    The file `whole` is absent while pip works, so an environment left half-made by an interrupt is made anew.
    """
    maker = f"{sys.version} {sys.base_prefix} {ROOT}"
    recipe = maker.encode() + PYPROJECT.read_bytes() + CONSTRAINTS.read_bytes() + EXTRAS[command].encode()
    wanted = hashlib.sha256(recipe).hexdigest()
    whole, stamp = VENV / "whole", VENV / f"ready-to-{command}"
    if read(whole) != maker or not os.path.exists(script(VENV, "python")):
        make(VENV)
    elif read(stamp) == wanted:
        return
    whole.unlink(missing_ok=True)
    problem = install(VENV, EXTRAS[command], "-c", str(CONSTRAINTS))
    whole.write_text(maker)  # also when pip gave up: it leaves things as they were
    if problem:
        sys.exit(problem)
    stamp.write_text(wanted)


def make(venv):
    """Make a new environment, in place of any that is there."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit("This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv")
    import venv as builder

    shutil.rmtree(venv, ignore_errors=True)
    builder.create(venv, with_pip=True)


def install(venv, extras, *options):
    """Install nelder, editable, with its extras; what to tell the user if that failed, else nothing."""
    name = f"nelder[{extras}]" if extras else "nelder"
    print(f"Installing {name} (a minute or two) ...", file=sys.stderr, flush=True)
    pip = ["-m", "pip", "install", "--disable-pip-version-check", "-q", *options]
    done = quietly(venv, "python", *pip, "-e", f".[{extras}]" if extras else ".")
    if not done.returncode:
        return ""
    said = "\n".join(f"{done.stdout}{done.stderr}".strip().splitlines()[-16:])
    return f"{said}\n\npip could not install {name}. If the network was away, run it again when it is back."


def run(program, *words, venv=VENV):
    """Run a program of an environment and wait for it, also after Ctrl-C; its exit code."""
    process = subprocess.Popen([script(venv, program), *words], cwd=ROOT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def quietly(venv, program, *words):
    """Run a program of an environment to its end, keeping what it says."""
    command = [script(venv, program), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def script(venv, name):
    return str(venv / SCRIPTS / (name + SUFFIX))


def read(path):
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
