# Writes bias_reduction.json: brglm2's fits with reduced mean and median bias and under Jeffreys' prior, on the
# tables; where brglm2 has no such family, roots of the same adjusted scores from their definition; and intervals.
#
#   Rscript tests/reference/make/bias_reduction.R

suppressPackageStartupMessages(library(brglm2))
source("tests/reference/make/common.R")
options(warn = 1)

TYPES <- c(firth = "AS_mean", median_bias = "AS_median", jeffreys = "MPL_Jeffreys",
           `firth(dispersion=median)` = "AS_mixed")

# brglm2 stops where the sum of |steps| is below epsilon.
to_rest <- function(formula, family, table, type, weights, a) {
  arguments <- list(formula = formula, family = family, data = table, method = "brglmFit", type = type,
                    a = a, epsilon = 1e-12, maxit = 20000, max_step_factor = 15)
  if (!is.null(weights)) arguments$weights <- as.name(weights)
  suppressWarnings(do.call(glm, arguments))
}

known <- function(family) family %in% c("binomial", "poisson")

# How far a last step would move a coefficient or the dispersion, in standard errors of it and relative.
last_step <- function(fit) {
  beta <- !is.na(coef(fit))
  step <- vcov(fit)[beta, beta] %*% fit$grad[c(beta, FALSE)]
  moved <- max(abs(step) / sqrt(diag(vcov(fit))[beta]))
  if (known(fit$family$family)) return(moved)
  max(moved, abs(fit$grad[[length(fit$grad)]] / fit$info_transformed_dispersion) / fit$dispersion)
}

record_of <- function(id, table, formula, family, link, penalty, weights = NULL, a = 0.5) {
  data <- read_table(table)
  family_of <- switch(family, gamma = Gamma(link), inverse_gaussian = inverse.gaussian(link),
                      get(family)(link))
  fit <- to_rest(as.formula(formula), family_of, data, TYPES[[penalty]], weights, a)
  moved <- last_step(fit)
  if (moved > 1e-9) stop(id, " ", penalty, ": not at rest, a step moves ", moved)
  summarised <- summary(fit)
  list(
    id = id, table = table, formula = formula, family = family, link = link, penalty = penalty, weights = weights,
    power = a, made_by = "brglm2",
    r_names = as_list(names(coef(fit))),
    coefficients = as_list(unname(coef(fit))),
    se = as_list(unname(sqrt(diag(vcov(fit)))[names(coef(fit))])),
    dispersion = summarised$dispersion,
    deviance = deviance(fit),
    loglik = as.numeric(logLik(fit)),
    aic = AIC(fit),
    last_step = moved
  )
}

