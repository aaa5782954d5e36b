"""Covariances other than the model's: laws that hold for every family, and fits of which residuals say little."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

import nelder as nd
from nelder.families import FAMILIES
from nelder.inference.covariances import clustered
from nelder.inference.covariances.clustered import Clustered
from nelder.inference.covariances.covariance import COVARIANCES, covariance, with_covariance
from nelder.inference.covariances.serial import HAC
from nelder.inference.hypotheses.linear import hypotheses, wald_test
from nelder.observations import frequency

ROBUST = ("HC0", "HC1", "HC2", "HC3")
N = 60
GROUPS = np.arange(N) // 5
ARGUMENTS = {"negative_binomial": 2.0, "quasi": "mu", "tweedie": 1.5}


def table(seed=0):
    random = np.random.default_rng(seed)
    x, z = random.normal(size=N), random.normal(size=N)
    return random, {"x": x, "z": z, "g": random.choice(list("abc"), N)}


@functools.cache
def fit_of(name, link="log", **options):
    """A fit of any family whose variance is not what the family says."""
    random, data = table()
    family = FAMILIES[name](*[ARGUMENTS[name]] if name in ARGUMENTS else [])
    mu = np.exp(-1.2 + 0.3 * data["x"] + 0.3 * (data["g"] == "b"))
    y = mu * random.gamma(2.0, 0.5, N)
    if name in ("poisson", "negative_binomial"):
        y = np.round(4 * y)
    if "binomial" in name and name != "negative_binomial":
        y, link = (y > 0.3).astype(float), "logit"
    return nd.glm("y ~ x + g", data | {"y": y}, family, link, **options)


each_family = pytest.mark.parametrize("name", list(FAMILIES))
each_kind = pytest.mark.parametrize("kind", [*ROBUST, "observed", Clustered(GROUPS), HAC(3)], ids=str)


def near(ours, theirs, tolerance=1e-9):
    size = np.sqrt(np.outer(np.diagonal(theirs), np.diagonal(theirs)))
    assert np.max(np.abs(ours - theirs) / size) <= tolerance


@each_family
def test_the_sandwich_is_the_textbook_sum(name):
    fit = fit_of(name)
    block = fit.objective.design.handles[0]
    X, mean = block.dense(), nd.Mean(fit.link, block.eta(fit.point))
    score, weight = fit.family.score(block.y, mean), fit.family.expected_weight(mean)
    bread = np.linalg.inv(X.T @ (weight[:, None] * X))
    leverage = weight * np.einsum("ij,jk,ik->i", X, bread, X)
    n, p = X.shape
    factors = {"HC0": 1.0 + 0 * leverage, "HC1": n / (n - p) + 0 * leverage}
    factors |= {"HC2": 1 / (1 - leverage), "HC3": 1 / (1 - leverage) ** 2}
    for kind, factor in factors.items():
        near(covariance(fit, kind), bread @ (X.T @ ((score**2 * factor)[:, None] * X)) @ bread)
    sums = np.stack([(score[:, None] * X)[i == GROUPS].sum(axis=0) for i in range(12)])
    near(covariance(fit, Clustered(GROUPS)), 12 / 11 * (n - 1) / (n - p) * bread @ sums.T @ sums @ bread)


@each_family
def test_observed_information_is_the_curvature_of_the_deviance(name):
    fit = fit_of(name)
    beta, k = np.asarray(fit.coef), len(fit.coef)
    steps = 1e-3 * np.eye(k)
    ends = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    curvature = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            # fourth order, from steps h and 2h
            near_by, far = (
                sum(s * fit.deviance_at(beta + h * (a * steps[i] + b * steps[j])) for a, b, s in ends) / (4 * h * h)
                for h in (1, 2)
            )
            curvature[i, j] = (4 * near_by - far) / 3 / 1e-6 / 2
    near(covariance(fit, "observed"), fit.dispersion * np.linalg.inv(curvature), 1e-4)


def test_observed_and_expected_are_one_under_a_canonical_link():
    random, data = table()
    data["y"] = random.poisson(2.0, N)
    fit = nd.glm("y ~ x + g", data, "poisson")
    near(covariance(fit, "observed"), fit.covariance())


def test_observed_information_of_a_gamma_with_log_link_in_closed_form():
    fit = fit_of("gamma")
    block = fit.objective.design.handles[0]
    X, ratio = block.dense(), block.y / fit.fitted
    near(covariance(fit, "observed"), fit.dispersion * np.linalg.inv(X.T @ (ratio[:, None] * X)))


def test_an_observed_information_that_is_not_positive_is_refused():
    X, y = np.ones((4, 1)), [-1.0, 3.0, 0.5, -2.0]
    with pytest.warns(nd.NotConvergedWarning):
        fit = nd.glm_fit(X, y, "gaussian", "log", solver=nd.Newton(start=[-6.0], max_steps=1))
    with pytest.raises(nd.DataError, match="not positive definite"):
        covariance(fit, "observed")


@each_kind
def test_units_of_a_column_do_not_matter(kind):
    _, data = table()
    data["y"] = np.exp(data["x"] / 2) + GROUPS
    plain = covariance(nd.glm("y ~ x + z", data), kind)
    data["x"] = 1e6 * data["x"] + 0.0
    scale = np.array([1.0, 1e6, 1.0])
    near(scale[:, None] * covariance(nd.glm("y ~ x + z", data), kind) * scale, plain)


@each_kind
@pytest.mark.parametrize("scale", [1e200, 1e160, 1e-160, 1e-200])
def test_the_scale_of_prior_weights_does_not_matter(kind, scale):
    """Where φ is estimated only their ratios do, also where the square of a score is out of the range of numbers."""
    _, data = table()
    data |= {"y": np.exp(0.3 * data["x"] + np.sin(np.arange(N)))}
    usual, far = (nd.glm("y ~ x + g", data, "gamma", "log", weights=w * (1 + np.arange(N) % 3)) for w in (1.0, scale))
    near(covariance(far, kind), covariance(usual, kind))


@pytest.mark.parametrize("kind", [*ROBUST, "observed", Clustered(GROUPS), HAC(3)], ids=str)
@pytest.mark.parametrize("solver", ["irls", "lbfgs", "newton"])
def test_the_solver_does_not_matter(solver, kind):
    near(covariance(fit_of("gamma", solver=solver), kind), covariance(fit_of("gamma"), kind), 1e-7)


@pytest.mark.filterwarnings("ignore:two-way")
@each_family
def test_a_frequency_is_the_row_repeated(name):
    fit, counts = fit_of(name), np.random.default_rng(1).integers(1, 4, N)
    repeated = np.repeat(np.arange(N), counts)
    many = {column: np.asarray(values)[repeated] for column, values in fit.kept.data.items()}
    folded = nd.glm("y ~ x + g", fit.kept.data, fit.family, fit.link, weights=frequency(counts))
    unfolded = nd.glm("y ~ x + g", many, fit.family, fit.link)
    for kind in (*ROBUST, "observed"):
        near(covariance(folded, kind), covariance(unfolded, kind))
        assert with_covariance(folded, kind).df_reference == with_covariance(unfolded, kind).df_reference
    also = np.arange(N) % 10
    for ways in ((GROUPS,), (GROUPS, also)):
        for correction in (True, False):
            ours = covariance(folded, Clustered(*ways, correction=correction))
            near(ours, covariance(unfolded, Clustered(*(way[repeated] for way in ways), correction=correction)))


def test_a_frequency_of_counts_with_trials_is_the_row_repeated():
    data = {"s": [1, 5, 3, 8, 6], "f": [9, 5, 6, 2, 1], "x": [0.0, 1.0, 2.0, 3.0, 4.0]}
    counts = [1, 2, 3, 1, 2]
    many = {name: np.repeat(values, counts) for name, values in data.items()}
    folded = nd.glm("cbind(s, f) ~ x", data, "binomial", weights=frequency(counts))
    unfolded = nd.glm("cbind(s, f) ~ x", many, "binomial")
    for kind in ROBUST:
        near(covariance(folded, kind), covariance(unfolded, kind))


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + g"])
def test_many_blocks_and_slices_are_one_sum(formula):
    random, n = np.random.default_rng(4), 70_000
    data = {"x": random.normal(size=n), "g": random.choice(list("abc"), n), "firm": random.integers(0, 500, n)}
    data["y"] = random.poisson(np.exp(0.2 * data["x"]))
    fit = nd.glm(formula, data, "poisson")
    assert len(fit.objective.design.handles) > 1
    X = np.vstack([block.dense() for block in fit.objective.design.handles])
    bread = np.linalg.inv(X.T @ (fit.fitted[:, None] * X))
    rows = (data["y"] - fit.fitted)[:, None] * X
    near(covariance(fit, "HC0"), bread @ rows.T @ rows @ bread)
    sums = np.zeros((500, X.shape[1]))
    np.add.at(sums, data["firm"], rows)
    near(covariance(fit, Clustered("firm", correction=False)), bread @ sums.T @ sums @ bread)


def test_every_row_its_own_cluster_is_hc1():
    fit = fit_of("poisson")
    near(covariance(fit, Clustered(np.arange(N))), covariance(fit, "HC1"))
    near(covariance(fit, Clustered(np.arange(N), correction=False)), covariance(fit, "HC0"))
    near(covariance(fit, HAC(0)), covariance(fit, "HC1"))
    near(covariance(fit, HAC(0, correction=False)), covariance(fit, "HC0"))


def test_a_way_of_clustering_inside_another_is_that_other():
    fit = fit_of("poisson")
    both = Clustered(GROUPS // 2, np.arange(N), correction=False)
    near(covariance(fit, both), covariance(fit, Clustered(GROUPS // 2, correction=False)))
    near(covariance(fit, Clustered(GROUPS, GROUPS)), covariance(fit, Clustered(GROUPS)))


LABELS = {
    "numbers": GROUPS,
    "floats": GROUPS / 7,
    "texts": [f"g{i}" for i in GROUPS],
    "dates": np.datetime64("2020-01-01") + GROUPS,
    "timestamps": pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(GROUPS, "D")),
    "categories": pd.Categorical([f"g{i}" for i in GROUPS]),
    "a mixture": [i if i % 2 else f"g{i}" for i in GROUPS],
    "pairs": [(i, "a") for i in GROUPS.tolist()],
    "booleans and None apart": pd.array(GROUPS, dtype="Int64"),
    "masked": np.ma.masked_array(GROUPS, np.zeros(N, dtype=bool)),
}


@pytest.mark.parametrize("labels", list(LABELS.values()), ids=list(LABELS))
def test_labels_of_any_type_are_clusters(labels):
    fit = fit_of("poisson")
    near(covariance(fit, Clustered(labels)), covariance(fit, Clustered(GROUPS)), 1e-12)


def test_a_number_and_its_text_are_two_labels():
    fit = fit_of("poisson")
    apart = [i if row % 5 < 2 else str(i) for row, i in enumerate(GROUPS)]
    near(covariance(fit, Clustered(apart)), covariance(fit, Clustered(2 * GROUPS + (np.arange(N) % 5 < 2))))


@pytest.mark.parametrize(
    "missing",
    [
        np.where(GROUPS == 11, np.nan, GROUPS),
        [None if i == 11 else i for i in GROUPS],
        [None if i == 11 else f"g{i}" for i in GROUPS],
        pd.array([None if i == 11 else i for i in GROUPS.tolist()], dtype="Int64"),
        pd.Series([pd.NaT if i == 11 else pd.Timestamp("2020-01-01") for i in GROUPS]),
        np.ma.masked_array(GROUPS, GROUPS == 11),
    ],
    ids=["nan", "None", "None among texts", "NA", "NaT", "masked"],
)
def test_missing_labels_are_refused_by_their_rows(missing):
    with pytest.raises(nd.DataError, match="groups is missing at rows 55, 56, 57, 58, 59"):
        covariance(fit_of("poisson"), Clustered(missing))


def test_a_column_is_found_by_its_name_also_where_rows_were_left_out():
    _, data = table()
    y = np.random.default_rng(3).poisson(3.0, N).astype(float)
    y[[3, 17]] = np.nan
    data |= {"y": y, "firm": [f"f{i}" for i in GROUPS]}
    fit = nd.glm("y ~ x", data, "poisson")
    kept = np.isfinite(y)
    expected = covariance(fit, Clustered(GROUPS[kept]))
    for given in ("firm", GROUPS, data["firm"], np.array(data["firm"])[kept]):
        assert np.array_equal(covariance(fit, Clustered(given)), expected)
    assert np.array_equal(covariance(fit, "clustered(firm)"), expected)
    data["firm"][0] = None
    with pytest.raises(nd.DataError, match="groups is missing at row 0"):
        covariance(fit, Clustered("firm"))
    data["firm"][0], data["firm"][3] = "f0", None  # a row that was left out anyway
    assert np.array_equal(covariance(fit, Clustered("firm")), expected)


def test_labels_that_cannot_be_clusters_are_refused_in_words():
    fit = fit_of("poisson")
    with pytest.raises(nd.DataError, match=r"groups has shape \(3,\); it needs one value for each of the 60 rows"):
        covariance(fit, Clustered([1, 2, 3]))
    with pytest.raises(nd.DataError, match="groups has a single cluster"):
        covariance(fit, Clustered(np.ones(N)))
    with pytest.raises(nd.DataError, match="also has a single cluster"):
        covariance(fit, Clustered(GROUPS, np.ones(N)))
    with pytest.raises(nd.UnknownNameError, match="unknown column 'firms'"):
        covariance(fit, Clustered("firms"))
    with pytest.raises(nd.DataError, match="needs one label a row"):
        covariance(fit, Clustered(np.ones((N, 2))))
    with pytest.raises(nd.InputTypeError, match="one label a row"):
        covariance(fit, Clustered(3))
    with pytest.raises(nd.InputTypeError, match="cannot be labels"):
        covariance(fit, Clustered([[1] for _ in range(N)]))
    with pytest.raises(nd.CapabilityError, match="made from arrays"):
        covariance(nd.glm_fit(np.ones((5, 1)), np.arange(5.0)), Clustered("firm"))
    frame = pd.DataFrame(fit.kept.data)
    indexed = nd.glm("y ~ x", frame, "poisson")
    with pytest.raises(nd.DataError, match="index of groups is not that of the data"):
        covariance(indexed, Clustered(pd.Series(GROUPS, index=np.arange(N)[::-1])))


def test_degrees_of_freedom_of_the_tests():
    known, estimated = fit_of("poisson"), fit_of("gamma")
    for kind in (*ROBUST, "observed", HAC(2)):
        assert with_covariance(known, kind).df_reference == np.inf
        assert with_covariance(estimated, kind).df_reference == estimated.df_resid == N - 4
    assert with_covariance(known, Clustered(GROUPS)).df_reference == np.inf
    assert with_covariance(estimated, Clustered(GROUPS)).df_reference == 11
    assert with_covariance(estimated, Clustered(np.arange(N), GROUPS)).df_reference == 11


@each_kind
def test_everything_that_reads_the_fit_takes_the_covariance(kind):
    fit = with_covariance(fit_of("gamma"), kind)
    se = np.sqrt(np.diagonal(fit.covariance()))
    assert np.array_equal(fit.se, se) and np.array_equal(fit.table()["se"], se)
    assert np.array_equal(hypotheses(fit, list(fit.names))["se"], se)
    block = fit.objective.design.handles[0]
    predicted = fit.predict(kind="link", interval="confidence")
    direct = np.sqrt(np.einsum("ij,jk,ik->i", block.dense(), fit.covariance(), block.dense()))
    assert np.allclose(predicted["se"], direct, rtol=1e-12)
    assert fit.uncertainty.name in str(fit.summary())
    assert with_covariance(fit, "expected").covariance() is not None
    assert np.array_equal(with_covariance(fit, "expected").covariance(), fit_of("gamma").covariance())


@pytest.mark.filterwarnings("ignore::nelder.NelderWarning")
def test_names_say_what_a_covariance_is():
    fit = fit_of("gamma")
    assert with_covariance(fit, "HC3").uncertainty.name == "HC3"
    assert with_covariance(fit, Clustered("g")).uncertainty.name == "clustered by g (3)"
    assert with_covariance(fit, Clustered("g", GROUPS)).uncertainty.name == "clustered by g (3) and 12 groups"
    assert with_covariance(fit, HAC()).uncertainty.name == "HAC with 3 lags"
    assert with_covariance(fit, HAC(1, prewhiten=True)).uncertainty.name == "HAC with 1 lag, prewhitened"


def test_none_is_the_covariance_in_use():
    fit = with_covariance(fit_of("gamma"), "HC2")
    assert np.array_equal(covariance(fit), covariance(fit, "HC2"))


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(nd.UnknownNameError, match="unknown covariance 'HC9'"):
        covariance(fit_of("gamma"), "HC9")
    with pytest.raises(nd.InputTypeError, match="covariance must be a name"):
        covariance(fit_of("gamma"), 3)
    with pytest.raises(nd.InputError, match="groups"):
        covariance(fit_of("gamma"), "clustered")


def test_a_loaded_fit_has_no_rows_for_it(tmp_path):
    fit_of("gamma").save(tmp_path / "fit.json")
    for kind in ("HC0", "observed", Clustered(GROUPS)):
        with pytest.raises(nd.DataError, match="loaded without its data"):
            covariance(nd.load(tmp_path / "fit.json"), kind)


def test_a_penalised_fit_has_none():
    fit = fit_of("gamma", penalty=nd.Ridge(1.0))
    for kind in ("HC0", "observed", "expected", Clustered(GROUPS), HAC(1)):
        with pytest.raises(nd.CapabilityError, match="does not go with penalty 'ridge'"):
            with_covariance(fit, kind)


def test_estimates_with_reduced_bias_have_all_of_them():
    fit = fit_of("poisson", penalty="firth")
    block = fit.objective.design.handles[0]
    X, residual = block.dense(), block.y - fit.fitted
    bread = np.linalg.inv(X.T @ (fit.fitted[:, None] * X))
    near(covariance(fit, "HC0"), bread @ (X.T @ ((residual**2)[:, None] * X)) @ bread)
    assert np.isfinite(hypotheses(with_covariance(fit, Clustered(GROUPS)), "x")["p"]).all()
    assert np.isfinite(wald_test(fit, "x, g")["p"]).all()


def test_a_dispersion_that_was_given_is_taken_as_known():
    estimated = fit_of("gamma")
    fit = replace(estimated, statistics=replace(estimated.statistics, dispersion=0.5), dispersion_by="given")
    assert with_covariance(fit, "HC3").df_reference == with_covariance(fit, Clustered(GROUPS)).df_reference == np.inf
    near(covariance(fit, "observed"), 0.5 / fit_of("gamma").dispersion * covariance(fit_of("gamma"), "observed"))


def test_the_sampling_kind_needs_sampling_weights():
    with pytest.raises(nd.CapabilityError, match="for fits with weights"):
        covariance(fit_of("gamma"), "sampling")


# ---- rows in order ----


def test_order_sorts_the_rows():
    fit = fit_of("gamma")
    shuffled = np.random.default_rng(5).permutation(N)
    data = {name: np.asarray(values)[shuffled] for name, values in fit.kept.data.items()}
    again = nd.glm("y ~ x + g", data | {"time": shuffled}, "gamma", "log")
    near(covariance(again, HAC(4, order="time")), covariance(fit, HAC(4)))
    near(covariance(again, HAC(4, order=shuffled, prewhiten=True)), covariance(fit, HAC(4, prewhiten=True)))
    with pytest.raises(nd.DataError, match="order has 12 different values for 60 rows"):
        covariance(fit, HAC(2, order=GROUPS))


@pytest.mark.parametrize("table_of", [dict, pd.DataFrame, pl.DataFrame])
def test_dates_may_order_the_rows_and_name_the_clusters(table_of):
    random, days = np.random.default_rng(6), np.random.default_rng(7).permutation(30)
    data = {"x": random.normal(size=30), "y": random.normal(size=30), "day": np.datetime64("2020-02-20", "us") + days}
    fit = nd.glm("y ~ x", table_of(data))
    near(covariance(fit, HAC(3, order="day")), covariance(fit, HAC(3, order=days)))
    near(covariance(fit, HAC(3, order=data["day"])), covariance(fit, HAC(3, order=days)))
    near(covariance(fit, Clustered("day")), covariance(fit, "HC1"))


def in_order(labels):
    """A fit of 30 rows, and the labels of their places in time, shuffled."""
    random, places = np.random.default_rng(6), np.random.default_rng(7).permutation(30)
    data = {"x": random.normal(size=30), "y": random.normal(size=30)}
    return nd.glm("y ~ x", data), places, [labels(int(place)) for place in places]


@pytest.mark.parametrize("of", ["Categorical", "Series", "Enum"])
def test_a_declared_order_is_that_of_the_rows(of):
    fit, places, quarters = in_order("Q{}".format)
    declared = [f"Q{place}" for place in range(30)]
    coded = pd.Categorical(quarters, declared)
    given = {"Categorical": coded, "Series": pd.Series(coded), "Enum": pl.Series(quarters, dtype=pl.Enum(declared))}[of]
    near(covariance(fit, HAC(3, order=given)), covariance(fit, HAC(3, order=places)))
    again = nd.glm("y ~ x", fit.kept.data | {"quarter": given})
    near(covariance(again, HAC(3, order="quarter")), covariance(fit, HAC(3, order=places)))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (str, "'19' before '2'"),
        ("Q{}".format, "'Q19' before 'Q2'"),
        ("2020-W{}".format, "'2020-W19' before '2020-W2'"),
        (lambda place: str(place - 20), "'-1' before '-10'"),
        (lambda place: f"{1 + place % 28:02d}/{1 + place // 28:02d}/2020", "the year last"),
        (lambda place: f"Q{1 + place % 4} {2010 + place // 4}", "the year last, such as 'Q1 2010'"),
        (lambda place: ["March", "April", "May"][place % 3] + "x" * (place // 3), "by letters, 'April' before"),
        (
            lambda place: f"{2010 + place // 4}-{('Jan', 'Apr', 'Jul', 'Oct')[place % 4]}",
            "'2010-Apr' before '2010-Jan'",
        ),
        (lambda place: str(place) if place % 2 else place, r"no order among each other \(int, str\)"),
    ],
)
def test_labels_that_do_not_sort_as_they_are_meant_are_refused(labels, words):
    fit, _, given = in_order(labels)
    with pytest.raises(nd.DataError, match=words):
        covariance(fit, HAC(3, order=given))
    with pytest.raises((nd.DataError, nd.InputTypeError)):
        covariance(nd.glm("y ~ x", pd.DataFrame(fit.kept.data | {"when": given})), HAC(3, order="when"))


@pytest.mark.parametrize(
    "labels",
    ["{:03d}".format, lambda place: f"{place / 8:g}", lambda place: chr(65 + place), "2020-01-{:02d}".format],
)
def test_text_that_sorts_as_it_is_meant_may_order_the_rows(labels):
    fit, places, given = in_order(labels)
    near(covariance(fit, HAC(3, order=given)), covariance(fit, HAC(3, order=places)))


def test_lags_are_whole_numbers_below_the_number_of_rows():
    fit = fit_of("gamma")
    for lags in (-1, 1.5, 60, float("nan")):
        with pytest.raises(nd.InputError, match="lags="):
            covariance(fit, HAC(lags))
    with pytest.raises(nd.InputTypeError):
        covariance(fit, HAC("many"))


def test_rows_of_several_observations_have_no_order():
    random, data = table()
    data["y"] = random.poisson(2.0, N)
    fit = nd.glm("y ~ x", data, "poisson", weights=frequency(np.arange(N) % 2 + 1))
    with pytest.raises(nd.CapabilityError, match=r"with nd\.frequency a row stands for several"):
        covariance(fit, HAC(1))
    once = nd.glm("y ~ x", data, "poisson", weights=frequency(np.ones(N)))
    near(covariance(once, HAC(1)), covariance(nd.glm("y ~ x", data, "poisson"), HAC(1)))


def test_scores_without_an_end_cannot_be_whitened():
    t = np.arange(30.0)
    fit = nd.glm_fit(np.c_[np.ones(30), t], np.cumsum(np.cumsum(np.sin(t / 9))), names=["one", "t"])
    assert np.isfinite(covariance(fit, HAC(2, prewhiten=True))).all()


# ---- fits of which residuals say little ----


def separated(kept):
    random, data = table(2)
    y = random.poisson(2.0, N).astype(float)
    y[data["g"] == "c"] = 0.0
    rows = np.isin(data["g"], list(kept))
    return {name: np.asarray(values)[rows] for name, values in (data | {"y": y, "firm": GROUPS}).items()}


@pytest.mark.parametrize("kind", ["HC0", "HC2", "HC3", "observed", Clustered("firm", correction=False)], ids=str)
def test_under_separation_the_finite_coefficients_have_the_covariance_of_the_other_rows(kind):
    with pytest.warns(nd.BoundaryWarning):
        whole = nd.glm("y ~ x + g", separated("abc"), "poisson")
    rest = nd.glm("y ~ x + g", separated("ab"), "poisson")
    finite = np.isfinite(np.asarray(whole.coef))
    assert finite.tolist() == [True, True, False, True] or finite.sum() == 3
    ours = with_covariance(whole, kind)
    near(ours.covariance()[np.ix_(finite, finite)], covariance(rest, kind), 1e-7)
    assert np.isnan(np.asarray(ours.se)[~finite]).all()


def test_aliased_columns_have_no_covariance_and_change_none():
    fit = fit_of("gamma")
    with pytest.warns(nd.AliasedWarning):
        aliased = nd.glm("y ~ x + g + I(2*x)", fit.kept.data, "gamma", "log")
    for kind in (*ROBUST, "observed", Clustered(GROUPS), HAC(2)):
        ours = covariance(aliased, kind)
        near(ours[np.ix_(~aliased.aliased, ~aliased.aliased)], covariance(fit, kind))
        assert np.isnan(ours[aliased.aliased]).all()


def leaning():
    """A fit in which a column belongs to row 7 alone."""
    random, data = table(3)
    data |= {"y": random.normal(size=N), "d": (np.arange(N) == 7).astype(float)}
    return nd.glm("y ~ x + d", data)


def test_a_row_with_a_coefficient_to_itself_is_named():
    fit = leaning()
    for kind in ("HC2", "HC3"):
        with pytest.raises(nd.DataError, match=r"divides by 1 - leverage, which is zero at row 7"):
            covariance(fit, kind)
    for kind in ("HC0", "HC1"):
        with pytest.warns(nd.NelderWarning, match=f"{kind}: a coefficient fits row 7 exactly"):
            robust = with_covariance(fit, kind)
        assert "fits row 7 exactly" in str(robust.summary())
        assert "fits row 7 exactly" not in str(with_covariance(robust, "expected").summary())


def test_a_coefficient_whose_residuals_are_zero_has_no_standard_error():
    random, data = table(3)
    data |= {"y": random.normal(size=N), "k": np.where(np.arange(N) == 7, "own", data["g"])}
    fit = nd.glm("y ~ 0 + k", data)
    with pytest.warns(nd.NelderWarning) as said:
        robust = with_covariance(fit, "HC0")
    assert any(r"behind k[own] are zero or cancel" in str(each.message) for each in said)
    assert np.isnan(robust.se["k[own]"]) and np.isfinite(robust.se["k[a]"])
    assert np.isnan(hypotheses(robust, "k[own]")["se"][0]) and np.isfinite(hypotheses(robust, "k[a]")["se"][0])
    with pytest.raises(nd.DataError, match="gives no variance"):
        wald_test(robust, "k[own] = 0")


def test_coefficients_that_rest_on_one_cluster_are_named():
    fit = fit_of("gamma")
    with pytest.warns(
        nd.NelderWarning, match=r"without some one of the clusters nothing would be known of Intercept, g"
    ):
        robust = with_covariance(fit, Clustered("g"))
    assert np.isfinite(robust.se).all()
    with pytest.raises(nd.DataError, match="residuals are zero, or cancel, throughout"):
        with_covariance(nd.glm("y ~ g", fit.kept.data), Clustered("g"))


def test_too_few_clusters_for_a_joint_test_are_said():
    fit = with_covariance(fit_of("gamma"), Clustered(np.arange(N) % 3))
    assert np.isfinite(fit.se).all()
    with pytest.raises(nd.DataError, match="cannot tell these 3 hypotheses apart"):
        wald_test(fit, "x, g")
    assert np.isfinite(wald_test(fit, "g")["p"][0])


def test_a_two_way_covariance_is_made_positive_and_that_is_said():
    fit = fit_of("gamma")
    with pytest.warns(nd.NelderWarning, match="two-way clustering left a negative variance"):
        ours = covariance(fit, Clustered(np.arange(N) % 3, np.arange(N) % 4))
    assert np.linalg.eigvalsh(ours)[0] > -1e-12 * np.linalg.eigvalsh(ours)[-1]


def test_a_perfect_or_saturated_fit_has_no_residuals():
    x = np.arange(8.0)
    with pytest.warns(nd.ResponseWarning):
        perfect = nd.glm_fit(np.c_[np.ones(8), x], 3 + 2 * x)
    saturated = nd.glm_fit(np.eye(3), [2.0, 3.0, 4.0], "poisson")
    for kind in (*ROBUST, Clustered(np.arange(8) // 2)):
        with pytest.raises(nd.DataError, match="residuals are zero, or cancel, throughout"):
            covariance(perfect, kind)
    for kind in (*ROBUST, Clustered([1, 2, 2]), HAC(1)):
        with pytest.raises(nd.DataError, match="leaves 0 degrees of freedom"):
            covariance(saturated, kind)
    near(covariance(saturated, "observed"), saturated.covariance())


@pytest.mark.parametrize("y", [[0, 0, 1, 1, 1, 0], [0] * 6, [1] * 6], ids=["separated", "no events", "all events"])
def test_a_fit_with_no_finite_coefficient_has_no_residuals_either(y, capfd):
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x", {"x": [-2.0, -1.0, 1.0, 2.0, 3.0, -3.0], "y": y}, "binomial")
    firms, years = [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]
    for kind in (*ROBUST, Clustered(firms), Clustered(firms, years), HAC(1), HAC(1, prewhiten=True)):
        with pytest.raises(nd.DataError, match="residuals are zero, or cancel, throughout"):
            covariance(fit, kind)
    assert np.isnan(covariance(fit, "observed")).all()
    assert capfd.readouterr() == ("", "")


def test_at_an_edge_the_rows_that_are_held_say_nothing():
    data = {"days": np.tile(np.arange(6.0), 2), "events": [0, 0, 0, 2, 9, 20, 0, 0, 0, 4, 8, 17]}
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("events ~ days", data, "poisson", "identity")
    rows = np.asarray(data["days"]) > 0
    free = nd.glm("events ~ 0 + days", {name: np.asarray(v)[rows] for name, v in data.items()}, "poisson", "identity")
    for kind in ("HC0", "HC2", "HC3", "observed"):
        ours = with_covariance(fit, kind)
        assert np.isnan(ours.se["Intercept"])
        assert ours.se["days"] == pytest.approx(np.sqrt(covariance(free, kind)[0, 0]), rel=1e-8)


def test_robust_standard_errors_of_predictions_do_not_fall_back_on_the_model():
    """A cancellation that only the model's root could resolve gives nan and a word under another covariance."""
    t = 1e7 + np.arange(40.0)
    y = np.random.default_rng(8).normal(size=40) + np.arange(40.0)
    fit = nd.glm("y ~ t", {"t": t, "y": y})
    robust = with_covariance(fit, "HC0")
    assert np.isfinite(fit.predict({"t": [1e7 + 3.0]}, interval="confidence")["se"]).all()
    with pytest.warns(nd.IllConditionedWarning, match="lost to rounding"):
        assert np.isnan(robust.predict({"t": [1e7 + 3.0]}, interval="confidence")["se"]).all()


