# Writes effects.json: estimated marginal means and contrasts by emmeans, and averages over rows (predictions,
# comparisons, slopes) by their definition, with the delta method written out in full.
#
#   Rscript tests/reference/make/effects.R

suppressPackageStartupMessages({
  library(splines)
  library(emmeans)
})
source("tests/reference/make/common.R")
emm_options(msg.interaction = FALSE, msg.nesting = FALSE)
exact <- glm.control(epsilon = 1e-15, maxit = 200)

model <- function(table, formula, family = "gaussian", link = NULL, weights = NULL, frequency = FALSE,
                  subset = NULL, r_formula = formula) {
  list(table = table, formula = formula, family = family, link = link, weights = weights,
       frequency = frequency, subset = subset, r_formula = r_formula)
}

# Rows of a table, without those of a cell: subset is list(column = level, ...). A row with a frequency is repeated.
rows_of <- function(asked) {
  data <- read_table(asked$table)
  if (!is.null(asked$subset)) {
    inside <- rep(TRUE, nrow(data))
    for (name in names(asked$subset)) inside <- inside & data[[name]] == asked$subset[[name]]
    data <- data[!inside, ]
  }
  if (asked$frequency) data <- data[rep(seq_len(nrow(data)), data[[asked$weights]]), ]
  data
}

fitted_by <- function(asked) {
  constructor <- list(gaussian = gaussian, binomial = binomial, poisson = poisson, gamma = Gamma,
                      quasipoisson = quasipoisson, quasibinomial = quasibinomial)[[asked$family]]
  family <- if (is.null(asked$link)) constructor() else eval(bquote(constructor(link = .(asked$link))))
  data <- rows_of(asked)
  # glm takes a thousandth of epsilon as the tolerance of its rank, which an empty cell needs
  control <- if (is.null(asked$subset)) exact else glm.control(epsilon = 1e-8)
  arguments <- list(formula = as.formula(asked$r_formula), family = family, data = data, control = control)
  if (!is.null(asked$weights) && !asked$frequency) arguments$weights <- data[[asked$weights]]
  fit <- suppressWarnings(do.call(glm, arguments))
  for (round in 1:20) {
    arguments$start <- coef(fit)
    if (anyNA(coef(fit))) break
    fit <- suppressWarnings(do.call(glm, arguments))
  }
  fit
}

# t on the residual degrees of freedom wherever the dispersion was estimated.
df_of <- function(fit) if (fit$family$family %in% c("binomial", "poisson")) Inf else df.residual(fit)

asked_of <- function(asked) asked[c("table", "formula", "family", "link", "weights", "frequency", "subset")]

# ---- emmeans ----------------------------------------------------------------

columns_of <- function(found, tested) {
  lower <- intersect(c("lower.CL", "asymp.LCL"), names(found))
  upper <- intersect(c("upper.CL", "asymp.UCL"), names(found))
  value <- intersect(c("emmean", "response", "prob", "rate", "estimate", "ratio", "odds.ratio"), names(found))[1]
  result <- list(estimate = as_list(found[[value]]), se = as_list(found$SE),
                 lower = as_list(found[[lower]]), upper = as_list(found[[upper]]))
  if (tested) {
    statistic <- intersect(c("t.ratio", "z.ratio"), names(found))
    result <- c(result, list(statistic = as_list(found[[statistic]]), p = as_list(found$p.value)))
  }
  result
}

grid_of <- function(fit, specs, by, at, weights) {
  arguments <- list(fit, specs = specs, by = by, weights = weights, nesting = NULL, df = df_of(fit))
  if (!is.null(at$offset)) arguments$offset <- at$offset
  at$offset <- NULL
  if (length(at)) arguments$at <- at
  do.call(emmeans, arguments)
}

means_of <- function(id, asked, specs, by = NULL, at = NULL, weights = "equal", scale = "link") {
  fit <- fitted_by(asked)
  grid <- grid_of(fit, specs, by, at, weights)
  type <- if (scale == "link") "link" else "response"
  found <- as.data.frame(summary(grid, infer = c(TRUE, FALSE), type = type))
  ask <- list(specs = as_list(specs), by = if (is.null(by)) NULL else as_list(by), at = at, averaging = weights,
              scale = scale)
  c(list(id = id, kind = "means"), asked_of(asked), ask, columns_of(found, FALSE))
}

