"""Linear hypotheses: what their texts mean, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import nelder as nd
from nelder.inference.covariances.covariance import with_covariance
from nelder.inference.hypotheses.linear import Hypotheses, hypotheses, matrix_of_hypotheses, read_hypotheses, wald_test
from nelder.inference.hypotheses.linear_forms import written
from nelder.submodels import with_terms

N = 80


def data_of(seed=0):
    random = np.random.default_rng(seed)
    return {
        "y": random.poisson(3.0, N).astype(float),
        "x": random.normal(size=N),
        "z": random.normal(size=N),
        "a b": random.normal(size=N),
        "g": random.choice(["lo", "mid - 1", "hi, 2", "25-29", "a[b]"], N),
        "h": random.choice(["p", "q"], N),
    }


FIT = nd.glm("y ~ g*h + bs(x, df=5) + np.log(z**2) + `a b` + z", data_of(), "poisson")
NAMES = list(FIT.names)


def row(**weights):
    return np.array([weights.get(name, 0.0) for name in NAMES])


def one(text, fit=FIT):
    """The single row of a text."""
    asked = read_hypotheses(fit, text)
    assert len(asked.right) == 1
    return asked.matrix[0], asked.right[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_read_as_itself(name):
    for text in (name, f"`{name}`", f"  {name}  = 0", f"0 = -{name}", f"({name})", f"2*{name}/2 == 0"):
        weights, right = one(text)
        assert abs(weights[NAMES.index(name)]) == 1 and np.count_nonzero(weights) == 1 and right == 0


@pytest.mark.parametrize("name", NAMES)
def test_spaces_inside_brackets_and_around_colons_are_free(name):
    looser = name.replace(":", " : ").replace("(", "( ").replace("=", " = ")
    assert np.array_equal(one(looser)[0], one(name)[0])


def test_the_longest_name_is_meant():
    names = ["x", "x1", "x10", "x1:x10", "a-b", "a", "b", "log(x)", "7", "(c)"]
    X = np.random.default_rng(0).normal(size=(40, len(names)))
    fit = nd.glm_fit(X, X.sum(axis=1) + X[:, 0] ** 2, names=names)

    def used(text):
        return [names[j] for j in np.flatnonzero(one(text, fit)[0])]

    assert used("x1") == ["x1"] and used("x10 = x") == ["x", "x10"] and used("x1:x10") == ["x1:x10"]
    assert used("a-b") == ["a-b"] and used("a - b") == ["a", "b"]
    assert used("log(x)") == ["log(x)"] and used("(c) = 1") == ["(c)"]
    assert one("x = 7", fit)[1] == 7.0  # a number is a number
    assert used("`7` = 7") == ["7"]


def test_equations_say_what_they_say():
    weights, right = one("2*(x1 - 3) + x2/4 = -x3 + 1e1 - .5", plain())
    assert weights.tolist() == [2.0, 0.25, 1.0] and right == 15.5
    assert one("x1 = x2", plain())[0].tolist() == [1.0, -1.0, 0.0]
    assert one("-(x1 + -x2) * 3", plain())[0].tolist() == [-3.0, 3.0, 0.0]
    assert one("1 = x1", plain())[0].tolist() == [-1.0, 0.0, 0.0] and one("1 = x1", plain())[1] == -1.0


def plain(seed=1):
    X = np.random.default_rng(seed).normal(size=(30, 3))
    return nd.glm_fit(X, X @ [1.0, 2.0, 3.0] + np.random.default_rng(9).normal(size=30))


@st.composite
def expressions(draw, depth=0):
    """A text that Python reads as a linear combination of x1, x2, x3."""
    kind = draw(st.sampled_from(["name", "number", "sum", "scaled", "divided", "negative"] if depth < 4 else ["name"]))
    if kind == "name":
        return draw(st.sampled_from(["x1", "x2", "x3"]))
    if kind == "number":
        return draw(st.sampled_from(["1", "2.5", ".25", "3e1", "1e-2"]))
    inner = draw(expressions(depth + 1))
    if kind == "sum":
        return f"({inner}{draw(st.sampled_from([' + ', '-', ' - ']))}{draw(expressions(depth + 1))})"
    if kind == "scaled":
        return f"{draw(st.sampled_from(['2', '0.5']))} * ({inner})"
    return f"({inner}) / 4" if kind == "divided" else f"-({inner})"


@given(expressions(), expressions())
@settings(max_examples=60)
def test_any_linear_text_is_what_python_makes_of_it(left, right):
    fit = plain()
    try:
        weights, r = one(f"{left} = {right}", fit)
    except nd.InputError as refused:
        assert "says nothing about any coefficient" in str(refused)
        return
    for point in np.random.default_rng(3).normal(size=(3, 3)):
        scope = dict(zip(fit.names, point.tolist(), strict=True))
        assert eval(left, {}, scope) - eval(right, {}, scope) == pytest.approx(weights @ point - r, abs=1e-9)


def test_chains_commas_and_lists_are_several_hypotheses():
    fit = plain()
    chain = matrix_of_hypotheses(fit, "x1 = x2 = x3")
    assert chain.matrix.tolist() == [[1, -1, 0], [0, 1, -1]] and chain.labels == ("x1 = x2", "x2 = x3")
    for given_ in ("x1 = 1, x2", ["x1 = 1", "x2"], ("x1 = 1", "x2 = 0"), np.array(["x1 = 1", "x2"])):
        asked = matrix_of_hypotheses(fit, given_)
        assert asked.matrix.tolist() == [[1, 0, 0], [0, 1, 0]] and asked.right.tolist() == [1.0, 0.0]
        assert asked.labels == ("x1 = 1", "x2 = 0")


def test_a_term_is_all_its_coefficients():
    asked = matrix_of_hypotheses(FIT, "g:h, bs(x, df=5) = 0")
    spans = dict(FIT.terms.schema.spans)
    columns = [*spans["g:h"], *spans["bs(x, df=5)"]]
    assert np.array_equal(asked.matrix, np.eye(len(NAMES))[columns]) and not asked.right.any()
    assert asked.labels == tuple(f"{NAMES[j]} = 0" for j in columns)
    with pytest.raises(nd.InputError, match=r"'g' in 'g = 1' is a term with the coefficients g\[T"):
        read_hypotheses(FIT, "g = 1")
    with pytest.raises(nd.InputError, match="is a term with the coefficients"):
        read_hypotheses(FIT, "z = 2*g")


def test_matrices_are_taken_as_they_are():
    fit = plain()
    L = [[1.0, -1.0, 0.0], [0.0, 2.0, 1.0]]
    for given_ in (L, np.array(L), pd.DataFrame(L), (L, 0.0), (np.array(L), [0, 0])):
        asked = matrix_of_hypotheses(fit, given_)
        assert asked.matrix.tolist() == L and asked.right.tolist() == [0.0, 0.0]
        assert asked.labels == ("x1 - x2 = 0", "2*x2 + x3 = 0")
    asked = matrix_of_hypotheses(fit, ([1, 0, 0], 2.0))
    assert asked.matrix.tolist() == [[1.0, 0.0, 0.0]] and asked.right.tolist() == [2.0]
    assert matrix_of_hypotheses(fit, asked) is asked
    named = pd.DataFrame([[1.0, 0.0, 2.0]], columns=["c", "b", "a"])
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=list("abc"))
    assert read_hypotheses(nd.glm_fit(X, X["a"] ** 2), named).matrix.tolist() == [[2.0, 0.0, 1.0]]


def test_a_row_is_written_as_a_text_that_reads_as_the_row():
    fit = plain()
    for weights, right in [([1, -1, 0], 0.0), ([-2.5, 0, 1], 3.0), ([0, 0, -1], -1e6), ([100000, 1e-7, 1], 1e-9)]:
        again, value = one(written(np.array(weights, dtype=float), fit.names, right), fit)
        assert again.tolist() == weights and value == right


UNREADABLE = {
    "x1 + = 2": "expected a coefficient or a number before '= 2'",
    "x1 x2": r"unknown coefficient 'x1 x2'",
    "(x1": "expected a closing parenthesis before the end",
    "x1)": r"expected an operator, a comma or the end before '\)'",
    "": "expected a coefficient or a number before the end",
    "x1,": "expected a coefficient or a number before the end",
    "= 1": "expected a coefficient or a number before '= 1'",
    "2 x1": "expected an operator, a comma or the end before 'x1'",
    "2x1": "expected a sign such as \\* after the number",
    "x1 * x2": "is not linear in the coefficients",
    "1 / x1": "is not linear in the coefficients",
    "x1**2": "is not linear in the coefficients",
    "x1^2 = 1": "is not linear in the coefficients",
    "x1 / 0": "divides by zero",
    "x1 = 1e400": "has a number out of range: give one within 1e±300",
    "1e400*x1 = 1": "has a number out of range",
    "1e200*1e200*x1": "has a number out of range",
    "x1 / 1e-320": "has a number out of range",
    "x1 - x1": "says nothing about any coefficient",
    "1 = 1": "says nothing about any coefficient",
    "x1 > 0": "unknown coefficient 'x1 > 0'",
    "exp(x1) = 1": "unknown coefficient",
    "__import__('os')": "unknown coefficient",
    "(" * 5000 + "x1": "nested too deeply",
    "x1" + " + x1" * 5000: "too long",
}


@pytest.mark.parametrize(("text", "words"), UNREADABLE.items(), ids=[text[:20] or "empty" for text in UNREADABLE])
def test_what_cannot_be_read_is_said(text, words):
    with pytest.raises(nd.InputError, match=words):
        hypotheses(plain(), text)


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(nd.UnknownNameError, match=r"unknown coefficient 'h\[T.p\]': did you mean 'h\[T.q\]'"):
        hypotheses(FIT, "h[T.p] = z")
    with pytest.raises(nd.UnknownNameError, match="unknown coefficient 'zz'"):
        hypotheses(FIT, "`zz` = 1")
    with pytest.raises(nd.UnknownNameError, match="unknown coefficient 'z10'"):
        hypotheses(FIT, "z10")


def test_things_that_are_no_hypotheses_are_refused():
    fit = plain()
    for given_ in (None, {"x1": 1.0}, {1.0}):
        with pytest.raises(nd.InputTypeError, match="must be texts or a matrix"):
            hypotheses(fit, given_)
    with pytest.raises(nd.InputTypeError, match="all texts or all numbers"):
        hypotheses(fit, ["x1", 1.0, 2.0])
    with pytest.raises(nd.DataError, match=r"has shape \(2,\); it needs rows of 3 numbers"):
        hypotheses(fit, [1.0, 2.0])
    with pytest.raises(nd.DataError, match="right-hand side has 2 values for 1 rows"):
        hypotheses(fit, ([[1.0, 0.0, 0.0]], [1.0, 2.0]))
    with pytest.raises(nd.DataError, match="nan or infinite"):
        hypotheses(fit, [[1.0, np.nan, 0.0]])
    with pytest.raises(nd.DataError, match="are about 2 coefficients"):
        hypotheses(fit, Hypotheses(np.ones((1, 2)), np.zeros(1), ("",)))
    with pytest.raises(nd.InputError, match="level"):
        hypotheses(fit, "x1", level=1.5)
    with pytest.raises(nd.UnknownNameError, match="adjustment"):
        hypotheses(fit, "x1", adjust="fdr?")


def test_hypotheses_that_hold_together_are_neither_redundant_nor_contradictory():
    fit = plain()
    with pytest.raises(nd.InputError, match="'x1 = x3' follows from those before it"):
        matrix_of_hypotheses(fit, "x1 = x2 = x3, x1 = x3")
    with pytest.raises(nd.InputError, match="contradict each other: x1 = 1, 2\\*x1 = 3 cannot all hold"):
        wald_test(fit, "x1 = 1, 2*x1 = 3")
    with pytest.raises(nd.InputError, match="follows from"):
        wald_test(fit, "x1, x1")
    assert hypotheses(fit, "x1 = x2, x2 = x3, x1 = x3", adjust="tukey").rows == 3  # each by itself is fine


def test_redundancy_does_not_depend_on_units():
    X = np.random.default_rng(4).normal(size=(40, 3)) * [1e-9, 1.0, 1e9]
    fit = nd.glm_fit(X, X @ [1e9, 1.0, 1e-9] + X[:, 1] ** 2)
    assert wald_test(fit, "x1 = 1e9, x1 + x2 = 1e9 + 1, x3 = 0")["df"][0] == 3


def test_aliased_and_infinite_coefficients_cannot_be_tested():
    x = np.linspace(0, 1, 20)
    with pytest.warns(nd.AliasedWarning):
        aliased = nd.glm("y ~ x + I(2*x) + z", {"y": x**2, "x": x, "z": np.cos(9 * x)})
    for text in ("I(2*x)", "x = I(2*x)"):
        with pytest.raises(nd.InputError, match=r"is about 'I\(2 \* x\)', which is aliased"):
            hypotheses(aliased, text)
    with pytest.raises(nd.InputError, match="aliased"):
        wald_test(aliased, np.eye(4))
    assert np.isfinite(hypotheses(aliased, "x = z")["p"]).all()
    with pytest.warns(nd.BoundaryWarning):
        limit = nd.glm(
            "y ~ g + x",
            {"y": [0, 0, 1, 0, 1, 1, 0] * 3, "g": list("aabbbbb") * 3, "x": [*x[:-1].tolist(), 0.3, 0.1]},
            "binomial",
        )
    with pytest.raises(nd.InputError, match=r"is about .*not finite"):
        hypotheses(limit, "g[T.b] = 1")
    assert np.isfinite(hypotheses(limit, "x")["p"]).all()


def test_a_term_with_aliased_columns_is_tested_by_the_others():
    a, b = list("uuuvvv") * 3, list("ppqppp") * 3
    y = np.random.default_rng(2).normal(size=18)
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ a*b", {"y": y, "a": a, "b": b})
    assert wald_test(fit, "a, b")["df"][0] == 2
    with pytest.raises(nd.InputError, match="all coefficients of the term 'a:b' are aliased"):
        wald_test(fit, "a:b")


def test_one_hypothesis_is_the_square_of_its_own_test():
    for fit in (plain(), FIT):
        text = f"{fit.names[1]} = 2*{fit.names[2]}"
        each, joint = hypotheses(fit, text), wald_test(fit, text)
        statistic = each["t" if "t" in each else "z"][0]
        assert joint["F" if "F" in joint else "chi2"][0] == pytest.approx(statistic**2, rel=1e-12)
        assert joint["p"][0] == pytest.approx(each["p"][0], rel=1e-9)


def test_the_joint_test_is_the_textbook_form():
    fit = with_covariance(plain(), "HC2")
    asked = matrix_of_hypotheses(fit, "x1 + x2 = 3, x3 = 2.5*x1")
    gap = asked.matrix @ np.asarray(fit.coef) - asked.right
    wald = gap @ np.linalg.solve(asked.matrix @ fit.covariance() @ asked.matrix.T, gap)
    found = wald_test(fit, asked)
    assert found["F"][0] == pytest.approx(wald / 2, rel=1e-10)
    assert found["p"][0] == pytest.approx(stats.f.sf(wald / 2, 2, 27), rel=1e-9)
    assert (found["df"][0], found["df_residual"][0]) == (2, 27)


def test_a_gaussian_joint_test_is_the_f_test_of_the_smaller_model():
    data = data_of(3)
    fit = nd.glm("y ~ g + x + z", data)
    small = with_terms(fit, ["Intercept", "x"] if "Intercept" in fit.names else ["x"])
    f = (small.deviance - fit.deviance) / 5 / fit.dispersion
    assert wald_test(fit, "g, z")["F"][0] == pytest.approx(f, rel=1e-10)


def test_the_order_and_the_size_of_hypotheses_do_not_matter():
    fit = plain()
    first = wald_test(fit, "x1 = 1, x2 = x3")
    again = wald_test(fit, "-3*x2 = -3*x3, 1000*x1 = 1000")
    assert again["F"][0] == pytest.approx(first["F"][0], rel=1e-12)


def test_cancelling_coefficients_keep_their_digits():
    t = 1e6 + np.arange(40.0)
    y = np.random.default_rng(8).normal(size=40) + np.arange(40.0)
    raw, centred = nd.glm("y ~ t", {"t": t, "y": y}), nd.glm("y ~ t", {"t": t - 1e6, "y": y})
    combined, direct = hypotheses(raw, [[1.0, 1e6 + 3]]), hypotheses(centred, [[1.0, 3.0]])
    assert combined["se"][0] == pytest.approx(direct["se"][0], rel=1e-6)
    joint, plainly = wald_test(raw, [[1.0, 1e6], [0.0, 1.0]]), wald_test(centred, np.eye(2))
    assert joint["F"][0] == pytest.approx(plainly["F"][0], rel=1e-6)


def test_a_loaded_fit_answers_too(tmp_path):
    FIT.save(tmp_path / "fit.json")
    again = nd.load(tmp_path / "fit.json")
    assert np.allclose(hypotheses(again, "g, z = 1")["p"], hypotheses(FIT, "g, z = 1")["p"], rtol=1e-9)
    assert wald_test(again, "g:h")["chi2"][0] == pytest.approx(wald_test(FIT, "g:h")["chi2"][0], rel=1e-8)


def test_penalised_fits_and_fits_without_degrees_of_freedom_are_refused():
    ridge = nd.glm_fit(np.eye(4)[:, :2], [1.0, 2.0, 3.0, 5.0], penalty=nd.Ridge(1.0))
    with pytest.warns(nd.ResponseWarning):
        exact = nd.glm_fit(np.eye(2), [1.0, 2.0])
    for test in (hypotheses, wald_test):
        with pytest.raises(nd.CapabilityError, match="penalised"):
            test(ridge, "x1")
        with pytest.raises(nd.DataError, match="0 degrees of freedom left"):
            test(exact, "x1")


def test_tables_print_what_was_asked():
    text = str(hypotheses(plain(), "x1 = 1, x2 = x3", adjust="holm"))
    assert text.split()[:3] == ["hypothesis", "null", "estimate"] and "x2 = x3" in text and "Holm" in text
    assert str(wald_test(plain(), "x1 = 1, x2 = x3")).startswith("Wald test of x1 = 1, x2 = x3\n")
