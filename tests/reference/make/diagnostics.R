# Writes diagnostics.json: residuals, influence, prediction intervals, distribution
# functions and bootstrap intervals of R, statmod and boot.
#
#   Rscript tests/reference/make/diagnostics.R

suppressPackageStartupMessages({
  library(boot)
  library(MASS)
  library(statmod)
})
source("tests/reference/make/common.R")
options(warn = 1)

# ---- fits ---------------------------------------------------------------------

# glm stops on the deviance; restarted at its solution it comes to rest.
fit_to_rest <- function(arguments) {
  arguments$control <- list(epsilon = 1e-14, maxit = 200)
  fit <- do.call(glm, arguments)
  for (round in 1:60) {
    arguments$start <- coef(fit)
    again <- do.call(glm, arguments)
    moved <- max(abs(coef(again) - coef(fit)) / pmax(abs(coef(fit)), 1e-300))
    fit <- again
    if (moved < 1e-14) break
  }
  fit
}

families <- list(
  gaussian = function(link, option) gaussian(link),
  binomial = function(link, option) binomial(link),
  poisson = function(link, option) poisson(link),
  gamma = function(link, option) Gamma(link),
  inverse_gaussian = function(link, option) inverse.gaussian(if (link == "inverse_squared") "1/mu^2" else link),
  quasipoisson = function(link, option) quasipoisson(link),
  quasibinomial = function(link, option) quasibinomial(link),
  negative_binomial = function(link, option) negative.binomial(option, link),
  tweedie = function(link, option) tweedie(option, c(log = 0, identity = 1, inverse = -1)[[link]])
)
known <- c("binomial", "poisson", "negative_binomial")

# ---- Anscombe's residual, from its definition ---------------------------------

# The integral of V^(-1/3) from mu to y by R's integrate, over V(mu)^(1/6).
anscombe <- function(fit) {
  v <- fit$family$variance
  one <- function(y, mu) {
    if (y == mu) return(0)
    # t = mu + (y - mu) (1 - (1 - s)^3) takes the singularity at an end of the means away
    inside <- function(s) v(y - (y - mu) * (1 - s)^3)^(-1 / 3) * 3 * (1 - s)^2 * (y - mu)
    integrate(inside, 0, 1, rel.tol = 1e-12, subdivisions = 2000)$value / v(mu)^(1 / 6)
  }
  sqrt(fit$prior.weights) * mapply(one, fit$y, fitted(fit))
}

# ---- quantile residuals -------------------------------------------------------

# statmod's, except that those of an inverse Gaussian leave weights out: here they divide the dispersion.
quantiles <- function(fit, dispersion) {
  if (fit$family$family != "inverse.gaussian") return(qresiduals(fit, dispersion = dispersion))
  tail <- function(lower) {
    log_p <- pinvgauss(fit$y, fitted(fit), dispersion = dispersion / fit$prior.weights, lower.tail = lower, log.p = TRUE)
    qnorm(log_p, lower.tail = lower, log.p = TRUE)
  }
  found <- ifelse(fit$y > fitted(fit), tail(FALSE), tail(TRUE))
  if (all(fit$prior.weights == 1)) stopifnot(all.equal(unname(found), unname(qresiduals(fit, dispersion = dispersion))))
  found
}

# ---- one record ---------------------------------------------------------------