contrasts_of <- function(id, asked, specs, method, by = NULL, at = NULL, weights = "equal", scale = "link",
                         adjust = "none", reference = 1) {
  fit <- fitted_by(asked)
  grid <- grid_of(fit, specs, by, at, weights)
  name <- list(pairwise = "pairwise", control = "trt.vs.ctrl", consecutive = "consec", effects = "eff")
  made <- if (is.list(method)) {
    contrast(grid, method)
  } else if (method == "control") {
    contrast(grid, "trt.vs.ctrl", ref = reference)
  } else {
    contrast(grid, name[[method]])
  }
  type <- if (scale == "link") "link" else "response"
  found <- suppressMessages(as.data.frame(summary(made, infer = c(TRUE, TRUE), type = type, adjust = adjust)))
  ask <- list(specs = as_list(specs), by = if (is.null(by)) NULL else as_list(by), at = at, averaging = weights,
              scale = scale, method = if (is.list(method)) lapply(method, as_list) else method,
              adjust = adjust, reference = reference)
  c(list(id = id, kind = "contrasts"), asked_of(asked), ask, columns_of(found, TRUE))
}

# ---- averages over rows -----------------------------------------------------

# dmu/deta and d2mu/deta2 by link.
curves <- list(
  logit = function(eta) { mu <- plogis(eta); list(mu, mu * (1 - mu), mu * (1 - mu) * (1 - 2 * mu)) },
  probit = function(eta) list(pnorm(eta), dnorm(eta), -eta * dnorm(eta)),
  log = function(eta) list(exp(eta), exp(eta), exp(eta)),
  identity = function(eta) list(eta, 0 * eta + 1, 0 * eta),
  inverse = function(eta) list(1 / eta, -1 / eta^2, 2 / eta^3),
  cloglog = function(eta) {
    slope <- exp(eta - exp(eta))
    list(-expm1(-exp(eta)), slope, slope * (1 - exp(eta)))
  }
)

design_at <- function(fit, data) {
  terms <- delete.response(terms(fit))
  frame <- model.frame(terms, data, xlev = fit$xlevels)
  offset <- model.offset(frame)
  list(X = model.matrix(terms, frame, contrasts.arg = fit$contrasts),
       offset = if (is.null(offset)) rep(0, nrow(data)) else offset)
}

# The average of mu over the rows and its gradient.
level_at <- function(fit, data) {
  made <- design_at(fit, data)
  curve <- curves[[fit$family$link]](drop(made$X %*% coef(fit)) + made$offset)
  list(value = mean(curve[[1]]), gradient = colMeans(curve[[2]] * made$X))
}

# D is the derivative of the design: exact by the difference of X(x + 1) and X(x - 1) where the design is at most
# quadratic in the column, or in its logarithm.
slope_at <- function(fit, data, name, through, kind = "dydx") {
  x <- data[[name]]
  made <- design_at(fit, data)
  if (through == "bs") {
    basis <- attr(terms(fit), "predvars")
    place <- grep("^bs\\(", sapply(as.list(basis)[-1], function(each) deparse(each)[1]))
    saved <- as.list(basis)[-1][[place]]
    knots <- c(rep(saved$Boundary.knots[1], 4), saved$knots, rep(saved$Boundary.knots[2], 4))
    D <- 0 * made$X
    D[, grep("^bs\\(", colnames(D))] <- splineDesign(knots, x, ord = 4, derivs = rep(1, length(x)))[, -1]
    moved <- list(offset = 0)
    fall <- list(offset = 0)
  } else {
    ahead <- data
    behind <- data
    ahead[[name]] <- if (through == "log") x * exp(1) else x + 1
    behind[[name]] <- if (through == "log") x / exp(1) else x - 1
    moved <- design_at(fit, ahead)
    fall <- design_at(fit, behind)
    scale <- if (through == "log") 2 * x else 2
    D <- (moved$X - fall$X) / scale
    moved$offset <- moved$offset / scale
    fall$offset <- fall$offset / scale
  }
  eta <- drop(made$X %*% coef(fit)) + made$offset
  steep <- drop(D %*% coef(fit)) + moved$offset - fall$offset
  curve <- curves[[fit$family$link]](eta)
  outer_slope <- curve[[2]]
  bend <- curve[[3]]
  if (kind %in% c("eyex", "eydx")) {
    bend <- curve[[3]] / curve[[1]] - (curve[[2]] / curve[[1]])^2
    outer_slope <- curve[[2]] / curve[[1]]
  }
  if (kind %in% c("eyex", "dyex")) {
    bend <- bend * x
    outer_slope <- outer_slope * x
  }
  list(value = mean(outer_slope * steep), gradient = colMeans(bend * steep * made$X + outer_slope * D))
}

