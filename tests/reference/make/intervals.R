# Writes intervals.json: profile and score intervals, profiles by MASS, and
# likelihood-ratio and score tests.
#
#   Rscript tests/reference/make/intervals.R

suppressPackageStartupMessages({
  library(MASS)
  library(statmod)
})
source("tests/reference/make/common.R")
options(warn = 1)

versions <- list(R = paste(R.version$major, R.version$minor, sep = "."),
                 MASS = as.character(packageVersion("MASS")),
                 statmod = as.character(packageVersion("statmod")))

r_family <- function(family, link) {
  switch(family,
    gaussian = gaussian(link), binomial = binomial(link), poisson = poisson(link),
    gamma = Gamma(link), inverse_gaussian = inverse.gaussian(link),
    quasipoisson = quasipoisson(link), quasibinomial = quasibinomial(link),
    "negative_binomial(1.5)" = negative.binomial(theta = 1.5, link = link),
    "tweedie(1.5)" = tweedie(var.power = 1.5, link.power = c(log = 0)[[link]]),
    stop(family))
}

known_dispersion <- function(family) {
  family %in% c("binomial", "poisson", "negative_binomial(1.5)")
}

# glm stops on the deviance, which is flat at the optimum: restarted at its
# solution until its coefficients stand still. It may leap away from a start that
# is far off, without a word, so that two starts are tried and the lower one kept.
at_rest <- function(X, y, weights, offset, family, start = NULL) {
  if (ncol(X) == 0) return(glm.fit(X, y, weights, offset = offset, family = family))
  from <- function(start, control) {
    suppressWarnings(glm.fit(X, y, weights, start = start, offset = offset, family = family,
                             control = control))
  }
  loose <- glm.control(epsilon = 1e-10, maxit = 100)
  tried <- lapply(list(NULL, start), function(start) try(from(start, loose), silent = TRUE))
  tried <- Filter(function(fit) !inherits(fit, "try-error"), tried)
  fit <- tried[[which.min(vapply(tried, deviance, 0))]]
  for (round in 1:12) {
    start <- coef(fit)
    fit <- from(start, loose)
    if (max(abs(coef(fit) - start) / (abs(start) + 1e-6)) < 1e-13) break
  }
  stopifnot(fit$converged)
  fit
}

# ---- a fit and its pieces ---------------------------------------------------

pieces <- function(case) {
  arguments <- list(formula = as.formula(case$r_formula), family = r_family(case$family, case$link),
                    data = read_table(case$table), na.action = na.omit,
                    control = glm.control(epsilon = 1e-14, maxit = 200))
  if (!is.null(case$weights)) arguments$weights <- as.name(case$weights)
  fit <- do.call(glm, arguments)
  offset <- if (is.null(fit$offset)) rep(0, length(fit$y)) else fit$offset
  rested <- at_rest(model.matrix(fit), fit$y, fit$prior.weights, offset, fit$family, coef(fit))
  dispersion <- 1
  if (!known_dispersion(case$family)) {
    dispersion <- sum(rested$weights * rested$residuals^2) / rested$df.residual
  }
  list(fit = fit, X = model.matrix(fit), y = fit$y, weights = fit$prior.weights, offset = offset,
       beta = coef(rested), deviance = rested$deviance, df = rested$df.residual,
       dispersion = dispersion, family = fit$family)
}

# With coefficient j held at b: the signed root of the deviance, and the score
# of coefficient j, whose square is U' I^-1 U, both in units of sqrt(dispersion).
held <- function(p, j, b, start) {
  fit <- at_rest(p$X[, -j, drop = FALSE], p$y, p$weights, p$offset + p$X[, j] * b, p$family, start)
  root <- sign(b - p$beta[j]) * sqrt(max(fit$deviance - p$deviance, 0) / p$dispersion)
  good <- fit$weights > 0
  w <- sqrt(fit$weights[good])
  own <- w * p$X[good, j]
  rest <- if (ncol(p$X) > 1) qr.resid(qr(w * p$X[good, -j, drop = FALSE]), own) else own
  score <- -sum(rest * w * fit$residuals[good]) / sqrt(sum(rest^2) * p$dispersion)
  list(root = root, score = score, start = if (ncol(p$X) > 1) coef(fit) else NULL)
}

