# Writes checks.json: checks of models by R and its packages, as reference numbers.
#
#   Rscript tests/reference/make/checks.R
#
# Where no package has a number, it is computed here from its definition.

suppressPackageStartupMessages({
  library(AER)
  library(boot)
  library(car)
  library(lmtest)
  library(MASS)
  library(performance)
  library(pROC)
})
source("tests/reference/make/common.R")
options(warn = 1)

to_rest <- glm.control(epsilon = 1e-15, maxit = 200)
packages <- c("AER", "boot", "car", "lmtest", "MASS", "performance", "pROC")
records <- list(list(id = "versions", R = as.character(getRversion()), packages = as_list(packages),
                     versions = as_list(vapply(packages, function(p) as.character(packageVersion(p)), ""))))

add <- function(check, model, values, arguments = list()) {
  case <- model$case
  records[[length(records) + 1]] <<- c(
    list(id = paste(check, length(records), case$table, sep = "-"), check = check, table = case$table,
         formula = case$formula, family = case$family, link = case$link, theta = case$theta, weights = case$weights,
         arguments = if (length(arguments)) arguments else structure(list(), names = character())),
    values)
}

# A glm at its optimum, restarted there until it no longer moves.
fitted_case <- function(table, formula, family, link, theta = NULL, weights = NULL, data = read_table(table)) {
  made <- switch(family,
    gaussian = gaussian(link), binomial = binomial(link), poisson = poisson(link), gamma = Gamma(link),
    inverse_gaussian = inverse.gaussian(link), negative_binomial = negative.binomial(theta = theta, link = link))
  arguments <- list(formula = as.formula(formula), family = made, data = data, control = to_rest)
  if (!is.null(weights)) arguments$weights <- as.name(weights)
  fit <- do.call(glm, arguments)
  for (round in 1:30) {
    arguments$start <- coef(fit)
    again <- do.call(glm, arguments)
    moved <- max(abs(coef(again) - coef(fit)) / sqrt(diag(summary(again)$cov.unscaled)))
    fit <- again
    if (moved < 1e-13) break
  }
  stopifnot(fit$converged)
  fit$case <- list(table = table, formula = formula, family = family, link = link, theta = theta, weights = weights)
  fit
}

refit <- function(fit, formula, data, offset = NULL) {
  data$w <- fit$prior.weights
  data$o <- if (is.null(offset)) 0 else offset
  made <- glm(formula, fit$family, data, weights = w, offset = o, control = to_rest,
              start = if (is.null(offset)) NULL else 0)
  for (round in 1:10) {
    made <- glm(formula, fit$family, data, weights = w, offset = o, control = to_rest, start = coef(made))
  }
  made
}

birthwt <- fitted_case("birthwt", "low ~ age + lwt + race + smoke", "binomial", "logit")
birthwt_probit <- fitted_case("birthwt", "low ~ age + lwt + smoke + ht", "binomial", "probit")
infert <- fitted_case("infert", "case ~ age + education + spontaneous + induced", "binomial", "logit")
bacteria <- fitted_case("bacteria", "y ~ trt + week", "binomial", "logit")
esoph <- fitted_case("esoph", "cbind(ncases, ncontrols) ~ agegp + alcgp", "binomial", "logit")
budworm <- fitted_case("budworm", "prop ~ sex + ldose", "binomial", "logit", weights = "n")
snails <- fitted_case("snails", "cbind(Deaths, Survivors) ~ Species + Exposure + Rel_Hum + Temp", "binomial", "cloglog")
insurance <- fitted_case("insurance", "Claims ~ District + Group + Age + offset(log(Holders))", "poisson", "log")
quine <- fitted_case("quine", "Days ~ Eth + Sex + Age + Lrn", "poisson", "log")
epil <- fitted_case("epil", "y ~ lbase*trt + lage + V4", "poisson", "log")
discoveries <- fitted_case("discoveries", "count ~ year", "poisson", "log")
sprays <- fitted_case("insectsprays", "count ~ spray", "poisson", "sqrt")
quine_nb <- fitted_case("quine", "Days ~ Eth + Sex + Age + Lrn", "negative_binomial", "log", theta = 1.5)
leuk <- fitted_case("leuk", "time ~ ag + log(wbc)", "gamma", "log")
trees <- fitted_case("trees", "Volume ~ log(Girth) + log(Height)", "gaussian", "log")
mtcars_lm <- fitted_case("mtcars", "mpg ~ wt + hp + disp", "gaussian", "identity")
longley_lm <- fitted_case("longley", "Employed ~ GNP + Unemployed + Armed_Forces + Year", "gaussian", "identity")
swiss_lm <- fitted_case("swiss", "Fertility ~ Agriculture + Examination + Education + Catholic", "gaussian", "identity")

