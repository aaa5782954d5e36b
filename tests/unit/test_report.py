"""Fits on paper: LaTeX that compiles, pages that hold the numbers of the fit, tidy tables that say what they lack."""

import re
import shutil
import subprocess
import warnings

import numpy as np
import pytest

import nelder as nd

ODD = ["é<1", "50–60", "≥ 70", "a_b^c~", "{q}", "#1$ & 2 %", r"\cmd"]
PAGE = "\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{}\n\\end{{document}}\n"


def odd():
    random = np.random.default_rng(0)
    data = {"x_1": random.normal(size=70), "a & b": random.normal(size=70), "g%": ODD * 10, "η": random.normal(size=70)}
    return nd.glm("y ~ x_1 + `a & b` + `g%` + η + I(x_1**2)", data | {"y": random.poisson(2, 70)}, "poisson")


def separated():
    with warnings.catch_warnings(action="ignore", category=nd.NelderWarning):
        return nd.glm("y ~ x + z", {"y": [0, 0, 1, 1], "x": [1, 2, 3, 4], "z": [1, 0, 0, 1]}, "binomial")


def shaped():
    random = np.random.default_rng(1)
    x = random.normal(size=60)
    return nd.glm("y ~ x", {"x": x, "y": random.negative_binomial(2, 0.4, 60)}, "negative_binomial")


def pages():
    fit, shape, limit = odd(), shaped(), separated()
    tables = [fit.relativities(), fit.anova(), fit.drop1(), fit.dispersion_tests(), fit.pseudo_r_squared()]
    tables += [fit.check().table(), fit.slopes().table(), fit.zero_inflation(), fit.lift(4).table(), fit.link_test()]
    tables += [shape.shape_interval(), shape.anova(), limit.confint(kind="profile")]
    return [each.summary().to_latex() for each in (fit, shape, limit)] + [table.to_latex() for table in tables]


def test_a_fit_shows_its_summary_wherever_it_is_shown():
    fit = nd.glm("incidents ~ type", nd.datasets.ships(), family="poisson")
    assert repr(fit) == str(fit) == str(fit.summary())
    assert fit._repr_html_() == fit.summary()._repr_html_()


def test_latex_has_nothing_that_latex_would_read_otherwise():
    for page in pages():
        assert page.count(r"\begin{tabular}") == page.count(r"\end{tabular}") >= 1
        for table in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", page, re.S):
            rows = [line for line in table[1].splitlines() if line.endswith(r"\\")]
            assert rows and all(len(re.findall(r"(?<!\\)&", row)) == len(table[0]) - 1 for row in rows)
        assert not re.search(r"(?<!\\)[#%]", page) and len(re.findall(r"(?<!\\)\$", page)) % 2 == 0


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path):
    (tmp_path / "page.tex").write_text(PAGE.format("\n\n".join(pages())), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_every_kind_of_page_has_the_numbers_of_the_fit():
    fit = shaped()
    page = fit.summary(0.9)
    for text in (str(page), page._repr_html_(), page.to_latex()):
        for part in ("5%", "95%", "theta = ", f"{fit.coef['x']:.4f}", f"{fit.deviance:.4f}"):
            assert part in text.replace(r"\%", "%"), part


def test_counts_of_a_glance_are_whole():
    made = separated().glance()
    assert [made[name].dtype.kind for name in ("df.null", "df.residual", "nobs")] == ["i", "i", "i"]
    assert not made["converged"][0]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"penalty": "firth"}, "penalised"),
        ({"penalty": nd.Ridge(1.0)}, "penalised"),
        ({"weights": nd.sampling([1, 2, 1, 2, 1, 2])}, "sampling weights"),
    ],
)
def test_rows_whose_influence_is_not_defined_still_have_their_other_columns(options, why):
    data = {"y": [1, 0, 1, 1, 0, 0], "x": [1.0, 2, 3, 4, 3, 2]}
    fit = nd.glm("y ~ x", data, "binomial", **options)
    made = fit.augment()
    assert np.isnan(made[".hat"]).all() and np.isnan(made[".std.resid"]).all() and why in made.notes[0]
    assert made[".resid"] == pytest.approx(fit.residuals()) and made[".fitted"] == pytest.approx(
        fit.predict(kind="link")
    )


def test_a_fit_by_arrays_is_augmented_by_its_columns():
    X = np.column_stack([np.ones(5), [1.0, 2, 3, 4, 7]])
    made = nd.glm_fit(X, [1, 2, 2, 4, 3], "poisson").augment()
    assert list(made)[:4] == [".row", "y", "x1", "x2"] and (made["x2"] == X[:, 1]).all() and made.notes == ()


def test_every_level_of_a_factor_is_printed():
    data = {"g": [f"g{k:03}" for k in range(150)] * 3, "y": np.random.default_rng(5).poisson(4.0, 450)}
    fit = nd.glm("y ~ g", data, "poisson")
    for page in (fit.summary(), fit.relativities()):
        assert all(f"g{k:03}" in str(page) and f"g{k:03}" in page._repr_html_() for k in range(1, 150))