# Where a statistic reaches a quantile, outward from the estimate.
end_of <- function(p, j, side, reach, which) {
  step <- side * reach * sqrt(p$dispersion * solve(information(p))[j, j])
  value <- function(b) side * held(p, j, b, if (ncol(p$X) > 1) p$beta[-j] else NULL)[[which]] - reach
  near <- p$beta[[j]]
  far <- near + step
  while (value(far) < 0) far <- far + step / 2
  uniroot(value, sort(c(near + step / 1e3, far)), tol = 1e-14, maxiter = 200)$root
}

information <- function(p) {
  eta <- drop(p$X %*% p$beta) + p$offset
  mu <- p$family$linkinv(eta)
  w <- p$weights * p$family$mu.eta(eta)^2 / p$family$variance(mu)
  crossprod(p$X, w * p$X)
}

interval_record <- function(case) {
  if (is.null(case$r_formula)) case$r_formula <- case$formula
  p <- pieces(case)
  known <- known_dispersion(case$family)
  reach <- if (known) qnorm(0.975) else qt(0.975, p$df)
  ends <- function(which, j) c(end_of(p, j, -1, reach, which), end_of(p, j, 1, reach, which))
  every <- seq_along(p$beta)
  by_mass <- NULL
  # negative.binomial() and tweedie() have a dispersion in R, or no profile
  if (!grepl("[(]", case$family)) {
    by_mass <- suppressMessages(confint(p$fit))
    by_mass <- unname(if (is.matrix(by_mass)) by_mass else t(by_mass))
  }
  list(id = case$id, table = case$table, formula = case$formula, r_formula = case$r_formula,
       family = case$family, link = case$link, weights = case$weights,
       r_names = as_list(names(p$beta)), dispersion = p$dispersion, df_resid = p$df,
       profile = t(vapply(every, function(j) ends("root", j), c(0, 0))),
       score = t(vapply(every, function(j) ends("score", j), c(0, 0))),
       mass = by_mass)
}

# ---- profiles by MASS -------------------------------------------------------

# glm, restarted until its coefficients stand still.
settled <- function(case, formula) {
  table <- read_table(case$table)
  arguments <- list(formula = as.formula(formula), family = r_family(case$family, case$link),
                    data = table[complete.cases(table), ], control = glm.control(epsilon = 1e-10))
  if (!is.null(case$weights)) arguments$weights <- as.name(case$weights)
  fit <- do.call(glm, arguments)
  for (round in 1:60) {
    arguments$start <- coef(fit)
    fit <- do.call(glm, arguments)
    if (max(abs(coef(fit) - arguments$start) / (abs(coef(fit)) + 1e-6)) < 1e-13) break
  }
  fit
}

profile_record <- function(case) {
  fit <- settled(case, case$formula)
  fit$control <- glm.control(epsilon = 1e-13, maxit = 200)  # which profile() hands on
  made <- profile(fit)[[case$which]]
  list(id = paste0("profile-", case$id), table = case$table, formula = case$formula,
       family = case$family, link = case$link, weights = case$weights,
       column = match(case$which, names(coef(fit))), root = as_list(made[, 1]),
       par_vals = unname(made$par.vals))
}

# ---- tests ------------------------------------------------------------------

test_record <- function(case) {
  fit <- function(formula) settled(case, formula)
  larger <- fit(if (is.null(case$r_formula)) case$formula else case$r_formula)
  smaller <- fit(case$smaller)
  usual <- if (known_dispersion(case$family)) "Chisq" else "F"
  dispersion <- if (known_dispersion(case$family)) 1 else summary(larger)$dispersion
  by_ratio <- anova(smaller, larger, test = usual, dispersion = if (usual == "F") NULL else 1)
  by_score <- anova(smaller, larger, test = "Rao", dispersion = dispersion)
  list(id = case$id, table = case$table, formula = case$formula, family = case$family,
       link = case$link, weights = case$weights, hypothesis = case$hypothesis,
       smaller = case$smaller, test = usual, df = by_ratio$Df[2], df_resid = larger$df.residual,
       statistic = if (usual == "F") by_ratio$F[2] else by_ratio$Deviance[2],
       p = by_ratio[[length(by_ratio)]][2],
       rao = by_score$Rao[2] / dispersion, rao_p = by_score[["Pr(>Chi)"]][2])
}