models <- list(
  # finite maxima of the likelihood
  list("birthwt-logit", "birthwt", "low ~ age + lwt + race + smoke", "binomial", "logit"),
  list("birthwt-probit", "birthwt", "low ~ lwt + race + smoke + ht", "binomial", "probit"),
  list("bacteria-cloglog", "bacteria", "y ~ ap*hilo + week", "binomial", "cloglog"),
  list("menarche-cauchit", "menarche", "cbind(Menarche, Not) ~ Age", "binomial", "cauchit"),
  list("budworm-logit", "budworm", "prop ~ sex*ldose", "binomial", "logit", weights = "n"),
  list("snails-offset", "snails", "cbind(Deaths, Survivors) ~ Species + Temp + offset(log(Exposure))",
       "binomial", "logit"),
  list("warpbreaks-log", "warpbreaks", "breaks ~ wool*tension", "poisson", "log"),
  list("ships-offset", "ships", "incidents ~ type + year + period + offset(log(service))", "poisson", "log"),
  list("insectsprays-sqrt", "insectsprays", "count ~ spray", "poisson", "sqrt"),
  list("insectsprays-identity", "insectsprays", "count ~ spray", "poisson", "identity"),
  list("epil-weights", "epil", "y ~ trt + lbase", "poisson", "log", weights = "age"),
  # none
  list("mtcars-logit-separated", "mtcars", "vs ~ factor(cyl) + wt", "binomial", "logit"),
  list("mtcars-probit-separated", "mtcars", "am ~ factor(gear) + wt", "binomial", "probit"),
  list("mtcars-cloglog-separated", "mtcars", "am ~ factor(gear) + hp", "binomial", "cloglog"),
  list("mtcars-logit-complete", "mtcars", "am ~ wt + qsec", "binomial", "logit"),
  list("menarche-separated", "menarche", "cbind(Menarche, Not) ~ I(Age > 10) + I(Age > 15.5)", "binomial", "logit"),
  list("ships-separated", "ships", "incidents ~ type*year + offset(log(service))", "poisson", "log"),
  # a dispersion
  list("mtcars-gaussian", "mtcars", "mpg ~ wt + hp", "gaussian", "identity"),
  list("trees-gaussian-log", "trees", "Volume ~ log(Girth) + log(Height)", "gaussian", "log"),
  list("longley-gaussian-weights", "longley", "Employed ~ Unemployed + Armed_Forces", "gaussian", "identity",
       weights = "Population"),
  list("clotting-gamma-inverse", "clotting", "lot1 ~ log(u)", "gamma", "inverse"),
  list("leuk-gamma-log", "leuk", "time ~ ag + log(wbc)", "gamma", "log"),
  list("mtcars-gamma-weights", "mtcars", "mpg ~ wt + qsec", "gamma", "log", weights = "carb"),
  list("clotting-gamma-identity", "clotting", "lot2 ~ I(1/u)", "gamma", "identity"),
  list("trees-inverse-gaussian-log", "trees", "Volume ~ log(Girth) + log(Height)", "inverse_gaussian", "log"),
  list("toothgrowth-inverse-gaussian", "toothgrowth", "len ~ supp + dose", "inverse_gaussian", "identity"),
  list("mtcars-inverse-gaussian-weights", "mtcars", "disp ~ wt + factor(gear)", "inverse_gaussian", "log",
       weights = "carb")
)

records <- list()
for (model in models) {
  penalties <- if (known(model[[4]])) names(TYPES)[1:3] else names(TYPES)
  for (penalty in penalties) {
    records[[length(records) + 1]] <- do.call(record_of, c(model, penalty = penalty))
  }
}
for (a in c(0.25, 1)) {
  more <- list(models[[1]], models[[13]], models[[23]])
  for (model in more) {
    records[[length(records) + 1]] <- do.call(record_of, c(model, penalty = "jeffreys", a = a))
  }
}

# ---- from the definition ----------------------------------------------------
#
# With U the score of one set of responses and j minus its derivative, A_t = tr I^-1 (P_t + Q_t) / 2 where P_t = E U U' U_t
# and Q_t = -E j U_t (Firth 1993), less, for the median, I F with F_r = [I^-1]_r' (tr h_r (P_t / 3 + Q_t / 2))_t and
# h_r = [I^-1]_r [I^-1]_r' / [I^-1]_rr (Kenne Pagui, Salvan & Sartori 2017). The expectations are sums over responses, and
# derivatives are those of the log density by D(): nothing of the algebra of generalised linear models is used.

# The moments of each row that the tensors need, from the derivatives in eta of a log density of y.
row_moments <- function(density, eta, support) {
  at <- expand.grid(y = support, eta = eta)
  value <- function(expression) matrix(eval(expression, at) + 0 * at$y, length(support))
  first <- value(D(density, "eta"))
  second <- value(D(D(density, "eta"), "eta"))
  p <- exp(value(density))
  list(mass = colSums(p), information = colSums(p * first^2), cube = colSums(p * first^3),
       mixed = colSums(p * second * first))
}

adjusted_score <- function(beta, X, y, density, support, penalty) {
  eta <- drop(X %*% beta)
  moments <- row_moments(density, eta, support)
  stopifnot(abs(moments$mass - 1) < 1e-12)
  score <- crossprod(X, eval(D(density, "eta"), list(y = y, eta = eta)))
  tensor <- function(weight) lapply(seq_len(ncol(X)), function(t) crossprod(X, weight * X[, t] * X))
  P <- tensor(moments$cube)
  Q <- tensor(moments$mixed)
  information <- crossprod(X, moments$information * X)
  V <- solve(information)
  A <- sapply(seq_along(P), function(t) sum(diag(V %*% (P[[t]] + Q[[t]]))) / 2)
  if (penalty == "median_bias") {
    shift <- sapply(seq_len(ncol(X)), function(r) {
      h <- tcrossprod(V[, r]) / V[r, r]
      sum(V[, r] * sapply(seq_along(P), function(t) sum(h * (P[[t]] / 3 + Q[[t]] / 2))))
    })
    A <- A - drop(information %*% shift)
  }
  list(U = drop(score) + A, V = V)
}