answer <- function(fit, value, gradient) {
  covariance <- vcov(fit)
  list(estimate = as_list(value), se = as_list(sqrt(rowSums((gradient %*% covariance) * gradient))))
}

with_values <- function(data, values) {
  for (name in names(values)) {
    column <- data[[name]]
    data[[name]] <- if (is.factor(column)) factor(values[[name]], levels = levels(column)) else values[[name]]
  }
  data
}

# One prediction for each setting in `at`, within each level of `by`.
predictions_of <- function(id, asked, at = list(list()), by = NULL) {
  fit <- fitted_by(asked)
  data <- rows_of(asked)
  groups <- if (is.null(by)) list(seq_len(nrow(data))) else split(seq_len(nrow(data)), data[[by]])
  found <- list()
  for (values in at) {
    for (rows in groups) {
      found <- c(found, list(level_at(fit, with_values(data[rows, ], values))))
    }
  }
  value <- sapply(found, function(each) each$value)
  gradient <- t(sapply(found, function(each) each$gradient))
  ask <- list(at = NULL, by = by)
  if (length(at[[1]])) {
    values <- lapply(names(at[[1]]), function(name) as_list(unique(sapply(at, function(each) each[[name]]))))
    ask$at <- setNames(values, names(at[[1]]))
  }
  c(list(id = id, kind = "predictions"), asked_of(asked), ask, answer(fit, value, gradient))
}

# One comparison of a variable from one value to another, or (numeric, to = NULL) of x + from with x.
comparison_of <- function(id, asked, variable, from, to = NULL, measure = "difference", by = NULL) {
  fit <- fitted_by(asked)
  data <- rows_of(asked)
  groups <- if (is.null(by)) list(seq_len(nrow(data))) else split(seq_len(nrow(data)), data[[by]])
  value <- c()
  gradient <- NULL
  for (rows in groups) {
    start <- data[rows, ]
    end <- start
    if (is.null(to)) {
      end[[variable]] <- start[[variable]] + from
    } else {
      end <- with_values(start, setNames(list(to), variable))
      start <- with_values(start, setNames(list(from), variable))
    }
    low <- level_at(fit, start)
    high <- level_at(fit, end)
    turned <- function(level) switch(measure,
      difference = list(level$value, level$gradient),
      ratio = list(log(level$value), level$gradient / level$value),
      odds_ratio = list(qlogis(level$value), level$gradient / (level$value * (1 - level$value))))
    value <- c(value, turned(high)[[1]] - turned(low)[[1]])
    gradient <- rbind(gradient, turned(high)[[2]] - turned(low)[[2]])
  }
  found <- answer(fit, value, gradient)
  if (measure != "difference") {
    found <- list(estimate = as_list(exp(value)), se = as_list(exp(value) * found$se[[1]]))
  }
  change <- if (is.null(to)) as_list(from) else as_list(c(from, to))
  c(list(id = id, kind = "comparisons"), asked_of(asked),
    list(variable = variable, change = change, measure = measure, by = by), found)
}

slopes_of <- function(id, asked, variable, through = "polynomial", measure = "dydx", by = NULL, at = NULL) {
  fit <- fitted_by(asked)
  data <- rows_of(asked)
  data <- with_values(data, at)
  groups <- if (is.null(by)) list(seq_len(nrow(data))) else split(seq_len(nrow(data)), data[[by]])
  found <- lapply(groups, function(rows) slope_at(fit, data[rows, ], variable, through, measure))
  value <- sapply(found, function(each) each$value)
  gradient <- t(sapply(found, function(each) each$gradient))
  c(list(id = id, kind = "slopes"), asked_of(asked), list(variable = variable, measure = measure, by = by, at = at),
    answer(fit, unname(value), unname(gradient)))
}

# ---- the cases --------------------------------------------------------------

birth <- model("birthwt", "low ~ age + lwt + race + smoke", "binomial")
crossed <- model("birthwt", "low ~ age + race*smoke", "binomial")
curved <- model("birthwt", "low ~ age + I(age**2) + log(lwt)*smoke + race", "binomial",
                r_formula = "low ~ age + I(age^2) + log(lwt)*smoke + race")
