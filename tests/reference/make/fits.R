# Writes fits.json: R's glm on the tables, as reference numbers.
#
#   Rscript tests/reference/make/fits.R

suppressPackageStartupMessages({
  library(splines)
  library(MASS)
  library(statmod)
})
source("tests/reference/make/common.R")
options(warn = 1)

# ---- from nelder's names to R's ---------------------------------------------

is_power <- function(link) is.list(link)

# The link as make.link() knows it: a name, or a power link's object.
r_link <- function(link) {
  if (is_power(link)) return(power(link$power))
  if (link == "inverse_squared") "1/mu^2" else link
}

# statmod's tweedie() takes every link as a power, log being 0.
tweedie_power <- function(link) {
  if (is_power(link)) return(link$power)
  c(log = 0, identity = 1, inverse = -1, inverse_squared = -2, sqrt = 0.5)[[link]]
}

r_family <- function(family, link, options) {
  if (family == "tweedie") {
    return(tweedie(var.power = options$power, link.power = tweedie_power(link)))
  }
  known <- r_link(link)
  switch(family,
    gaussian = gaussian(link = known),
    binomial = binomial(link = known),
    poisson = poisson(link = known),
    gamma = Gamma(link = known),
    inverse_gaussian = inverse.gaussian(link = known),
    quasipoisson = quasipoisson(link = known),
    quasibinomial = quasibinomial(link = known),
    # quasi() reads the text of its variance argument, not its value.
    quasi = eval(bquote(quasi(link = known, variance = .(options$variance)))),
    negative_binomial = negative.binomial(theta = options$theta, link = known),
    stop("no such family: ", family)
  )
}

# The families that have a likelihood in R.
has_likelihood <- function(family) {
  family %in% c("gaussian", "binomial", "poisson", "gamma", "inverse_gaussian",
                "negative_binomial")
}

# ---- fitting to the last digit ----------------------------------------------

# How far a refit moved a coefficient, relative to it or, where it is close to
# zero, to its standard error.
move <- function(old, new) {
  scale <- pmax(abs(coef(old)), sqrt(diag(summary(old)$cov.unscaled)))
  max(abs(coef(new) - coef(old)) / scale)
}

# glm stops on the deviance, which is flat at the optimum: coefficients good to
# 1e-8 already leave it unchanged. Restarting at the solution until they stand
# still brings them to the last digits too.
fit_to_rest <- function(arguments) {
  arguments$control <- list(epsilon = 1e-14, maxit = 200)
  fit <- do.call(glm, arguments)
  for (round in 1:60) {
    arguments$start <- coef(fit)
    refit <- do.call(glm, arguments)
    moved <- move(fit, refit)
    fit <- refit
    if (moved < 1e-14) break
  }
  list(fit = fit, move = moved)
}

# ---- one record -------------------------------------------------------------

