"""The lab without its page: choices become code, the code gives the same fit, and what cannot be done is said."""

import ast
import asyncio
import io
import re
import socket
import time
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import nelder as nd
from nelder.errors import MissingExtraError
from nelder.lab import page, pictures, server, views
from nelder.lab.choices import OWN, Choices, family_names, formula_from, link_names, planned
from nelder.lab.jobs import MOST, Job, Watching, stop_all
from nelder.lab.tables import BUNDLED, LARGEST, bundled, dropped, opened
from nelder.trace import Record
from nelder.watchers import Progress

CSV = b"x,group,y\n1,a,2.5\n2,b,3.5\n3,a,6\n4,b,7.5\n5,a,11\n6,b,12\n"


def run(table, choices):
    """The run of some choices, when it is over."""
    begun = page.Desk().begin(table, {"fit": choices})
    assert begun.job.wait(60)
    return begun


def shown(table, choices=None):
    found = run(table, choices or table.choices).shown
    assert found is not None
    return found


def by_code(code, capsys):
    """The fit that a program makes, which also prints it."""
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        exec(compile(code, "shown", "exec"), names)
    assert "Generalized linear model" in capsys.readouterr().out
    return names["fit"]


# Code


@pytest.mark.parametrize("name", BUNDLED)
def test_the_code_of_every_table_gives_the_fit_that_is_shown(name, capsys):
    made = shown(bundled(name))
    again = by_code(made.plan.code, capsys)
    assert np.array_equal(again.coef, made.fit.coef) and np.array_equal(again.se, made.fit.se)
    assert again.steps == made.fit.steps and again.deviance == made.fit.deviance


@pytest.mark.parametrize(
    "choices",
    [
        Choices("y ~ x", solver="irls"),
        Choices("y ~ x + group", "gamma", "log"),
        Choices(" y  ~ x\n+ C(group) ", "gaussian", OWN, "lbfgs", rate="ignored"),
        Choices("y ~ x", solver="gradient_descent", rate="1e-2", epochs="40", start="0"),
        Choices("y ~ x", solver="gradient_descent", rate="0.01", epochs="4e1", start="1; -2"),
        Choices("y ~ x", solver="gradient_descent", start=""),
        Choices("y ~ 1", solver="stochastic_gradient_descent", rate="0.001", epochs="30", start="3"),
        Choices("y ~ x", solver="gradient_descent", rate="1.0", epochs="90", start="0"),
    ],
    ids=lambda choices: f"{choices.solver}-{choices.start}",
)
def test_the_code_of_choices_gives_the_fit_that_is_shown(choices, tmp_path, monkeypatch, capsys):
    (tmp_path / 'my "own" data.csv').write_bytes(CSV)
    monkeypatch.chdir(tmp_path)
    made = shown(dropped('my "own" data.csv', CSV), choices)
    again = by_code(made.plan.code, capsys)
    assert np.array_equal(again.coef, made.fit.coef)
    assert again.steps == made.fit.steps and again.reason == made.fit.reason


def test_one_start_stands_for_every_coefficient():
    table = dropped("d.csv", CSV)
    plan = planned(Choices("y ~ x + group", solver="gradient_descent", start="0.5"), table.source, "d")
    assert plan.solver.start == [0.5] * 3 and "start=[0.5] * 3" in plan.code


def test_what_a_solver_does_not_use_does_not_count():
    assert Choices("y ~ x", rate="3", epochs="2", start="1").settled() == Choices("y ~ x")
    descent = Choices("y ~ x", solver="gradient_descent", rate="3")
    assert descent.settled() == descent


def test_nothing_that_is_typed_becomes_code():
    table = dropped("d.csv", CSV)
    evil = 'y ~ x"); import os; os.system("touch evil'
    plan = planned(Choices(evil), table.source, '"d.csv"')
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(plan.code)) if isinstance(node, ast.Call)]
    assert sorted(calls) == ["fit.explain", "fit.summary", "nd.glm", "print", "print"]


def test_formulas_name_columns_as_they_are():
    assert formula_from("y", []) == "y ~ 1"
    assert formula_from("sum insured", ["x", "2nd", "naïve"]) == "`sum insured` ~ x + `2nd` + naïve"
    with pytest.raises(nd.InputError, match="rename it"):
        formula_from("a`b", [])