# ---- goodness of fit ---------------------------------------------------------

# Third and fourth cumulants of Y by their textbook forms, m trials or 1.
cumulants <- function(fit) {
  mu <- fitted(fit); m <- fit$prior.weights; theta <- fit$case$theta
  switch(fit$case$family,
    poisson = list(v = mu, k3 = mu, k4 = mu),
    binomial = { v <- m * mu * (1 - mu); list(v = v, k3 = v * (1 - 2 * mu), k4 = v * (1 - 6 * mu * (1 - mu))) },
    negative_binomial = {
      p <- theta / (theta + mu); q <- 1 - p
      v <- theta * q / p^2
      list(v = v, k3 = theta * q * (1 + q) / p^3, k4 = theta * q * (1 + 4 * q + q^2) / p^4)
    })
}

# Osius & Rojek: the variance of X2 is sum(2 + k4 / v^2) less what the score explains. Its mean is that of the part of X2
# that is uncorrelated with y, n - sum(h (1 + V''/2w)) (Farrington 1996), and of the residual of the other part.
bend <- function(link, eta) switch(link, # mu'' / mu'
  log = rep(1, length(eta)), logit = 1 - 2 * plogis(eta), probit = -eta, cloglog = 1 - exp(eta), sqrt = 1 / eta)

osius_rojek <- function(fit) {
  k <- cumulants(fit)
  X <- model.matrix(fit)
  eta <- fit$linear.predictors
  slope <- fit$family$mu.eta(eta) * (if (fit$case$family == "binomial") fit$prior.weights else 1)
  W <- slope^2 / k$v
  u <- k$k3 / (k$v * slope)
  line <- lm.wfit(X, u, W)
  variance <- sum(2 + k$k4 / k$v^2) - sum(W * line$fitted.values^2)
  h <- hatvalues(fit)
  second <- k$k4 / k$v^2 - k$k3^2 / k$v^3 # V'' / w
  mean <- length(eta) - sum(h * (1 + second / 2)) - sum(h * line$residuals * bend(fit$case$link, eta)) / 2
  x2 <- sum(residuals(fit, "pearson")^2)
  list(mean = mean, variance = variance, z = (x2 - mean) / sqrt(variance))
}

for (fit in list(insurance, esoph, budworm, birthwt, quine_nb, sprays, snails)) {
  x2 <- sum(residuals(fit, "pearson")^2)
  or <- osius_rojek(fit)
  add("goodness_of_fit", fit, list(
    chi2 = c(x2, deviance(fit), or$z^2), df = df.residual(fit), mean = or$mean, variance = or$variance,
    p = c(pchisq(c(x2, deviance(fit)), df.residual(fit), lower.tail = FALSE), 2 * pnorm(-abs(or$z)))))
}

# ---- dispersion --------------------------------------------------------------

dean <- function(fit) {
  y <- fit$y; mu <- fitted(fit); h <- hatvalues(fit)
  c(dean_b = sum((y - mu)^2 - y) / sqrt(2 * sum(mu^2)),
    dean_b_leverage = sum((y - mu)^2 - y + h * mu) / sqrt(2 * sum(mu^2)),
    dean_c = sum(((y - mu)^2 - y) / mu) / sqrt(2 * length(y)))
}

for (fit in list(quine, epil, discoveries)) {
  for (alternative in c("greater", "less", "two.sided")) {
    one <- dispersiontest(fit, alternative = alternative)
    two <- dispersiontest(fit, trafo = 2, alternative = alternative)
    add("dispersion_tests", fit, list(
      cameron_trivedi_1 = c(one$estimate, one$statistic, one$p.value),
      cameron_trivedi_2 = c(two$estimate, two$statistic, two$p.value),
      dean = as_list(unname(dean(fit)))), list(alternative = sub("two.sided", "two_sided", alternative)))
  }
}