fit_case <- function(id, table, formula, family, link, options = NULL, weights = NULL,
                     r_formula = gsub("**", "^", formula, fixed = TRUE),
                     start = NULL) {
  arguments <- list(formula = as.formula(r_formula), family = r_family(family, link, options),
                    data = read_table(table), na.action = na.omit)
  if (!is.null(weights)) arguments$weights <- as.name(weights)
  if (!is.null(start)) arguments$start <- start
  rested <- withCallingHandlers(fit_to_rest(arguments), warning = function(w) {
    message(id, ": ", conditionMessage(w))
  })
  fit <- rested$fit

  # An estimate on the boundary, or not unique, is no reference.
  stopifnot(fit$converged, !fit$boundary, !anyNA(coef(fit)),
            qr(model.matrix(fit))$rank == length(coef(fit)))
  if (rested$move > 1e-12) stop(id, ": a refit moves the coefficients by ", rested$move)

  # A negative binomial with a given theta is a true likelihood with dispersion
  # 1; R would estimate one from Pearson's X2 because the family is not its own.
  dispersion <- if (family == "negative_binomial") 1 else NULL
  summarised <- summary(fit, dispersion = dispersion)
  table_of <- summarised$coefficients
  z_test <- "z value" %in% colnames(table_of)
  stopifnot(z_test == family %in% c("binomial", "poisson", "negative_binomial"))

  se <- table_of[, "Std. Error"]
  interval <- coef(fit) + outer(se, qnorm(c(0.025, 0.975)))
  if (is.null(dispersion)) stopifnot(all.equal(interval, confint.default(fit),
                                               check.attributes = FALSE, tolerance = 1e-13))
  first <- seq_len(min(10, length(fitted(fit))))
  predicted <- predict(fit, type = "link", se.fit = TRUE, dispersion = dispersion)
  likelihood <- has_likelihood(family)
  if (!likelihood) stopifnot(is.na(fit$aic))

  list(
    id = id,
    table = table,
    formula = formula,
    r_formula = r_formula,
    family = family,
    family_options = if (is.null(options)) structure(list(), names = character()) else options,
    link = link,
    weights = weights,
    start = start,
    r_names = as_list(names(coef(fit))),
    coefficients = as_list(unname(coef(fit))),
    se = as_list(unname(se)),
    test = if (z_test) "z" else "t",
    statistic = as_list(unname(table_of[, 3])),
    p = as_list(unname(table_of[, 4])),
    cov_unscaled = unname(summarised$cov.unscaled),
    dispersion = summarised$dispersion,
    deviance = deviance(fit),
    null_deviance = fit$null.deviance,
    df_resid = df.residual(fit),
    df_null = fit$df.null,
    aic = AIC_or_null(fit),
    loglik = if (likelihood) as.numeric(logLik(fit)) else NULL,
    bic = if (likelihood) BIC(fit) else NULL,
    pearson = sum(residuals(fit, type = "pearson")^2),
    fitted = as_list(unname(fitted(fit)[first])),
    linear_predictor = as_list(unname(predicted$fit[first])),
    linear_predictor_se = as_list(unname(predicted$se.fit[first])),
    confint = unname(interval),
    n = nobs(fit),
    refit_move = rested$move
  )
}

AIC_or_null <- function(fit) if (is.finite(fit$aic)) fit$aic else NULL
power_link <- function(lambda) list(power = lambda)

# ---- the cases --------------------------------------------------------------