def test_menus_offer_what_needs_no_arguments():
    assert {"gaussian", "binomial", "poisson"} <= set(family_names())
    assert link_names()[0] == OWN and "log" in link_names() and "power" not in link_names()


# What cannot be done


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (Choices("y"), "no response"),
        (Choices("y ~ z"), "unknown column 'z'"),
        (Choices("y ~ open('x')"), "open"),
        (Choices("y ~ __import__('os').system('id')"), "cannot read the formula"),
        (Choices("y ~ x.__class__"), "__class__"),
        (Choices("y ~ x", "poison"), "did you mean 'poisson'"),
        (Choices("group ~ x"), "group"),
        (Choices("y ~ x", solver="gradient_descent", rate="fast"), "rate 'fast' is not a number"),
        (Choices("y ~ x", solver="gradient_descent", rate="-1"), "positive"),
        (Choices("y ~ x", solver="gradient_descent", rate="nan"), "not a number"),
        (Choices("y ~ x", solver="gradient_descent", epochs="0"), "1 or more"),
        (Choices("y ~ x", solver="gradient_descent", epochs="1e9"), "at most 1,000,000"),
        (Choices("y ~ x", solver="gradient_descent", start="1, 2, 3"), "it needs 2"),
        (Choices("y ~ x", solver="__class__"), "unknown solver"),
    ],
)
def test_what_cannot_be_fitted_is_said(choices, words):
    begun = run(dropped("d.csv", CSV), choices)
    assert begun.shown is None
    assert words in begun.job.refusals["fit"]
    assert words.replace("'", "&#x27;") in page.headline(begun, begun, choices)