def test_the_names_of_all_kinds_are_listed():
    assert list(COVARIANCES) == sorted(COVARIANCES)
    assert all(kind.name == name for name, kind in COVARIANCES.items())


@pytest.mark.parametrize("room", [1, 200, 10**6])
def test_clusters_that_hold_coefficients_are_found_some_at_a_time(monkeypatch, room):
    random, n = np.random.default_rng(8), 400
    level = np.repeat(np.arange(40), 10)
    data = {"y": random.normal(size=n), "x": random.normal(size=n), "g": np.array([f"g{k:02}" for k in level])}
    fit = nd.glm("y ~ x + g", data)
    monkeypatch.setattr(clustered, "AT_ONCE", room)
    with pytest.warns(
        nd.NelderWarning, match=r"nothing would be known of Intercept, g\[T.g01\], .*g\[T.g09\], …,"
    ) as heard:
        found = fit.with_covariance(Clustered("g"))
    assert len(heard) == 1 and "known of x" not in str(heard[0].message)
    X = np.concatenate([block.dense() for block in fit.objective.design.handles])
    score = X * (data["y"] - X @ np.asarray(fit.coef))[:, None]
    sums = np.stack([score[level == k].sum(axis=0) for k in range(40)])
    bread = np.linalg.inv(X.T @ X)
    expected = 40 / 39 * (n - 1) / fit.df_resid * bread @ sums.T @ sums @ bread
    assert found.se["x"] == pytest.approx(np.sqrt(expected[1, 1]), rel=1e-9)