cases <- list(
  # gaussian
  list("gaussian-identity-mtcars", "mtcars", "mpg ~ wt + hp", "gaussian", "identity"),
  list("gaussian-identity-mtcars-categories", "mtcars", "mpg ~ 0 + C(cyl) + wt", "gaussian",
       "identity", r_formula = "mpg ~ 0 + factor(cyl) + wt"),
  list("gaussian-identity-warpbreaks-star", "warpbreaks", "breaks ~ wool*tension", "gaussian",
       "identity"),
  list("gaussian-identity-swiss", "swiss", "Fertility ~ Agriculture + Education + Catholic",
       "gaussian", "identity"),
  list("gaussian-identity-swiss-pairs", "swiss", "Fertility ~ (Education + Catholic)**2",
       "gaussian", "identity"),
  list("gaussian-identity-toothgrowth", "toothgrowth", "len ~ supp*log(dose)", "gaussian",
       "identity"),
  list("gaussian-identity-airquality-missing", "airquality",
       "Ozone ~ Solar_R + Wind + I(Wind**2)", "gaussian", "identity"),
  list("gaussian-identity-cars-poly", "cars", "dist ~ poly(speed, 2)", "gaussian", "identity"),
  list("gaussian-identity-faithful-bs", "faithful", "eruptions ~ bs(waiting, df=5)", "gaussian",
       "identity"),
  list("gaussian-identity-iris-slopes", "iris", "Sepal_Length ~ Petal_Length:Species", "gaussian",
       "identity"),
  list("gaussian-identity-plantgrowth-means", "plantgrowth", "weight ~ group - 1", "gaussian",
       "identity"),
  list("gaussian-identity-plantgrowth-sum", "plantgrowth", "weight ~ C(group, contr.sum)",
       "gaussian", "identity"),
  list("gaussian-identity-chickwts", "chickwts", "weight ~ feed", "gaussian", "identity"),
  list("gaussian-identity-anorexia-offset", "anorexia", "Postwt ~ Prewt + Treat + offset(Prewt)",
       "gaussian", "identity"),
  list("gaussian-identity-mammals-log-response", "mammals", "log(brain) ~ log(body)", "gaussian",
       "identity"),
  list("gaussian-identity-longley-weights", "longley", "Employed ~ Unemployed + Armed_Forces",
       "gaussian", "identity", weights = "Population"),
  list("gaussian-identity-stackloss", "stackloss", "stack_loss ~ Air_Flow + Water_Temp + Acid_Conc_",
       "gaussian", "identity"),
  list("gaussian-log-trees", "trees", "Volume ~ log(Girth) + log(Height)", "gaussian", "log"),
  list("gaussian-log-airquality", "airquality", "Ozone ~ Wind + Temp", "gaussian", "log"),
  list("gaussian-inverse-puromycin", "puromycin", "rate ~ I(1/conc)*state", "gaussian", "inverse"),
  list("gaussian-inverse-clotting-weights", "clotting", "lot1 ~ log(u)", "gaussian", "inverse",
       weights = "lot2"),

  # binomial: 0/1
  list("binomial-logit-birthwt", "birthwt", "low ~ age + lwt + race + smoke", "binomial", "logit"),
  list("binomial-logit-infert", "infert", "case ~ age + education + spontaneous + induced",
       "binomial", "logit"),
  list("binomial-probit-bacteria", "bacteria", "y ~ trt + week", "binomial", "probit"),
  list("binomial-cloglog-bacteria", "bacteria", "y ~ ap*hilo + week", "binomial", "cloglog"),
  list("binomial-cauchit-birthwt", "birthwt", "low ~ lwt + smoke", "binomial", "cauchit"),
  list("binomial-log-birthwt", "birthwt", "low ~ smoke + ht + ui", "binomial", "log",
       start = c(-1.5, 0, 0, 0)),
  list("binomial-log-bacteria", "bacteria", "y ~ trt", "binomial", "log",
       start = c(-0.5, 0, 0)),
  # binomial: a proportion, its number of trials as weights
  list("binomial-logit-menarche-proportion", "menarche", "prop ~ Age", "binomial", "logit",
       weights = "Total"),
  list("binomial-probit-budworm-proportion", "budworm", "prop ~ sex + ldose", "binomial", "probit",
       weights = "n"),
  list("binomial-cauchit-budworm-proportion", "budworm", "prop ~ sex + ldose", "binomial",
       "cauchit", weights = "n"),
  list("binomial-cloglog-menarche-proportion", "menarche", "prop ~ poly(Age, 2)", "binomial",
       "cloglog", weights = "Total"),
  # binomial: successes and failures
  list("binomial-logit-budworm-star", "budworm", "cbind(dead, alive) ~ sex*ldose", "binomial",
       "logit"),
  list("binomial-logit-esoph", "esoph", "cbind(ncases, ncontrols) ~ agegp + alcgp + tobgp",
       "binomial", "logit"),
  list("binomial-logit-ucbadmissions", "ucbadmissions", "cbind(Admitted, Rejected) ~ Gender + Dept",
       "binomial", "logit"),
  list("binomial-probit-menarche-bs", "menarche", "cbind(Menarche, Not) ~ bs(Age, df=4)",
       "binomial", "probit"),
  list("binomial-cauchit-menarche", "menarche", "cbind(Menarche, Not) ~ Age", "binomial",
       "cauchit"),
  list("binomial-cloglog-snails", "snails",
       "cbind(Deaths, Survivors) ~ Species + log(Exposure) + Rel_Hum + Temp", "binomial",
       "cloglog"),
  list("binomial-log-ucbadmissions", "ucbadmissions", "cbind(Admitted, Rejected) ~ Dept",
       "binomial", "log"),
  list("binomial-logit-snails-offset", "snails",
       "cbind(Deaths, Survivors) ~ 0 + Species + Species:Temp + offset(log(Exposure))", "binomial",
       "logit"),

  # poisson
  list("poisson-log-warpbreaks-star", "warpbreaks", "breaks ~ wool*tension", "poisson", "log"),
  list("poisson-log-insurance-offset", "insurance",
       "Claims ~ District + Group + Age + offset(log(Holders))", "poisson", "log"),
  list("poisson-log-ships-offset", "ships", "incidents ~ type + year + period + offset(log(service))",
       "poisson", "log"),
  list("poisson-log-epil", "epil", "y ~ lbase*trt + lage + V4", "poisson", "log"),
  list("poisson-log-discoveries-bs", "discoveries", "count ~ bs(year, df=5)", "poisson", "log"),
  list("poisson-log-epil-weights", "epil", "y ~ trt + lbase", "poisson", "log", weights = "age"),
  list("poisson-log-quine-nested", "quine", "Days ~ Sex/Eth + Age + Lrn", "poisson", "log"),
  list("poisson-identity-insectsprays", "insectsprays", "count ~ spray", "poisson", "identity"),
  list("poisson-identity-warpbreaks", "warpbreaks", "breaks ~ wool + tension", "poisson",
       "identity"),
  list("poisson-sqrt-insectsprays-means", "insectsprays", "count ~ 0 + spray", "poisson", "sqrt"),
  list("poisson-sqrt-quine", "quine", "Days ~ Eth + Sex + Age", "poisson", "sqrt"),
  list("poisson-power-warpbreaks", "warpbreaks", "breaks ~ wool + tension", "poisson",
       power_link(1/3)),

  # gamma
  list("gamma-inverse-clotting", "clotting", "lot1 ~ log(u)", "gamma", "inverse"),
  list("gamma-inverse-puromycin-star", "puromycin", "rate ~ I(1/conc)*state", "gamma", "inverse"),
  list("gamma-identity-clotting", "clotting", "lot2 ~ I(1/u)", "gamma", "identity"),
  list("gamma-log-leuk", "leuk", "time ~ ag + log(wbc)", "gamma", "log"),
  list("gamma-log-trees-offset", "trees", "Volume ~ log(Girth) + offset(log(Height))", "gamma",
       "log"),
  list("gamma-log-mtcars-weights", "mtcars", "mpg ~ wt + qsec", "gamma", "log", weights = "carb"),

  # inverse gaussian
  list("inverse_gaussian-inverse_squared-faithful", "faithful", "eruptions ~ waiting",
       "inverse_gaussian", "inverse_squared", start = c(0.5, -0.0048)),
  list("inverse_gaussian-inverse-clotting", "clotting", "lot1 ~ log(u)", "inverse_gaussian",
       "inverse"),
  list("inverse_gaussian-identity-toothgrowth", "toothgrowth", "len ~ supp + dose",
       "inverse_gaussian", "identity"),
  list("inverse_gaussian-log-trees", "trees", "Volume ~ log(Girth) + log(Height)",
       "inverse_gaussian", "log"),
  list("inverse_gaussian-log-mtcars-weights", "mtcars", "disp ~ wt + C(gear)",
       "inverse_gaussian", "log", weights = "carb", r_formula = "disp ~ wt + factor(gear)"),

  # quasi
  list("quasi-identity-constant-cars", "cars", "dist ~ speed", "quasi", "identity",
       options = list(variance = "constant")),
  list("quasi-log-mu-warpbreaks", "warpbreaks", "breaks ~ wool + tension", "quasi", "log",
       options = list(variance = "mu")),
  list("quasi-sqrt-mu-insectsprays", "insectsprays", "count ~ spray", "quasi", "sqrt",
       options = list(variance = "mu")),
  list("quasi-inverse-mu2-clotting", "clotting", "lot1 ~ log(u)", "quasi", "inverse",
       options = list(variance = "mu^2")),
  list("quasi-log-mu2-airquality", "airquality", "Ozone ~ Wind + Temp", "quasi", "log",
       options = list(variance = "mu^2")),
  list("quasi-power-mu2-trees", "trees", "Volume ~ Girth + Height", "quasi", power_link(1/3),
       options = list(variance = "mu^2")),
  list("quasi-inverse_squared-mu3-chickwts", "chickwts", "weight ~ feed", "quasi",
       "inverse_squared", options = list(variance = "mu^3")),
  list("quasi-logit-binomial-menarche", "menarche", "prop ~ Age", "quasi", "logit",
       options = list(variance = "mu(1-mu)"), weights = "Total"),

  # quasipoisson and quasibinomial
  list("quasipoisson-log-quine", "quine", "Days ~ Eth + Sex + Age + Lrn", "quasipoisson", "log"),
  list("quasipoisson-log-insurance-rate", "insurance", "rate ~ District + Group + Age",
       "quasipoisson", "log", weights = "Holders"),
  list("quasipoisson-identity-warpbreaks", "warpbreaks", "breaks ~ wool + tension", "quasipoisson",
       "identity"),
  list("quasipoisson-sqrt-epil", "epil", "y ~ trt + I(base/4)", "quasipoisson", "sqrt"),
  list("quasibinomial-logit-esoph", "esoph", "cbind(ncases, ncontrols) ~ agegp + alcgp",
       "quasibinomial", "logit"),
  list("quasibinomial-probit-snails", "snails",
       "prop ~ Species*Temp + Exposure", "quasibinomial", "probit", weights = "N"),
  list("quasibinomial-cloglog-budworm", "budworm", "cbind(dead, alive) ~ sex + ldose",
       "quasibinomial", "cloglog"),
  list("quasibinomial-cauchit-budworm", "budworm", "cbind(dead, alive) ~ sex + ldose",
       "quasibinomial", "cauchit"),
  list("quasibinomial-log-ucbadmissions", "ucbadmissions",
       "cbind(Admitted, Rejected) ~ Dept", "quasibinomial", "log"),

  # negative binomial with a given theta
  list("negative_binomial-log-quine", "quine", "Days ~ Eth + Sex + Age + Lrn",
       "negative_binomial", "log", options = list(theta = 1.5)),
  list("negative_binomial-log-epil", "epil", "y ~ lbase*trt + V4", "negative_binomial", "log",
       options = list(theta = 2)),
  list("negative_binomial-log-ships-offset", "ships",
       "incidents ~ type + period + offset(log(service))", "negative_binomial", "log",
       options = list(theta = 10)),
  list("negative_binomial-sqrt-insectsprays", "insectsprays", "count ~ spray",
       "negative_binomial", "sqrt", options = list(theta = 5)),
  list("negative_binomial-identity-warpbreaks", "warpbreaks", "breaks ~ wool + tension",
       "negative_binomial", "identity", options = list(theta = 10)),
  list("negative_binomial-log-insurance-weights", "insurance", "Claims ~ Group + offset(log(Holders))",
       "negative_binomial", "log", options = list(theta = 3.5), weights = "Holders"),

  # tweedie
  list("tweedie-1.5-log-quine", "quine", "Days ~ Eth + Sex + Age", "tweedie", "log",
       options = list(power = 1.5)),
  list("tweedie-1.2-power-epil", "epil", "y ~ trt + lbase", "tweedie", power_link(0.3),
       options = list(power = 1.2)),
  list("tweedie-1.5-canonical-airquality", "airquality", "Ozone ~ Wind + Temp", "tweedie",
       power_link(-0.5), options = list(power = 1.5)),
  list("tweedie-1.7-identity-airquality", "airquality", "Ozone ~ C(Month)", "tweedie", "identity",
       options = list(power = 1.7), r_formula = "Ozone ~ factor(Month)"),
  list("tweedie-1.6-log-insurance-rate", "insurance", "rate ~ Group + Age", "tweedie", "log",
       options = list(power = 1.6), weights = "Holders"),
  list("tweedie-2-log-leuk", "leuk", "time ~ ag + log(wbc)", "tweedie", "log",
       options = list(power = 2)),
  list("tweedie-3-log-trees", "trees", "Volume ~ log(Girth) + log(Height)", "tweedie", "log",
       options = list(power = 3)),
  list("tweedie-2.5-inverse-clotting", "clotting", "lot1 ~ log(u)", "tweedie", "inverse",
       options = list(power = 2.5))
)

records <- lapply(cases, function(case) do.call(fit_case, case))
ids <- vapply(records, `[[`, "", "id")
stopifnot(!anyDuplicated(ids))
write_records(records, "fits.json")
message(length(records), " fits on ",
        length(unique(vapply(records, `[[`, "", "table"))), " tables; largest move of a refit: ",
        format(max(vapply(records, `[[`, 0, "refit_move")), digits = 2))
