"""The rules of the house, read off the source: see CONTRIBUTING.md."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nelder

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "nelder"

MODULE_LINES = 400
LONGER = {"nelder.fit": 455}  # a list of doors, six lines each, and nothing else
BODY_LINES = 40
PARAMETERS = 5
WIDER = {"nelder.model.glm": 13, "nelder.model.glm_fit": 12}
DOCSTRING_SHARE = 0.35  # of the lines of a module that has more than SHORT
SHORT = 60
FORBIDDEN = {"core", "utils", "helpers", "common"}
LAZY = {"scipy", "pandas", "matplotlib", "formulaic", "pyarrow"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef


class Module:
    """A source file, its lines and its syntax tree."""

    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        self.parts = [part for part in parts if part != "__init__"]
        self.name = ".".join(self.parts)
        self.lines = text.count("\n")
        self.tree = ast.parse(text)
        self.functions = [node for node in ast.walk(self.tree) if isinstance(node, Function)]


def docstring(node):
    """The docstring of a node as a statement, or None."""
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())) as first, *_]:
            return first
    return None


def length(first, last):
    return last.end_lineno - first.lineno + 1


def long_modules(module):
    allowed = LONGER.get(module.name, MODULE_LINES)
    if module.lines > allowed:
        yield f"{module.name} has {module.lines} lines, allowed are {allowed}"


def long_functions(module):
    for function in module.functions:
        body = function.body[1:] if docstring(function) else function.body
        if body and length(body[0], body[-1]) > BODY_LINES:
            lines = length(body[0], body[-1])
            yield f"{module.name}.{function.name} has {lines} lines, allowed are {BODY_LINES}"


def wide_functions(module):
    for function in module.functions:
        name, given = f"{module.name}.{function.name}", function.args
        names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        allowed = WIDER.get(name, PARAMETERS)
        if count > allowed:
            yield f"{name} takes {count} parameters, allowed are {allowed}"


def open_ended_functions(module):
    for function in module.functions:
        if function.args.kwarg:
            yield f"{module.name}.{function.name} takes **{function.args.kwarg.arg}: name what it takes"


def vague_names(module):
    for part in FORBIDDEN.intersection(module.parts):
        yield f"{module.name}: {part!r} says nothing; name what is in it"


def missing_docstrings(module):
    """Public functions and classes, and the methods of classes that have no base to inherit words from."""
    scopes = [(module.name, module.tree)]
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not node.bases:
            scopes.append((f"{module.name}.{node.name}", node))
    for where, scope in scopes:
        for node in scope.body:
            public = isinstance(node, Documented) and not node.name.startswith("_")
            if public and not docstring(node) and not is_variant(node):
                yield f"{where}.{node.name} has no docstring"


def is_variant(node):
    """Whether a function is an overload or a property's setter: its words stand elsewhere."""
    return any(ast.unparse(each).endswith(("overload", ".setter")) for each in node.decorator_list)


def wordy_modules(module):
    nodes = [module.tree, *(node for node in ast.walk(module.tree) if isinstance(node, Documented))]
    words = sum(length(text, text) for text in map(docstring, nodes) if text)
    if module.lines > SHORT and words > DOCSTRING_SHARE * module.lines:
        share = f"{words} of {module.lines} lines"
        yield f"{module.name}: {share} are docstrings, allowed are {DOCSTRING_SHARE:.0%}"


RULES = [
    long_modules,
    long_functions,
    wide_functions,
    open_ended_functions,
    vague_names,
    missing_docstrings,
    wordy_modules,
]


@pytest.fixture(scope="module")
def modules():
    return [Module(path) for path in sorted(SOURCE.rglob("*.py"))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source_keeps(rule, modules):
    assert modules
    findings = [finding for module in modules for finding in rule(module)]
    assert not findings, "\n" + "\n".join(findings)


def shell_commands(text):
    """The commands in the first shell block of a Markdown text, without comments and prompts."""
    block = re.search(r"^```(?:sh|shell|bash|console)\n(.*?)^```", text, re.M | re.S)
    lines = [line.split("#")[0].strip().removeprefix("$ ") for line in block[1].splitlines()] if block else []
    return [line for line in lines if line]


def test_readme_opens_with_two_commands():
    commands = shell_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert commands == ["python3 dev.py demo", "python3 dev.py test"]


def test_ci_runs_the_test_command_of_the_readme():
    assert "python3 dev.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_constraints_hold_releases_only():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in pins
    loose = [line for line in pins.splitlines() if not re.match(r"#|[\w.-]+==[\w.]+(; |$)", line)]
    assert not loose


def test_public_names_are_sorted_and_resolve():
    assert list(nelder.__all__) == sorted(set(nelder.__all__))
    missing = [name for name in nelder.__all__ if not hasattr(nelder, name)]
    assert not missing


def test_import_is_light():
    program = "import sys, nelder; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert not LAZY.intersection(loaded.split())