by_definition <- function(id, table, formula, family, link, penalty, density, support, theta = NULL) {
  data <- read_table(table)
  X <- model.matrix(as.formula(formula), data)
  y <- as.numeric(data[[all.vars(as.formula(formula))[1]]])
  allowed <- function(beta) all(is.finite(suppressWarnings(eval(density, list(y = y, eta = drop(X %*% beta))))))
  beta <- c(log(mean(y)), numeric(ncol(X) - 1))
  for (step in 1:200) {
    here <- adjusted_score(beta, X, y, density, support, penalty)
    move <- drop(here$V %*% here$U)
    while (!allowed(beta + move)) move <- move / 2
    beta <- beta + move
    if (max(abs(move)) < 1e-13) break
  }
  list(
    id = id, table = table, formula = formula, family = family, link = link, penalty = penalty, theta = theta,
    made_by = "definition",
    r_names = as_list(colnames(X)), coefficients = as_list(unname(beta)),
    se = as_list(unname(sqrt(diag(here$V)))),
    loglik = sum(eval(density, list(y = y, eta = drop(X %*% beta)))),
    last_step = max(abs(move))
  )
}

binomial_log <- quote(y * eta + (1 - y) * log(1 - exp(eta)))
negative_binomial_log <- quote(lgamma(y + 2) - lgamma(y + 1) + y * (eta - log(2 + exp(eta))) +
                                 2 * (log(2) - log(2 + exp(eta))))
for (penalty in c("firth", "median_bias")) {
  records[[length(records) + 1]] <- by_definition(
    "birthwt-log", "birthwt", "low ~ smoke + ht + ui", "binomial", "log", penalty, binomial_log, 0:1)
  records[[length(records) + 1]] <- by_definition(
    "insectsprays-negative-binomial", "insectsprays", "count ~ spray", "negative_binomial", "log", penalty,
    negative_binomial_log, 0:3000, theta = 2)
}

# ---- intervals --------------------------------------------------------------
#
# One coefficient is held, the others solve their own adjusted scores by damped scoring, and uniroot() finds where twice
# the loss of penalised log-likelihood, or the adjusted score statistic U_j^2 [I^-1]_jj, reaches its quantile.

second_derivative <- list(logit = function(eta) { p <- plogis(eta); p * (1 - p) * (1 - 2 * p) },
                          probit = function(eta) -eta * dnorm(eta), log = exp, inverse = function(eta) 2 / eta^3)
variance_slope <- list(binomial = function(mu) 1 - 2 * mu, poisson = function(mu) 1, Gamma = function(mu) 2 * mu)

pieces <- function(beta, model, penalty, phi) {
  family <- model$family
  eta <- drop(model$X %*% beta) + model$offset
  mu <- family$linkinv(eta)
  d1 <- family$mu.eta(eta)
  V <- family$variance(mu)
  w <- model$m * d1^2 / V
  kappa <- second_derivative[[family$link]](eta) / d1
  v <- variance_slope[[family$family]](mu) * d1 / V
  information <- crossprod(model$X, w * model$X)
  inverse <- solve(information, tol = 0)
  h <- w * rowSums((model$X %*% inverse) * model$X)
  A <- switch(penalty, jeffreys = crossprod(model$X, h * (2 * kappa - v) / 2), crossprod(model$X, h * kappa / 2))
  if (penalty == "median_bias") {
    cubes <- colSums(w * (model$X %*% inverse)^3 * (v / 6 - kappa / 2)) / diag(inverse)
    A <- A + information %*% cubes
  }
  deviance <- sum(family$dev.resids(model$y, mu, model$m))
  list(U = drop(crossprod(model$X, model$m * d1 * (model$y - mu) / V) / phi + A), information = information / phi,
       V = phi * inverse, penalised = -deviance / (2 * phi) + log(det(information)) / 2)
}