column_record <- function(case) {
  fit <- settled(case, case$formula)
  added <- as.matrix(fit$data[case$columns])
  list(id = case$id, table = case$table, formula = case$formula, family = case$family,
       link = case$link, weights = case$weights, columns = as_list(case$columns),
       z = as_list(unname(glm.scoretest(fit, added))))
}

proportions_record <- function(id, successes, trials) {
  made <- suppressWarnings(prop.test(successes, trials, correct = FALSE))
  list(id = id, successes = as_list(successes), trials = as_list(trials),
       chi2 = unname(made$statistic), df = unname(made$parameter), p = made$p.value,
       interval = if (length(successes) == 1) as_list(as.vector(made$conf.int)) else NULL)
}

# ---- the cases --------------------------------------------------------------

intervals <- list(
  list(id = "binomial-logit-birthwt", table = "birthwt", formula = "low ~ age + lwt + race + smoke",
       family = "binomial", link = "logit"),
  list(id = "binomial-logit-infert", table = "infert", formula = "case ~ age + spontaneous + induced",
       family = "binomial", link = "logit"),
  list(id = "binomial-probit-bacteria", table = "bacteria", formula = "y ~ trt + week",
       family = "binomial", link = "probit"),
  list(id = "binomial-cloglog-menarche", table = "menarche", formula = "cbind(Menarche, Not) ~ Age",
       family = "binomial", link = "cloglog"),
  list(id = "binomial-logit-budworm", table = "budworm", formula = "cbind(dead, alive) ~ sex*ldose",
       family = "binomial", link = "logit"),
  list(id = "binomial-logit-weights", table = "menarche", formula = "prop ~ Age",
       family = "binomial", link = "logit", weights = "Total"),
  list(id = "poisson-log-warpbreaks", table = "warpbreaks", formula = "breaks ~ wool*tension",
       family = "poisson", link = "log"),
  list(id = "poisson-log-insurance-offset", table = "insurance",
       formula = "Claims ~ District + Group + Age + offset(log(Holders))", family = "poisson", link = "log"),
  list(id = "poisson-sqrt-quine", table = "quine", formula = "Days ~ Eth + Sex", family = "poisson",
       link = "sqrt"),
  list(id = "poisson-identity-warpbreaks", table = "warpbreaks", formula = "breaks ~ wool + tension",
       family = "poisson", link = "identity"),
  list(id = "poisson-log-constant", table = "discoveries", formula = "count ~ 1", family = "poisson",
       link = "log"),
  list(id = "gaussian-identity-mtcars", table = "mtcars", formula = "mpg ~ wt + hp", family = "gaussian",
       link = "identity"),
  list(id = "gaussian-identity-longley-weights", table = "longley",
       formula = "Employed ~ Unemployed + Armed_Forces", family = "gaussian", link = "identity",
       weights = "Population"),
  list(id = "gaussian-log-trees", table = "trees", formula = "Volume ~ log(Girth) + log(Height)",
       family = "gaussian", link = "log"),
  list(id = "gamma-inverse-clotting", table = "clotting", formula = "lot1 ~ log(u)", family = "gamma",
       link = "inverse"),
  list(id = "gamma-log-leuk", table = "leuk", formula = "time ~ ag + log(wbc)", family = "gamma",
       link = "log"),
  list(id = "gamma-log-mtcars-weights", table = "mtcars", formula = "mpg ~ wt + qsec", family = "gamma",
       link = "log", weights = "carb"),
  list(id = "inverse_gaussian-log-trees", table = "trees", formula = "Volume ~ log(Girth) + log(Height)",
       family = "inverse_gaussian", link = "log"),
  list(id = "quasipoisson-log-quine", table = "quine", formula = "Days ~ Eth + Sex + Age + Lrn",
       family = "quasipoisson", link = "log"),
  list(id = "quasibinomial-logit-esoph", table = "esoph", formula = "cbind(ncases, ncontrols) ~ agegp + alcgp",
       family = "quasibinomial", link = "logit"),
  list(id = "negative_binomial-log-quine", table = "quine", formula = "Days ~ Eth + Sex + Age",
       family = "negative_binomial(1.5)", link = "log"),
  list(id = "tweedie-log-quine", table = "quine", formula = "Days ~ Eth + Sex", family = "tweedie(1.5)",
       link = "log")
)

