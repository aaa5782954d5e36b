# Writes shapes.json: MASS's glm.nb, gamma.shape and gamma.dispersion on the
# tables, and the likelihood of a Tweedie response by mgcv's densities.
#
#   Rscript tests/reference/make/shapes.R

suppressPackageStartupMessages({
  library(MASS)
  library(statmod)
  library(mgcv)
})
source("tests/reference/make/common.R")
options(warn = 1)

TIGHT <- list(epsilon = 1e-14, maxit = 200)
as_weights <- function(data, weights) if (is.null(weights)) rep(1, nrow(data)) else data[[weights]]

# A glm restarted at its own solution until it stands still.
at_rest <- function(formula, family, data, w) {
  data$w <- w
  environment(formula) <- environment()
  fit <- glm(formula, family, data, weights = w, control = TIGHT)
  for (round in 1:30) {
    before <- coef(fit)
    fit <- suppressWarnings(
      glm(formula, family, data, weights = w, control = TIGHT, start = before))
    if (max(abs(coef(fit) - before)) < 1e-14) break
  }
  fit
}

# ---- negative binomial ------------------------------------------------------

# glm.nb stops where the likelihood stands still, which leaves half the digits
# of theta open. Its two steps, repeated from there with tight criteria, do not.
negative_binomial_case <- function(id, table, formula, link = "log", weights = NULL) {
  data <- read_table(table)
  data <- data[complete.cases(data[all.vars(as.formula(formula))]), ]
  w <- as_weights(data, weights)
  data$w <- w
  first <- eval(bquote(glm.nb(.(as.formula(formula)), data, weights = w, link = .(as.name(link)),
                              control = glm.control(epsilon = 1e-12, maxit = 100))))
  theta <- first$theta
  for (round in 1:200) {
    fit <- at_rest(as.formula(formula), negative.binomial(theta, link), data, w)
    new <- suppressWarnings(theta.ml(fit$y, fitted(fit), sum(w), w, limit = 50, eps = 1e-13 * theta))
    moved <- abs(new / theta - 1)
    theta <- as.vector(new)
    if (moved < 1e-14) break
  }
  stopifnot(moved < 1e-12, abs(theta / first$theta - 1) < 1e-5)
  se <- summary(fit, dispersion = 1)$coefficients[, 2]
  y <- fit$y
  mu <- fitted(fit)
  twologlik <- 2 * sum(w * (lgamma(theta + y) - lgamma(theta) - lgamma(y + 1) + theta * log(theta) +
                              y * log(mu + (y == 0)) - (theta + y) * log(theta + mu)))
  stopifnot(abs(twologlik / first$twologlik - 1) < 1e-10)
  parameters <- length(coef(fit)) + 1
  list(
    id = id, kind = "negative_binomial", table = table, formula = formula, link = link,
    weights = weights, theta = theta, theta_se = attr(new, "SE"),
    coefficients = as_list(unname(coef(fit))), se = as_list(unname(se)),
    twologlik = twologlik, deviance = deviance(fit),
    null_deviance = if (grepl("offset", formula)) NULL else fit$null.deviance,
    aic = 2 * parameters - twologlik, bic = log(length(y)) * parameters - twologlik,
    packages = versions
  )
}

# Likelihood-ratio test of two models, theta estimated in each, as anova.negbin.
nested_case <- function(id, table, larger, smaller) {
  data <- read_table(table)
  fits <- lapply(c(larger, smaller), function(formula) {
    eval(bquote(glm.nb(.(as.formula(formula)), data, control = glm.control(epsilon = 1e-14, maxit = 100))))
  })
  compared <- anova(fits[[2]], fits[[1]])
  list(id = id, kind = "nested", table = table, formula = larger, smaller = smaller,
       statistic = compared[["LR stat."]][2], df = compared[["   df"]][2], p = compared[["Pr(Chi)"]][2],
       packages = versions)
}

# ---- gamma ------------------------------------------------------------------

gamma_case <- function(id, table, formula, link, weights = NULL) {
  data <- read_table(table)
  data <- data[complete.cases(data[all.vars(as.formula(formula))]), ]
  w <- as_weights(data, weights)
  fit <- at_rest(as.formula(formula), Gamma(link), data, w)
  shape <- suppressWarnings(gamma.shape(fit, it.lim = 50, eps.max = 1e-13))
  phi <- 1 / shape$alpha
  tests <- summary(fit, dispersion = phi)$coefficients
  list(
    id = id, kind = "gamma", table = table, formula = formula, link = link, weights = weights,
    alpha = shape$alpha, alpha_se = shape$SE, dispersion = phi,
    pearson = summary(fit)$dispersion, deviance = deviance(fit) / df.residual(fit),
    se = as_list(unname(tests[, 2])), z = as_list(unname(tests[, 3])), p = as_list(unname(tests[, 4])),
    packages = versions
  )
}

# ---- Tweedie ----------------------------------------------------------------