held_root <- function(beta, column, model, penalty, phi) {
  free <- setdiff(seq_along(beta), column)
  if (!length(free)) return(beta)
  for (step in 1:20000) {
    here <- pieces(beta, model, penalty, phi)
    move <- solve(here$information[free, free], here$U[free], tol = 0)
    length <- max(abs(move) / sqrt(diag(here$V)[free]))
    beta[free] <- beta[free] + move * min(0.5, 0.5 / length)
    if (length < 1e-13) break
  }
  beta
}

intervals_of <- function(id, table, formula, family, penalty, profile) {
  fit <- to_rest(as.formula(formula), family, read_table(table), TYPES[[penalty]], NULL, 0.5)
  X <- model.matrix(fit)
  model <- list(X = X, y = fit$y, m = fit$prior.weights, family = family,
                offset = if (is.null(fit$offset)) numeric(nrow(X)) else fit$offset)
  phi <- summary(fit)$dispersion
  limit <- if (known(family$family)) qnorm(0.975) else qt(0.975, df.residual(fit))
  best <- pieces(coef(fit), model, penalty, phi)
  stopifnot(abs(solve(best$information, best$U)) / sqrt(diag(best$V)) < 1e-9)
  ends <- sapply(seq_along(coef(fit)), function(j) sapply(c(-1, 1), function(side) {
    beta <- last <- coef(fit)
    above <- function(distance) {
      # in small steps from where the last one ended
      for (value in seq(last[j], beta[j] + side * distance, length.out = 6)[-1]) {
        last[j] <<- value
        last <<- held_root(last, j, model, penalty, phi)
      }
      here <- pieces(last, model, penalty, phi)
      if (profile) sqrt(max(0, 2 * (best$penalised - here$penalised))) - limit
      else -side * here$U[j] * sqrt(here$V[j, j]) - limit
    }
    se <- sqrt(best$V[j, j])
    upper <- limit * se
    while (above(upper) < 0) upper <- 1.2 * upper
    beta[[j]] + side * uniroot(above, c(0, upper), f.lower = -limit, f.upper = above(upper), tol = 1e-12 * se)$root
  }))
  list(id = id, table = table, formula = formula, family = tolower(family$family), link = family$link,
       penalty = penalty, made_by = "intervals", profile = profile, r_names = as_list(names(coef(fit))),
       coefficients = as_list(unname(coef(fit))), lower = as_list(ends[1, ]), upper = as_list(ends[2, ]))
}

separated <- "vs ~ factor(cyl) + wt"
for (case in list(
  list("intervals-separated-firth", "mtcars", separated, binomial(), "firth", TRUE),
  list("intervals-separated-median", "mtcars", separated, binomial(), "median_bias", FALSE),
  list("intervals-menarche-firth", "menarche", "cbind(Menarche, Not) ~ I(Age > 10) + I(Age > 15.5)", binomial(),
       "firth", TRUE),
  list("intervals-probit-jeffreys", "birthwt", "low ~ lwt + smoke", binomial("probit"), "jeffreys", TRUE),
  list("intervals-probit-firth", "birthwt", "low ~ lwt + smoke", binomial("probit"), "firth", FALSE),
  list("intervals-poisson-firth", "ships", "incidents ~ type + period + offset(log(service))", poisson(), "firth", TRUE),
  list("intervals-gamma-firth", "clotting", "lot1 ~ log(u)", Gamma(), "firth", TRUE),
  list("intervals-gamma-median", "leuk", "time ~ ag + log(wbc)", Gamma("log"), "median_bias", FALSE)
)) {
  records[[length(records) + 1]] <- do.call(intervals_of, case)
}

cat(length(records), "records; the largest last step", max(unlist(lapply(records, `[[`, "last_step"))), "\n")
versions <- list(R = as.character(getRversion()), brglm2 = as.character(packageVersion("brglm2")))
write_records(c(list(list(id = "versions", versions = versions)), records), "bias_reduction.json")