warp <- model("warpbreaks", "breaks ~ wool*tension", "poisson")
plain <- model("warpbreaks", "breaks ~ wool*tension")
empty <- model("warpbreaks", "breaks ~ wool*tension", subset = list(wool = "A", tension = "L"))
insured <- model("insurance", "Claims ~ District + Group + Age + offset(log(Holders))", "poisson")
teeth <- model("toothgrowth", "len ~ supp*C(dose)", "gamma", "log", r_formula = "len ~ supp*factor(dose)")
cars <- model("mtcars", "mpg ~ log(hp) + C(cyl) + am", r_formula = "mpg ~ log(hp) + factor(cyl) + am")
admitted <- model("ucbadmissions", "cbind(Admitted, Rejected) ~ Gender + Dept", "binomial")
days <- model("quine", "Days ~ Eth + Sex*Age + Lrn", "quasipoisson")
chicks <- model("chickwts", "weight ~ feed")
counted <- model("insurance", "Claims ~ District + Group", "poisson", weights = "Holders", frequency = TRUE)
weighed <- model("longley", "Employed ~ Unemployed + Armed_Forces", weights = "Population")
blood <- model("clotting", "lot1 ~ log(u)", "gamma", "inverse")
eruption <- model("faithful", "eruptions ~ bs(waiting, df=5)", r_formula = "eruptions ~ bs(waiting, df=5)")
probit <- model("birthwt", "low ~ age*smoke + race", "binomial", "probit")
cloglog <- model("birthwt", "low ~ age*smoke + race", "binomial", "cloglog")