# Newton's method on log phi and the power, with mgcv's derivatives of the
# density, and the coefficients at rest in between.
tweedie_case <- function(id, table, formula, weights = NULL, start = 1.5) {
  data <- read_table(table)
  data <- data[complete.cases(data[all.vars(as.formula(formula))]), ]
  w <- as_weights(data, weights)
  power <- start
  rho <- NA
  for (round in 1:100) {
    fit <- at_rest(as.formula(formula), tweedie(var.power = power, link.power = 0), data, w)
    if (is.na(rho)) rho <- log(summary(fit)$dispersion)
    d <- colSums(derivatives(fit$y, fitted(fit), power, rho, w))
    information <- -matrix(d[c("rr", "rp", "rp", "pp")], 2)
    step <- solve(information, d[c("r", "p")])
    step <- step * min(1, 0.2 / max(abs(step)))
    rho <- rho + step[1]
    power <- power + step[2]
    if (max(abs(step)) < 1e-13) break
  }
  stopifnot(max(abs(step)) < 1e-11, power > 1.02, power < 1.98)
  # AIC counts coefficients, phi and the power
  loglik <- d[["density"]]
  errors <- sqrt(diag(solve(information)))
  list(
    id = id, kind = "tweedie", table = table, formula = formula, weights = weights,
    power = power, power_se = errors[2], phi = exp(rho),
    loglik = loglik, aic = 2 * (length(coef(fit)) + 2) - 2 * loglik,
    coefficients = as_list(unname(coef(fit))), deviance = deviance(fit),
    packages = versions
  )
}

# Log density of each row and its derivatives in rho = log phi and the power;
# mgcv gives them in phi and the power, phi being that of the row.
derivatives <- function(y, mu, power, rho, w) {
  phi <- exp(rho) / w
  d <- do.call(rbind, lapply(seq_along(y), function(i) ldTweedie(y[i], mu[i], power, phi[i])))
  cbind(density = d[, 1], r = phi * d[, 2], p = d[, 4], rr = phi^2 * d[, 3] + phi * d[, 2],
        pp = d[, 5], rp = phi * d[, 6])
}

versions <- paste0("R ", getRversion(), ", MASS ", packageVersion("MASS"), ", mgcv ", packageVersion("mgcv"),
                   ", statmod ", packageVersion("statmod"))

records <- list(
  negative_binomial_case("nb-quine", "quine", "Days ~ Eth + Sex + Age + Lrn"),
  negative_binomial_case("nb-quine-interactions", "quine", "Days ~ Sex*Age + Eth*Lrn"),
  negative_binomial_case("nb-quine-sqrt", "quine", "Days ~ Eth + Age", link = "sqrt"),
  negative_binomial_case("nb-epil", "epil", "y ~ lbase*trt + lage + V4"),
  negative_binomial_case("nb-epil-weights", "epil", "y ~ lbase + trt", weights = "period"),
  negative_binomial_case("nb-insectsprays", "insectsprays", "count ~ spray"),
  negative_binomial_case("nb-discoveries", "discoveries", "count ~ 1"),
  negative_binomial_case("nb-discoveries-trend", "discoveries", "count ~ year"),
  negative_binomial_case("nb-warpbreaks", "warpbreaks", "breaks ~ wool*tension"),
  negative_binomial_case("nb-warpbreaks-identity", "warpbreaks", "breaks ~ wool + tension", link = "identity"),
  negative_binomial_case("nb-airquality", "airquality", "Ozone ~ Wind + Temp"),
  negative_binomial_case("nb-insurance-offset", "insurance", "Claims ~ Group + offset(log(Holders))"),
  negative_binomial_case("nb-insurance-no-offset", "insurance", "Claims ~ District + Group + Age"),
  nested_case("nested-quine", "quine", "Days ~ Eth + Sex + Age + Lrn", "Days ~ Eth + Age"),
  nested_case("nested-epil", "epil", "y ~ lbase*trt + lage + V4", "y ~ lbase + lage + V4"),
  gamma_case("gamma-clotting", "clotting", "lot1 ~ log(u)", "inverse"),
  gamma_case("gamma-leuk", "leuk", "time ~ ag + log(wbc)", "log"),
  gamma_case("gamma-trees", "trees", "Volume ~ log(Girth) + log(Height)", "log"),
  gamma_case("gamma-airquality-weights", "airquality", "Ozone ~ Wind + Temp", "log", weights = "Month"),
  gamma_case("gamma-chickwts", "chickwts", "weight ~ feed", "identity"),
  tweedie_case("tweedie-quine", "quine", "Days ~ Eth + Age"),
  tweedie_case("tweedie-epil", "epil", "y ~ trt + lbase"),
  tweedie_case("tweedie-airquality", "airquality", "Ozone ~ Wind + Temp"),
  tweedie_case("tweedie-airquality-weights", "airquality", "Ozone ~ Temp", weights = "Month"),
  tweedie_case("tweedie-epil-weights", "epil", "y ~ trt + age", weights = "period")
)
write_records(records, "shapes.json")