for (fit in list(esoph, snails, budworm)) {
  m <- fit$prior.weights; y <- m * fit$y; p <- fitted(fit)
  score <- ((y - m * p)^2 + p * (y - m * p) - y * (1 - p)) / (p * (1 - p))
  add("dean_n_b", fit, list(statistic = sum(score) / sqrt(2 * sum(m * (m - 1)))))
}

for (fit in list(trees, mtcars_lm, swiss_lm, longley_lm)) {
  u <- residuals(fit, "response")^2
  eta <- fit$linear.predictors
  auxiliary <- summary(lm(u ~ eta))
  centred <- (eta - mean(eta)) * (u - mean(u))
  packaged <- if (fit$case$link == "identity") {
    data <- cbind(read_table(fit$case$table), eta = eta)
    bptest(lm(formula(fit), data), varformula = ~ eta, data = data)$statistic
  } else length(u) * auxiliary$r.squared
  add("spread_test", fit, list(chi2 = c(unname(packaged), sum(centred)^2 / sum(centred^2))))
}

# ---- zeros -------------------------------------------------------------------

# The score of a further probability of zero: sum(1{y = 0} / p0 - 1), and its mean and variance given the coefficients:
# the variance of eta shifts p0, and so does the bias of the coefficients (Cordeiro & McCullagh 1991).
zero_tests <- function(fit) {
  mu <- fitted(fit); theta <- fit$case$theta; X <- model.matrix(fit)
  slope <- fit$family$mu.eta(fit$linear.predictors)
  v <- fit$family$variance(mu)
  p0 <- if (is.null(theta)) dpois(0, mu) else dnbinom(0, theta, mu = mu)
  inverse <- solve(crossprod(X, slope^2 / v * X))
  at_zero <- -mu / v * slope
  explained <- function(b) drop(t(crossprod(X, b)) %*% inverse %*% crossprod(X, b))
  eta <- fit$linear.predictors
  score_at <- function(eta) {
    mu <- fit$family$linkinv(eta)
    -mu / fit$family$variance(mu) * fit$family$mu.eta(eta)
  }
  step <- 1e-5
  bent <- at_zero^2 + (score_at(eta + step) - score_at(eta - step)) / (2 * step)
  reach <- rowSums((X %*% inverse) * X)
  shift <- function(t) {
    line <- drop(X %*% inverse %*% crossprod(X, t * at_zero))
    sum(reach * slope^2 / v * bend(fit$case$link, eta) * line) / 2 - sum(t * bent * reach) / 2
  }
  count <- (sum((fit$y == 0) - p0) - shift(p0))^2 / (sum(p0 * (1 - p0)) - explained(p0 * at_zero))
  score <- (sum((fit$y == 0) / p0 - 1) - shift(rep(1, length(p0))))^2 / (sum((1 - p0) / p0) - explained(at_zero))
  list(observed = sum(fit$y == 0), expected = sum(p0) + shift(p0), plain = sum(p0), chi2 = c(count, score),
       left = sum((1 - p0) / p0) - explained(at_zero))
}

for (fit in list(quine, epil, discoveries, sprays, quine_nb)) {
  found <- zero_tests(fit)
  if (fit$case$family == "poisson") {
    theirs <- check_zeroinflation(fit)
    stopifnot(theirs$predicted.zeros == round(found$plain), theirs$observed.zeros == found$observed)
  }
  if (fit$case$link == "log" && fit$case$family == "poisson") { # van den Broek's own form
    p0 <- exp(-fitted(fit))
    stopifnot(all.equal(sum((1 - p0) / p0) - sum(fit$y), found$left, tolerance = 1e-9))
  }
  found$left <- found$plain <- NULL
  add("zero_inflation", fit, found)
}

# ---- Hosmer & Lemeshow -------------------------------------------------------