diagnose <- function(id, table, formula, family, link, option = NULL, weights = NULL, start = NULL) {
  arguments <- list(formula = as.formula(formula), family = families[[family]](link, option),
                    data = read_table(table), na.action = na.omit)
  if (!is.null(weights)) arguments$weights <- as.name(weights)
  if (!is.null(start)) arguments$start <- start
  fit <- withCallingHandlers(fit_to_rest(arguments), warning = function(w) {
    message(id, ": ", conditionMessage(w))
  })
  stopifnot(fit$converged, !fit$boundary)
  # a negative binomial with a given theta is a full likelihood here, of dispersion 1
  dispersion <- if (family %in% known) 1 else summary(fit)$dispersion
  shown <- seq_len(min(40, length(fitted(fit))))  # rows to write down
  some <- function(x) as_list(unname(x)[shown])
  h <- hatvalues(fit)
  d <- residuals(fit, "deviance")
  p <- residuals(fit, "pearson")
  infl <- influence(fit)
  rank <- fit$rank
  if (family != "negative_binomial") {
    stopifnot(all.equal(cooks.distance(fit), p^2 * h / (1 - h)^2 / dispersion / rank),
              all.equal(rstandard(fit), d / sqrt(dispersion * (1 - h))))
  }
  joint <- sign(d) * sqrt(d^2 + h * p^2 / (1 - h))
  if (family %in% c("binomial", "poisson")) stopifnot(all.equal(joint, rstudent(fit)))

  # the deviance that all rows gain at each one-step estimate without a row
  X <- model.matrix(fit)
  keep <- !is.na(coef(fit))
  w <- fit$weights
  bread <- chol2inv(chol(crossprod(X[, keep] * sqrt(w))))
  offset <- if (is.null(fit$offset)) 0 else fit$offset
  gain <- vapply(shown, function(i) {
    z <- (fit$y[i] - fitted(fit)[i]) / fit$family$mu.eta(fit$linear.predictors[i])
    beta <- coef(fit)[keep] - bread %*% X[i, keep] * w[i] * z / (1 - h[i])
    eta <- drop(X[, keep] %*% beta) + offset
    if (!fit$family$valideta(eta)) return(NA_real_)
    mu <- fit$family$linkinv(eta)
    if (!fit$family$validmu(mu)) return(NA_real_)
    sum(fit$family$dev.resids(fit$y, mu, fit$prior.weights)) - deviance(fit)
  }, 0)

  decreasing <- fit$family$mu.eta(fit$linear.predictors[1]) < 0
  shift <- dfbeta(fit) * if (decreasing) -1 else 1
  shifts <- dfbetas(fit) * if (decreasing) -1 else 1
  measures <- influence.measures(fit)$is.inf
  continuous <- family %in% c("gaussian", "gamma", "inverse_gaussian")
  list(
    id = id, table = table, formula = gsub("^", "**", formula, fixed = TRUE),
    family = family, option = option, link = link, weights = weights,
    leverage = some(h),
    sigma = some(infl$sigma),
    standardised = some(d / sqrt(dispersion * (1 - h))),
    standardised_pearson = some(p / sqrt(dispersion * (1 - h))),
    studentised = some(if (family %in% known) joint else rstudent(fit)),
    anscombe = some(anscombe(fit)),
    partial = unname(residuals(fit, "partial"))[shown, , drop = FALSE],
    quantile = if (continuous) some(quantiles(fit, dispersion)) else NULL,
    cook = some(p^2 * h / (1 - h)^2 / dispersion / rank),
    dffits = some(dffits(fit)),
    covratio = some(covratio(fit)),
    dfbeta = unname(shift)[shown, , drop = FALSE],
    dfbetas = unname(shifts)[shown, , drop = FALSE],
    displacement = as_list(gain / dispersion),
    # R judges a negative binomial's Cook's distance with an estimated dispersion
    influential = if (family == "negative_binomial") NULL else some(apply(measures, 1, any)),
    interval = if (family == "gaussian" && link == "identity") interval_of(table, formula, weights) else NULL
  )
}

# predict.lm's interval for a new observation, at the rows of the fit and with weights 1 and 2.5
interval_of <- function(table, formula, weights) {
  arguments <- list(formula = as.formula(formula), data = read_table(table), na.action = na.omit)
  if (!is.null(weights)) arguments$weights <- as.name(weights)
  fit <- do.call(lm, arguments)
  data <- read_table(table)[as.integer(names(fitted(fit))), ]
  own <- if (is.null(weights)) 1 else data[[weights]]
  at <- function(w) {
    found <- suppressWarnings(predict(fit, data, interval = "prediction", weights = w, level = 0.9))
    unname(found)[seq_len(min(40, nrow(found))), ]
  }
  list(own = at(own), one = at(1), heavy = at(2.5))
}