@pytest.mark.parametrize(
    ("name", "contents", "words"),
    [
        ("d.csv", b"", "'d.csv' cannot be read as CSV"),
        ("d.csv", b"a,b\n", "nothing to fit"),
        ("d.csv", b"a,b\n1,2\n3\n", "'d.csv' cannot be read as CSV"),
        ("d.csv", b"a\nx\ny\n", "no numeric column"),
        ("d.parquet", b"not parquet", "'d.parquet' cannot be read as Parquet"),
        ("d.xlsx", CSV, ".csv, .tsv and .parquet"),
        ("", CSV, ".csv, .tsv and .parquet"),
        ("d.csv", b"\xff\xfe\x00x,\xd8\n\x00", "d.csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(name, contents, words):
    with pytest.raises(nd.DataError) as refused:
        dropped(name, contents)
    assert words in str(refused.value)
    assert "/tmp" not in str(refused.value) and "nelder-lab-" not in str(refused.value)


def test_a_file_that_is_too_large_is_refused():
    class Large(bytes):
        def __len__(self):
            return LARGEST + 1

    with pytest.raises(nd.DataError, match="nelder lab DATA"):
        dropped("d.csv", Large())


def test_a_refused_file_leaves_the_table_in_place():
    class File:
        name, contents = "d.csv", b"a\nx\n"

    before = page.begun("")
    after = page.dropped_on([File], before)
    assert after.table is before.table and "no numeric column" in after.refusal
    assert "no numeric column" in page.table_words(after)
    assert page.begun("no such file.csv").refusal and page.begun("no such file.csv").table.title == before.table.title


# Tables


def test_files_stay_on_the_menu(tmp_path):
    class File:
        name, contents = "a/../d.csv", CSV

    chosen = page.dropped_on([File], page.begun(""))
    assert chosen.table.title == "d.csv"
    other = page.picked(BUNDLED["ships"].title, chosen)
    assert other.table.title == BUNDLED["ships"].title and "d.csv" in other.menu
    assert page.picked("d.csv", other).table is chosen.table
    assert page.dropped_on([], other) is other


def test_parquet_and_csv_give_the_same(tmp_path):
    columns = {"x": [1.0, 2.0, 3.0, 4.0], "y": [1, 0, 2, 5]}
    lines = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), lines)
    (tmp_path / "d.parquet").write_bytes(lines.getvalue())
    for table in (dropped("d.parquet", lines.getvalue()), opened(tmp_path / "d.parquet")):
        assert table.choices == Choices("y ~ x", "poisson")
        np.testing.assert_allclose(shown(table).fit.coef, nd.glm("y ~ x", columns, "poisson").coef, rtol=1e-12)


def test_a_column_that_cannot_be_used_is_left_out_and_said():
    table = dropped("d.csv", b"x,when,a`b,y\n1,2020-01-01,3,4\n2,2020-01-02,4,6\n3,2020-01-03,1,7\n")
    assert list(table.columns) == ["x", "y"] and set(table.refused) == {"when", "a`b"}
    words = page.table_words(page.Chosen(table))
    assert "2 cannot be used" in words and "<code>when</code>" in words


@pytest.mark.parametrize(
    ("values", "family"),
    [("0 1 1 0", "binomial"), ("0 2 1 5", "poisson"), ("0 2 1.5 5", "gaussian"), ("-1 0 1 2", "gaussian")],
)
def test_the_family_to_begin_with_suits_the_response(values, family):
    rows = "\n".join(f"{k},{value}" for k, value in enumerate(values.split()))
    assert dropped("d.csv", f"x,y\n{rows}\n".encode()).choices.family == family


def test_the_textbook_problems_come_with_their_truth():
    for name in ("line", "yes_no", "counts"):
        made = shown(bundled(name))
        true = np.array([made.known[term] for term in made.fit.names])
        assert made.fit.converged
        assert np.abs((np.asarray(made.fit.coef) - true) / np.asarray(made.fit.se)).max() < 4
        assert "The coefficients that made these data" in views.numbers_page(made)
    assert shown(bundled("line"), Choices("y ~ 1")).known == {}


def test_fields_follow_the_table_until_they_are_changed():
    table = bundled("ships")
    assert page.formula_of(table, table.response, table.terms) == BUNDLED["ships"].choices.formula
    assert page.formula_of(table, "incidents", ["type"]) == "incidents ~ type"
    assert page.family_of(table, "incidents") == "poisson" and page.family_of(table, "service") == "poisson"


# Jobs


def slow_plan():
    table = bundled("counts")
    choices = Choices(table.choices.formula, "poisson", OWN, "gradient_descent", "1e-9", "1000000", "0")
    return table, choices


def test_a_long_fit_is_seen_and_stopped():
    table, choices = slow_plan()
    desk = page.Desk()
    begun = desk.begin(table, {"fit": choices})
    assert not begun.done
    deadline = time.monotonic() + 30
    while not begun.job.told.words and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = page.running([begun, None])
    assert "Running." in seen and "step " in seen and "<svg" in seen
    desk.stop()
    assert begun.job.wait(20)
    fit = begun.shown.fit
    assert not fit.converged and fit.reason == "interrupted" and len(fit.trace) > 1
    assert page.running([begun]) == "" and "interrupted" in page.headline(begun, begun, choices)


def test_a_new_fit_stops_the_one_before():
    table, choices = slow_plan()
    desk = page.Desk()
    first = desk.begin(table, {"fit": choices})
    second = desk.begin(table, {"fit": Choices("count ~ x1", "poisson")})
    assert first.job.wait(20) and second.job.wait(20)
    assert second.shown.fit.converged


def test_all_that_runs_can_be_stopped():
    table, choices = slow_plan()
    begun = [page.Desk().begin(table, {"fit": choices}) for _ in range(2)]
    assert not any(run.done for run in begun)
    assert stop_all(20.0) and all(run.done for run in begun)
    assert stop_all(0.0)


def test_the_steps_of_a_running_fit_are_thinned():
    job = Job({})
    watching = Watching(job, Progress(None))
    for step in range(10_000):
        watching(Record(step, np.zeros(1), 2.0 * step, 0.0, 0.0, 1.0, 0, 0.0))
    steps, deviances = np.array(job.seen.kept).T
    assert MOST / 2 <= len(steps) <= MOST and steps[-1] > 9_900 and (deviances == 2 * steps).all()
    assert np.unique(np.diff(steps)).size == 1 and steps[0] == 0


def test_what_was_not_foreseen_is_said_and_not_raised():
    class Broken:
        def run(self, watch):
            raise RuntimeError("<boom>")

    job = Job({"fit": Broken()})
    job.run()
    assert job.over.is_set() and "a defect of nelder: RuntimeError('<boom>')" in job.refusals["fit"]


# Views


@pytest.fixture(scope="module")
def diverged():
    table = bundled("line")
    return shown(table, Choices("y ~ x", solver="gradient_descent", rate="0.05", epochs="300", start="10, -5"))


def test_a_rate_that_is_too_large_is_explained(diverged):
    why = views.why_page(diverged)
    assert "The rate is too large" in why and "2/λmax = 0.00784" in why and "Try: <code>fit.update(" in why
    assert "problem" in views.headline(diverged) and "The rate is too large" in views.headline(diverged)


def test_solvers_are_compared_on_the_model_that_is_shown(diverged):
    table = bundled("line")
    asked = page.rivals(diverged.choices, ["newton", "gradient_descent", "closed_form"])
    assert asked["gradient_descent"] == diverged.choices and asked["newton"].rate == ""
    begun = page.Desk().begin(table, asked)
    assert begun.job.wait(30)
    assert list(begun.job.fits) == ["newton", "gradient_descent", "closed_form"]
    said = page.raced(begun, diverged, "step")
    assert said.count("<svg") >= 1 and "closed_form" in said
    assert "press Compare again" in page.raced(begun, shown(table, Choices("y ~ 1")), "seconds")
    assert "press Compare" in page.raced(None, diverged, "step")


@pytest.fixture(scope="module")
def line():
    return shown(bundled("line"))


@pytest.mark.parametrize("name", sorted(pictures.MENU.values()))
def test_every_picture_is_drawn_or_refused_in_words(name, line):
    html = page.attempted(lambda: pictures.picture(line, name))
    if name in ("roc", "lift", "rootogram"):  # which are for other families
        assert html.startswith('<p class="lab-note">') and "gaussian" in html
    else:
        assert html.startswith("<figure") and html.count("<svg") == 1 and 'role="img"' in html
        assert "currentColor" in html and "<g id=" not in html
        assert pictures.INK not in html and pictures.PAPER not in html


def test_the_truth_of_a_table_of_ones_own_is_not_asked_for():
    made = shown(dropped("own.csv", CSV))
    assert "are not known" in page.attempted(lambda: pictures.picture(made, "truth"))


def test_a_panel_that_says_why_it_is_empty_stays():
    made = shown(dropped("two.csv", b"x,y\n1,2.5\n2,5\n"))
    assert "no degrees of freedom" in re.sub(r"\s+", " ", pictures.picture(made, "checks"))


def test_a_picture_that_holds_too_much_is_sent_as_an_image(monkeypatch, line):
    monkeypatch.setattr(pictures, "HEAVY", 0)
    assert '<img alt="checks" src="data:image/png;base64,' in pictures.picture(line, "checks")


def test_a_picture_says_nothing_about_the_rest_of_the_page(line):
    drawn = pictures.picture(line, "loss")
    assert "<style" not in drawn and "<metadata" not in drawn and drawn.count("<svg") == 1


def test_hostile_names_are_words():
    table = dropped("<b>.csv", b"<i>x</i>,y\n1,2\n2,3\n3,5\n4,4\n")
    made = shown(table)
    pieces = [
        page.table_words(page.Chosen(table)),
        views.headline(made),
        views.why_page(made),
        views.numbers_page(made),
        views.steps_page(made),
        views.race_table({"<u>": made.fit}, {"<u>": "<s>"}),
        pictures.picture(made, "effect"),
    ]
    for piece in pieces:
        assert not re.search("<(b|i|u|s)>", piece)


def test_the_report_is_that_of_the_fit(tmp_path, line):
    assert views.report_of(line) == line.fit.report(tmp_path / "fit.html").read_bytes()


# Serving


def test_a_busy_port_is_refused_and_another_is_found():
    with socket.socket() as taken:
        taken.bind((server.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(nd.InputError, match=f"--port {port} cannot be had"):
            server.free_port(port)
    assert server.free_port(None) in server.PORTS
    for port in (0, 70_000):
        with pytest.raises(nd.InputError, match="1 to 65535"):
            server.free_port(port)


def test_without_marimo_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"nelder\[lab\]"):
        server.open_lab(server.Opening())


def test_a_page_that_was_closed_is_no_news(caplog):
    async def told_too_late():
        ours, theirs = socket.socketpair()
        theirs.close()
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        for _ in range(20):  # steps of a fit, in one turn of the server
            transport.write(b"step")
        transport.close()

    asyncio.run(told_too_late())
    assert any(each.name == "asyncio" for each in caplog.records)
    assert not any(server.worth_saying(each) for each in caplog.records if each.name == "asyncio")