hosmer_lemeshow <- function(y, p, groups) {
  band <- cut(p, unique(quantile(p, seq(0, 1, 1 / groups))), include.lowest = TRUE)
  observed <- cbind(tapply(1 - y, band, sum), tapply(y, band, sum))
  expected <- cbind(tapply(1 - p, band, sum), tapply(p, band, sum))
  chi2 <- sum((observed - expected)^2 / expected)
  df <- nrow(observed) - 2
  list(chi2 = chi2, df = df, p = pchisq(chi2, df, lower.tail = FALSE), n = as_list(as.vector(table(band))),
       observed = as_list(unname(observed[, 2])), expected = as_list(unname(expected[, 2])))
}

for (fit in list(birthwt, birthwt_probit, infert)) for (groups in c(10, 7, 4)) {
  add("hosmer_lemeshow", fit, hosmer_lemeshow(fit$y, fitted(fit), groups), list(groups = groups))
}
# rows of trials, written out as zeros and ones; equal means are made equal to the last digit first
for (fit in list(esoph, budworm, bacteria)) {
  m <- fit$prior.weights; y <- round(m * fit$y)
  p <- signif(fitted(fit), 12)
  one <- unlist(mapply(function(yes, trials) rep(c(1, 0), c(yes, trials - yes)), y, m, SIMPLIFY = FALSE))
  add("hosmer_lemeshow", fit, hosmer_lemeshow(one, rep(p, m), 6), list(groups = 6))
}

# ---- link test ---------------------------------------------------------------

for (fit in list(birthwt, birthwt_probit, snails, esoph, insurance, quine_nb, leuk, trees, mtcars_lm, sprays)) {
  data <- data.frame(y = fit$y, eta = fit$linear.predictors)
  data$h <- (data$eta - mean(data$eta)) / sd(data$eta)
  again <- refit(fit, y ~ h + I(h^2), data)
  phi <- if (fit$case$family %in% c("gaussian", "gamma")) NULL else 1
  table <- coef(summary(again, dispersion = phi))
  add("link_test", fit, list(estimate = table[3, 1] / var(data$eta), se = table[3, 2] / var(data$eta),
                             statistic = table[3, 3], p = table[3, 4]))
}

# ---- collinearity ------------------------------------------------------------

condition_indices <- function(fit) {
  X <- sqrt(fit$weights) * model.matrix(fit)
  X <- sweep(X, 2, sqrt(colSums(X^2)), "/")
  s <- svd(X)
  share <- (t(s$v) / s$d)^2
  list(index = s$d[1] / s$d, shares = unname(sweep(share, 2, colSums(share), "/")))
}

for (fit in list(birthwt, infert, insurance, mtcars_lm, longley_lm, swiss_lm, quine, leuk)) {
  table <- vif(fit)
  if (!is.matrix(table)) table <- cbind(table, 1, sqrt(table))
  add("vif", fit, list(term = as_list(rownames(table)), gvif = as_list(unname(table[, 1])),
                       df = as_list(unname(table[, 2])), per_column = as_list(unname(table[, 3]))))
  add("condition_indices", fit, condition_indices(fit))
}

# ---- calibration -------------------------------------------------------------

# Judged at other means than the fit's own: those of a smaller model.
other_means <- list(birthwt = low ~ age + smoke, insurance = Claims ~ Group + offset(log(Holders)),
                    leuk = time ~ ag, budworm = prop ~ ldose)
for (fit in list(birthwt, insurance, leuk, budworm)) {
  table <- fit$case$table
  small <- do.call(fitted_case, c(list(table, deparse(other_means[[table]])), fit$case[c("family", "link")],
                                  if (!is.null(fit$case$weights)) fit$case["weights"]))
  data <- data.frame(y = fit$y, eta = small$linear.predictors)
  phi <- if (fit$case$family == "gamma") NULL else 1
  large <- coef(summary(refit(fit, y ~ 1, data, offset = data$eta), dispersion = phi))
  slope <- coef(summary(refit(fit, y ~ eta, data), dispersion = phi))
  add("recalibration", fit, list(predicted = as_list(unname(fitted(small))), estimate = c(large[1, 1], slope[2, 1]),
                                 se = c(large[1, 2], slope[2, 2])))
}