profiles <- list(
  list(id = "birthwt-lwt", table = "birthwt", formula = "low ~ age + lwt + race + smoke",
       family = "binomial", link = "logit", which = "lwt"),
  list(id = "warpbreaks-wool", table = "warpbreaks", formula = "breaks ~ wool*tension",
       family = "poisson", link = "log", which = "woolB"),
  list(id = "trees-girth", table = "trees", formula = "Volume ~ log(Girth) + log(Height)",
       family = "gaussian", link = "log", which = "log(Girth)"),
  list(id = "leuk-wbc", table = "leuk", formula = "time ~ ag + log(wbc)", family = "gamma",
       link = "log", which = "log(wbc)"),
  list(id = "quine-eth", table = "quine", formula = "Days ~ Eth + Sex", family = "quasipoisson",
       link = "log", which = "EthN")
)

tests <- list(
  list(id = "birthwt-race", table = "birthwt", formula = "low ~ age + lwt + race + smoke",
       family = "binomial", link = "logit", hypothesis = "race", smaller = "low ~ age + lwt + smoke"),
  list(id = "birthwt-equal", table = "birthwt", formula = "low ~ age + lwt + race + smoke",
       family = "binomial", link = "logit", hypothesis = "race[T.other] = race[T.white]",
       smaller = "low ~ age + lwt + I(race != 'black') + smoke"),
  list(id = "birthwt-value", table = "birthwt", formula = "low ~ age + lwt + smoke",
       family = "binomial", link = "logit", hypothesis = "smoke = 1, lwt = -0.02",
       smaller = "low ~ age + offset(smoke - 0.02 * lwt)"),
  list(id = "warpbreaks-interaction", table = "warpbreaks", formula = "breaks ~ wool*tension",
       family = "poisson", link = "log", hypothesis = "wool:tension", smaller = "breaks ~ wool + tension"),
  list(id = "bacteria-trt", table = "bacteria", formula = "y ~ trt + week", family = "binomial",
       link = "cloglog", hypothesis = "trt", smaller = "y ~ week"),
  list(id = "mtcars-hp", table = "mtcars", formula = "mpg ~ wt + hp", family = "gaussian",
       link = "identity", hypothesis = "hp", smaller = "mpg ~ wt"),
  list(id = "leuk-both", table = "leuk", formula = "time ~ ag + log(wbc)", family = "gamma",
       link = "log", hypothesis = "ag[T.present] = 0, log(wbc) = 0", smaller = "time ~ 1"),
  list(id = "trees-slope", table = "trees", formula = "Volume ~ log(Girth) + log(Height)",
       family = "inverse_gaussian", link = "log", hypothesis = "log(Girth) = 2",
       smaller = "Volume ~ log(Height) + offset(2 * log(Girth))"),
  list(id = "quine-age", table = "quine", formula = "Days ~ Eth + Sex + Age", family = "quasipoisson",
       link = "log", hypothesis = "Age", smaller = "Days ~ Eth + Sex"),
  list(id = "menarche-weights", table = "menarche", formula = "prop ~ Age", family = "binomial",
       link = "probit", weights = "Total", hypothesis = "Age = 0.8",
       smaller = "prop ~ 1 + offset(0.8 * Age)")
)

columns <- list(
  list(id = "birthwt-columns", table = "birthwt", formula = "low ~ age", family = "binomial",
       link = "logit", columns = c("lwt", "smoke", "ht", "ui", "ftv")),
  list(id = "epil-columns", table = "epil", formula = "y ~ trt", family = "poisson", link = "log",
       columns = c("lbase", "lage", "V4")),
  list(id = "mtcars-columns", table = "mtcars", formula = "mpg ~ wt", family = "gamma", link = "log",
       weights = "carb", columns = c("hp", "qsec", "am")),
  list(id = "swiss-columns", table = "swiss", formula = "Fertility ~ Education", family = "gaussian",
       link = "identity", columns = c("Catholic", "Agriculture", "Infant_Mortality"))
)

write_records(c(
  list(c(list(id = "versions"), versions)),
  lapply(intervals, interval_record),
  lapply(profiles, profile_record),
  lapply(tests, test_record),
  lapply(columns, column_record),
  list(proportions_record("one-proportion", 7, 20),
       proportions_record("no-success", 0, 15),
       proportions_record("two-proportions", c(15, 25), c(50, 50)),
       proportions_record("four-proportions", c(83, 90, 129, 70), c(86, 93, 136, 82)))
), "intervals.json")