records <- list(
  means_of("means-logit", birth, "race"),
  means_of("means-logit-response", birth, "race", scale = "response"),
  means_of("means-logit-two", crossed, c("race", "smoke")),
  means_of("means-logit-proportional", crossed, "race", weights = "proportional"),
  means_of("means-logit-outer", birth, "smoke", weights = "outer"),
  means_of("means-logit-cells", crossed, "race", weights = "cells"),
  means_of("means-logit-at", birth, "race", at = list(age = 30, lwt = c(100, 150))),
  means_of("means-logit-at-levels", birth, c("age", "race"), at = list(age = c(20, 40), race = c("white", "other"))),
  means_of("means-poisson-response", warp, c("wool", "tension"), scale = "response"),
  means_of("means-poisson-by", warp, "tension", by = "wool"),
  means_of("means-gaussian", plain, "tension"),
  means_of("means-empty-cell", empty, c("wool", "tension")),
  means_of("means-empty-cell-margin", empty, "tension"),
  means_of("means-offset", insured, "District", scale = "response"),
  means_of("means-offset-0", insured, "District", at = list(offset = 0), scale = "response"),
  means_of("means-gamma", teeth, "supp", scale = "response"),
  means_of("means-factor-of-numbers", teeth, "dose", by = "supp"),
  means_of("means-covariates", cars, "cyl"),
  means_of("means-trials-proportional", admitted, "Gender", weights = "proportional"),
  means_of("means-quasi", days, c("Sex", "Age")),
  means_of("means-quasi-cells", days, "Sex", weights = "cells"),
  means_of("means-frequency-proportional", counted, "District", weights = "proportional"),
  means_of("means-inverse", blood, "u", at = list(u = c(5, 20, 80)), scale = "response"),
  means_of("means-overall", birth, "smoke", at = list(smoke = 1), weights = "outer"),

  contrasts_of("pairs-none", birth, "race", "pairwise"),
  contrasts_of("pairs-tukey", birth, "race", "pairwise", adjust = "tukey"),
  contrasts_of("pairs-tukey-t", chicks, "feed", "pairwise", adjust = "tukey"),
  contrasts_of("pairs-holm", chicks, "feed", "pairwise", adjust = "holm"),
  contrasts_of("pairs-bonferroni", chicks, "feed", "pairwise", adjust = "bonferroni"),
  contrasts_of("pairs-sidak", chicks, "feed", "pairwise", adjust = "sidak"),
  contrasts_of("pairs-scheffe", chicks, "feed", "pairwise", adjust = "scheffe"),
  contrasts_of("pairs-by", warp, "tension", "pairwise", by = "wool", adjust = "tukey"),
  contrasts_of("pairs-by-holm", plain, "tension", "pairwise", by = "wool", adjust = "holm"),
  contrasts_of("pairs-by-scheffe", plain, "tension", "pairwise", by = "wool", adjust = "scheffe"),
  contrasts_of("pairs-ratios", warp, "tension", "pairwise", by = "wool", scale = "response"),
  contrasts_of("pairs-odds-ratios", crossed, "race", "pairwise", by = "smoke", scale = "response", adjust = "sidak"),
  contrasts_of("pairs-empty-cell", empty, "tension", "pairwise", by = "wool"),
  contrasts_of("pairs-offset", insured, "Group", "pairwise", scale = "response", adjust = "bonferroni"),
  contrasts_of("pairs-gamma", teeth, "dose", "pairwise", by = "supp", scale = "response", adjust = "tukey"),
  contrasts_of("pairs-quasi", days, "Age", "pairwise", adjust = "tukey"),
  contrasts_of("pairs-of-combinations", plain, c("wool", "tension"), "pairwise", adjust = "tukey"),
  contrasts_of("control", chicks, "feed", "control", adjust = "sidak"),
  contrasts_of("control-reference", chicks, "feed", "control", reference = 5, adjust = "holm"),
  contrasts_of("consecutive", teeth, "dose", "consecutive", by = "supp"),
  contrasts_of("effects", insured, "District", "effects", scale = "response", adjust = "bonferroni"),
  contrasts_of("custom", warp, "tension", list(`H vs rest` = c(1, -0.5, -0.5), `L vs M` = c(0, 1, -1)), by = "wool",
               scale = "response", adjust = "holm"),
  contrasts_of("custom-proportional", crossed, "race", list(`white vs rest` = c(-0.5, -0.5, 1)),
               weights = "proportional"),

  predictions_of("predictions-all", birth),
  predictions_of("predictions-at", birth, lapply(c(20, 30, 40), function(age) list(age = age))),
  predictions_of("predictions-at-level", crossed, lapply(c("black", "white"), function(race) list(race = race))),
  predictions_of("predictions-by", crossed, by = "race"),
  predictions_of("predictions-at-by", curved, lapply(c(100, 150), function(lwt) list(lwt = lwt)), by = "race"),
  predictions_of("predictions-offset", insured, lapply(c("d1", "d4"), function(each) list(District = each))),
  predictions_of("predictions-offset-column", insured, list(list(Holders = 1), list(Holders = 100))),
  predictions_of("predictions-frequency", counted, by = "Group"),
  predictions_of("predictions-prior-weights", weighed),
  predictions_of("predictions-trials", admitted, by = "Gender"),
  predictions_of("predictions-inverse", blood, list(list(u = 10), list(u = 50))),

  comparison_of("comparison-plus-one", birth, "age", 1),
  comparison_of("comparison-minus-ten", curved, "lwt", -10),
  comparison_of("comparison-pair", curved, "lwt", 100, 150),
  comparison_of("comparison-levels", birth, "race", "black", "white"),
  comparison_of("comparison-ratio", birth, "race", "black", "white", "ratio"),
  comparison_of("comparison-odds-ratio", birth, "smoke", 0, 1, "odds_ratio"),
  comparison_of("comparison-by", crossed, "smoke", 0, 1, by = "race"),
  comparison_of("comparison-ratio-by", crossed, "smoke", 0, 1, "ratio", by = "race"),
  comparison_of("comparison-offset", insured, "District", "d1", "d4", "ratio"),
  comparison_of("comparison-frequency", counted, "Group", "1-1.5l", ">2l"),
  comparison_of("comparison-gamma", teeth, "supp", "OJ", "VC", "ratio"),
  comparison_of("comparison-probit", probit, "smoke", 0, 1),

  slopes_of("slope-logit", birth, "lwt"),
  slopes_of("slope-quadratic", curved, "age"),
  slopes_of("slope-log", curved, "lwt", "log"),
  slopes_of("slope-interaction", probit, "age"),
  slopes_of("slope-cloglog", cloglog, "age", by = "race"),
  slopes_of("slope-at", probit, "age", at = list(smoke = 1)),
  slopes_of("slope-by", curved, "lwt", "log", by = "race"),
  slopes_of("slope-elasticity", curved, "lwt", "log", "eyex"),
  slopes_of("slope-proportional", birth, "lwt", measure = "eydx"),
  slopes_of("slope-per-proportion", birth, "lwt", measure = "dyex"),
  slopes_of("slope-inverse", blood, "u", "log"),
  slopes_of("slope-inverse-elasticity", blood, "u", "log", "eyex"),
  slopes_of("slope-offset", insured, "Holders", "log"),
  slopes_of("slope-gaussian-log", cars, "hp", "log"),
  slopes_of("slope-spline", eruption, "waiting", "bs"),
  slopes_of("slope-weights", weighed, "Unemployed")
)

versions <- list(id = "versions", kind = "versions", r = as.character(getRversion()),
                 emmeans = as.character(packageVersion("emmeans")))
write_records(c(list(versions), records), "effects.json")