for (fit in list(birthwt, infert)) {
  y <- fit$y; p <- fitted(fit)
  band <- cut(p, quantile(p, 0:10 / 10), include.lowest = TRUE)
  n <- as.vector(table(band)); yes <- as.vector(tapply(y, band, sum)); f <- as.vector(tapply(p, band, mean))
  wilson <- mapply(function(x, n) prop.test(x, n, correct = FALSE)$conf.int, yes, n)
  inside <- p - ave(p, band)
  add("calibration", fit, list(
    n = n, predicted = f, observed = yes / n, lower = wilson[1, ], upper = wilson[2, ],
    brier = c(mean((y - p)^2), sum(n * (f - yes / n)^2) / sum(n), sum(n * (yes / n - mean(y))^2) / sum(n),
              mean(y) * (1 - mean(y)), mean(inside^2), 2 * mean((y - ave(y, band)) * inside))))
}

# ---- discrimination ----------------------------------------------------------

expanded <- function(fit) {
  m <- fit$prior.weights; yes <- round(m * fit$y)
  list(y = c(rep(1, sum(yes)), rep(0, sum(m - yes))),
       p = signif(c(rep(fitted(fit), yes), rep(fitted(fit), m - yes)), 12))
}

for (fit in list(birthwt, birthwt_probit, infert, bacteria, esoph, budworm, snails)) {
  rows <- expanded(fit)
  curve <- suppressMessages(pROC::roc(rows$y, rows$p, direction = "<"))
  interval <- as.numeric(ci.auc(curve, method = "delong", conf.level = 0.9))
  points <- coords(curve, "all", ret = c("threshold", "sensitivity", "specificity"))
  add("roc", fit, list(auc = as.numeric(auc(curve)), se = sqrt(var(curve, method = "delong")), lower = interval[1],
                       upper = interval[3], sensitivity = points$sensitivity, specificity = points$specificity),
      list(level = 0.9))
}

for (fit in list(birthwt, birthwt_probit, infert, budworm)) {
  case <- fit$case
  smaller <- paste(deparse(formula(fit)[[2]]), "~", attr(terms(fit), "term.labels")[1])
  other <- fitted_case(case$table, smaller, case$family, case$link, weights = case$weights)
  both <- lapply(list(fit, other), function(each) {
    rows <- expanded(each)
    suppressMessages(pROC::roc(rows$y, rows$p, direction = "<"))
  })
  made <- roc.test(both[[1]], both[[2]], method = "delong", paired = TRUE, conf.level = 0.9)
  add("compare_roc", fit, list(auc = as.numeric(made$estimate), z = as.numeric(made$statistic), p = made$p.value,
                               interval = as.numeric(made$conf.int)), list(level = 0.9, smaller = smaller))
}

# Shares of the total against shares of the exposure, tied rates together.
lorenz_gini <- function(rate, total, exposure) {
  rate <- signif(rate, 12)
  e <- c(0, cumsum(tapply(exposure, rate, sum)) / sum(exposure))
  l <- c(0, cumsum(tapply(total, rate, sum)) / sum(total))
  1 - sum(diff(e) * (head(l, -1) + tail(l, -1)))
}

holders <- read_table("insurance")$Holders
add("gini", insurance, list(gini = lorenz_gini(fitted(insurance) / holders, insurance$y, holders),
                            best = lorenz_gini(insurance$y / holders, insurance$y, holders)))
for (fit in list(birthwt, leuk, quine)) {
  one <- rep(1, length(fit$y))
  add("gini", fit, list(gini = lorenz_gini(fitted(fit), fit$y, one), best = lorenz_gini(fit$y, fit$y, one)))
}

# ---- R squared ---------------------------------------------------------------