cases <- list(
  list("gaussian-mtcars", "mtcars", "mpg ~ wt + hp", "gaussian", "identity"),
  list("gaussian-cars-poly", "cars", "dist ~ poly(speed, 2)", "gaussian", "identity"),
  list("gaussian-stackloss", "stackloss", "stack_loss ~ Air_Flow + Water_Temp + Acid_Conc_", "gaussian",
       "identity"),
  list("gaussian-plantgrowth-means", "plantgrowth", "weight ~ 0 + group", "gaussian", "identity"),
  list("gaussian-longley-weights", "longley", "Employed ~ Unemployed + Armed_Forces", "gaussian",
       "identity", weights = "Population"),
  list("gaussian-anorexia-offset", "anorexia", "Postwt ~ Prewt + Treat + offset(Prewt)", "gaussian", "identity"),
  list("gaussian-log-trees", "trees", "Volume ~ log(Girth) + log(Height)", "gaussian", "log"),
  list("gaussian-inverse-clotting-weights", "clotting", "lot1 ~ log(u)", "gaussian", "inverse", weights = "lot2"),
  list("binomial-logit-birthwt", "birthwt", "low ~ age + lwt + smoke", "binomial", "logit"),
  list("binomial-probit-birthwt", "birthwt", "low ~ lwt + smoke", "binomial", "probit"),
  list("binomial-logit-menarche", "menarche", "prop ~ Age", "binomial", "logit", weights = "Total"),
  list("binomial-cloglog-budworm", "budworm", "cbind(dead, alive) ~ sex + ldose", "binomial", "cloglog"),
  list("binomial-logit-budworm", "budworm", "cbind(dead, alive) ~ sex*ldose", "binomial", "logit"),
  list("binomial-probit-snails", "snails", "cbind(Deaths, Survivors) ~ Species + log(Exposure) + Rel_Hum + Temp",
       "binomial", "probit"),
  list("binomial-cauchit-budworm", "budworm", "prop ~ sex + ldose", "binomial", "cauchit", weights = "n"),
  list("poisson-log-warpbreaks", "warpbreaks", "breaks ~ wool*tension", "poisson", "log"),
  list("poisson-log-insurance-offset", "insurance", "Claims ~ District + Group + Age + offset(log(Holders))",
       "poisson", "log"),
  list("poisson-log-ships-offset", "ships", "incidents ~ type + period + offset(log(service))", "poisson", "log"),
  list("poisson-identity-insectsprays", "insectsprays", "count ~ spray", "poisson", "identity"),
  list("poisson-sqrt-discoveries", "discoveries", "count ~ year", "poisson", "sqrt"),
  list("poisson-log-epil-weights", "epil", "y ~ trt + lbase", "poisson", "log", weights = "age"),
  list("gamma-inverse-clotting", "clotting", "lot1 ~ log(u)", "gamma", "inverse"),
  list("gamma-log-leuk", "leuk", "time ~ ag + log(wbc)", "gamma", "log"),
  list("gamma-log-trees-offset", "trees", "Volume ~ log(Girth) + offset(log(Height))", "gamma", "log"),
  list("gamma-log-mtcars-weights", "mtcars", "mpg ~ wt + qsec", "gamma", "log", weights = "carb"),
  list("gamma-identity-clotting", "clotting", "lot2 ~ I(1/u)", "gamma", "identity"),
  list("inverse_gaussian-log-trees", "trees", "Volume ~ log(Girth) + log(Height)", "inverse_gaussian", "log"),
  list("inverse_gaussian-inverse_squared-faithful", "faithful", "eruptions ~ waiting", "inverse_gaussian",
       "inverse_squared", start = c(0.5, -0.0048)),
  list("inverse_gaussian-log-mtcars-weights", "mtcars", "disp ~ wt + factor(gear)", "inverse_gaussian", "log",
       weights = "carb"),
  list("quasipoisson-log-quine", "quine", "Days ~ Eth + Sex + Age + Lrn", "quasipoisson", "log"),
  list("quasipoisson-log-insurance-weights", "insurance", "rate ~ District + Age", "quasipoisson", "log",
       weights = "Holders"),
  list("quasibinomial-logit-esoph", "esoph", "cbind(ncases, ncontrols) ~ agegp + alcgp", "quasibinomial", "logit"),
  list("negative_binomial-log-quine", "quine", "Days ~ Eth + Sex + Age", "negative_binomial", "log", option = 1.5),
  list("negative_binomial-sqrt-insectsprays", "insectsprays", "count ~ spray", "negative_binomial", "sqrt",
       option = 5),
  list("tweedie-1.5-log-quine", "quine", "Days ~ Eth + Sex + Age", "tweedie", "log", option = 1.5),
  list("tweedie-1.7-identity-airquality", "airquality", "Ozone ~ factor(Month)", "tweedie", "identity",
       option = 1.7)
)

# ---- distribution functions ---------------------------------------------------

# log P(Y <= y) and log P(Y > y); statmod's for the inverse Gaussian
tails <- function(family, y, mu, option) {
  both <- function(lower) switch(family,
    gaussian = pnorm(y, mu, sqrt(option), lower.tail = lower, log.p = TRUE),
    poisson = ppois(y, mu, lower.tail = lower, log.p = TRUE),
    binomial = pbinom(round(y * option), option, mu, lower.tail = lower, log.p = TRUE),
    negative_binomial = pnbinom(y, size = option, mu = mu, lower.tail = lower, log.p = TRUE),
    gamma = pgamma(y, shape = 1 / option, scale = mu * option, lower.tail = lower, log.p = TRUE),
    inverse_gaussian = pinvgauss(y, mu, dispersion = option, lower.tail = lower, log.p = TRUE))
  list(lower = as_list(both(TRUE)), upper = as_list(both(FALSE)))
}

law <- function(family, option, mu, y) {
  grid <- expand.grid(mu = mu, y = y)
  c(list(id = paste0("law-", family, "-", option), family = family, option = option,
         mu = as_list(grid$mu), y = as_list(grid$y)), tails(family, grid$y, grid$mu, option))
}

amounts <- c(1e-3, 0.1, 0.7, 1, 1.5, 4, 20, 300)
laws <- list(
  law("gaussian", 0.5, c(-1, 0, 3), c(-30, -2, 0, 0.5, 3, 20)),
  law("poisson", 1, c(1e-4, 0.3, 5, 80, 1e4), c(0, 1, 4, 17, 90, 500, 9900, 10400)),
  law("binomial", 40, c(1e-6, 0.02, 0.4, 0.97), c(0, 1, 7, 16, 30, 39, 40) / 40),
  law("negative_binomial", 0.3, c(0.01, 2, 50), c(0, 1, 6, 100, 2000)),
  law("negative_binomial", 25, c(0.01, 2, 50), c(0, 1, 6, 100, 900)),
  law("gamma", 0.2, c(0.1, 1, 30), amounts),
  law("gamma", 6, c(0.1, 1, 30), amounts),
  law("inverse_gaussian", 0.3, c(0.1, 1, 30), amounts),
  law("inverse_gaussian", 4, c(0.1, 1, 30), amounts)
)

# ---- bootstrap intervals ------------------------------------------------------

# boot.ci on draws that are given, with influence values that are given
ratio <- function(data, i) sum(data$x[i]) / sum(data$u[i])
set.seed(1972)
sample_of <- data.frame(u = rgamma(25, 3), x = rgamma(25, 5))
booted <- boot(sample_of, ratio, R = 399)
influence_values <- empinf(booted, type = "jack")
ends <- function(level) {
  found <- boot.ci(booted, conf = level, type = c("basic", "perc", "bca"), L = influence_values)
  list(basic = as_list(found$basic[4:5]), percentile = as_list(found$percent[4:5]), bca = as_list(found$bca[4:5]))
}
intervals <- list(
  id = "boot-ratio", draws = as_list(drop(booted$t)), estimate = booted$t0,
  acceleration = sum(influence_values^3) / (6 * sum(influence_values^2)^1.5),
  levels = as_list(c(0.5, 0.9, 0.95)),
  ends = list(ends(0.5), ends(0.9), ends(0.95)) |> setNames(c("0.5", "0.9", "0.95"))
)

# bca of the mean: its empirical influence values are the centred observations
values <- empinf(data = sample_of$x, statistic = function(x, w) sum(x * w) / sum(w), type = "inf", stype = "w")
acceleration <- sum(values^3) / (6 * sum(values^2)^1.5)

# ---- all of it ----------------------------------------------------------------

versions <- list(
  id = "versions", R = as.character(getRversion()), statmod = as.character(packageVersion("statmod")),
  MASS = as.character(packageVersion("MASS")), boot = as.character(packageVersion("boot"))
)
fits <- lapply(cases, function(case) do.call(diagnose, case))
means <- list(id = "boot-mean", x = as_list(sample_of$x), acceleration = acceleration)
records <- c(list(versions), fits, laws, list(intervals, means))
stopifnot(!anyDuplicated(vapply(records, `[[`, "", "id")))
write_records(records, "diagnostics.json")
message(length(fits), " fits and ", length(laws), " distributions")