for (fit in list(birthwt, infert, bacteria, quine, epil)) {
  data <- read_table(fit$case$table)
  plain <- do.call(glm, list(formula(fit), fit$family, data, control = to_rest))
  null <- update(plain, . ~ 1)
  l <- as.numeric(logLik(fit)); l0 <- as.numeric(logLik(null)); n <- nobs(fit); k <- length(coef(fit))
  # performance takes the null deviance for -2 l0 in Nagelkerke's measure, which is so for zeros and ones only
  most <- if (fit$case$family == "binomial") 2 * l0 else -fit$null.deviance
  share <- (1 - exp(most / n)) / (1 - exp(2 * l0 / n))
  theirs <- c(r2_mcfadden(plain)$R2, r2_coxsnell(plain), r2_nagelkerke(plain) * share)
  ours <- c(1 - l / l0, 1 - exp(2 * (l0 - l) / n), (1 - exp(2 * (l0 - l) / n)) / (1 - exp(2 * l0 / n)))
  stopifnot(all.equal(unname(theirs), ours, tolerance = 1e-7))
  add("pseudo_r_squared", fit, list(
    mcfadden = ours[1], mcfadden_adjusted = 1 - (l - k) / l0, cox_snell = ours[2], nagelkerke = ours[3],
    tjur = if (fit$case$family == "binomial") unname(as.numeric(r2_tjur(plain))) else NULL,
    d2 = 1 - deviance(fit) / fit$null.deviance))
}
for (fit in list(mtcars_lm, swiss_lm, longley_lm)) {
  least <- summary(lm(formula(fit), read_table(fit$case$table)))
  add("pseudo_r_squared", fit, list(d2 = least$r.squared, d2_adjusted = least$adj.r.squared,
                                    cox_snell = least$r.squared))
}

# ---- cross-validation --------------------------------------------------------

# cv.glm leaves one out by refits from scratch; cost is the mean unit deviance.
costs <- list(gaussian = function(y, mu) mean((y - mu)^2),
              poisson = function(y, mu) 2 * mean(ifelse(y > 0, y * log(y / mu), 0) - (y - mu)),
              gamma = function(y, mu) 2 * mean((y - mu) / mu - log(y / mu)),
              binomial = function(y, mu) -2 * mean(ifelse(y > 0, log(mu), log1p(-mu))))
for (fit in list(mtcars_lm, swiss_lm, leuk)) {
  data <- read_table(fit$case$table)
  plain <- glm(formula(fit), fit$family, data, control = to_rest)
  add("leave_one_out", fit, list(deviance = cv.glm(data, plain, costs[[fit$case$family]])$delta[1]))
}

# With the folds given: the row number modulo 7.
for (fit in list(mtcars_lm, insurance, leuk, birthwt, quine)) {
  data <- read_table(fit$case$table)
  fold <- (seq_len(nrow(data)) - 1) %% 7
  by_fold <- vapply(0:6, function(k) {
    train <- data[fold != k, ]; test <- data[fold == k, ]
    y <- model.response(model.frame(formula(fit), test))
    # the null model of a fit keeps its offset
    offset <- model.offset(model.frame(formula(fit), train))
    constant <- if (is.null(offset)) mean(model.response(model.frame(formula(fit), train))) else {
      at <- sum(train$Claims) / sum(exp(offset))
      at * exp(model.offset(model.frame(formula(fit), test)))
    }
    made <- glm(formula(fit), fit$family, train, control = to_rest)
    for (round in 1:10) made <- glm(formula(fit), fit$family, train, control = to_rest, start = coef(made))
    cost <- costs[[fit$case$family]]
    c(length(y), cost(y, predict(made, test, type = "response")), cost(y, rep_len(constant, length(y))))
  }, numeric(3))
  share <- by_fold[1, ] / sum(by_fold[1, ])
  add("cross_validate", fit, list(by_fold = by_fold[2, ], deviance = sum(share * by_fold[2, ]),
                                  null_deviance = sum(share * by_fold[3, ])), list(modulo = 7))
}

# ---- outliers ----------------------------------------------------------------

for (fit in list(quine, mtcars_lm, leuk)) {
  y <- fit$y; mu <- fitted(fit); phi <- summary(fit)$dispersion
  p <- switch(fit$case$family,
    poisson = 2 * pmin(ppois(y, mu), ppois(y - 1, mu, lower.tail = FALSE)),
    gaussian = 2 * pnorm(-abs(y - mu) / sqrt(phi)),
    gamma = 2 * pmin(pgamma(y, 1 / phi, scale = mu * phi), pgamma(y, 1 / phi, scale = mu * phi, lower.tail = FALSE)))
  first <- order(p)[1:5]
  add("outliers", fit, list(row = first - 1, p = unname(p[first]), p_adjusted = unname(pmin(1, length(y) * p[first]))))
}

write_records(records, "checks.json")
message(length(records) - 1, " checks")
