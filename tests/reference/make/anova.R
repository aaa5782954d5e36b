# Writes anova.json: R's analysis of deviance, single-term changes and stepwise
# selection on the tables, as reference numbers.
#
#   Rscript tests/reference/make/anova.R

suppressPackageStartupMessages({
  library(MASS)
  library(car)
  library(sandwich)
})
source("tests/reference/make/common.R")
options(warn = 2, contrasts = c("contr.treatment", "contr.poly"))

# Deviances are flat at the optimum, so that a tight criterion gives all their
# digits; score statistics need coefficients that stand still as well.
control <- glm.control(epsilon = 1e-15, maxit = 200)

r_family <- function(family, link, theta) {
  switch(family,
    gaussian = gaussian(link), binomial = binomial(link), poisson = poisson(link),
    gamma = Gamma(link), inverse_gaussian = inverse.gaussian(link),
    quasipoisson = quasipoisson(link), quasibinomial = quasibinomial(link),
    negative_binomial = negative.binomial(theta, link), stop(family))
}

# What nelder is given: `formula` in its own spelling, which R shares but for
# C() and **.
r_formula <- function(text) {
  text <- gsub("C\\((\\w+), contr.sum\\)", "C(\\1, contr.sum)", text)
  text <- gsub("C\\((\\w+)\\)", "factor(\\1)", text)
  as.formula(gsub("**", "^", text, fixed = TRUE))
}

data <- NULL  # where fits, and what updates them, look for the table

fit_glm <- function(model, formula = model$formula) {
  arguments <- list(formula = r_formula(formula), data = as.name("data"), control = as.name("control"),
                    family = r_family(model$family, model$link, model$theta))
  if (!is.null(model$weights)) arguments$weights <- as.name(model$weights)
  data <<- read_table(model$table)
  rest(eval(as.call(c(as.name("glm"), arguments))))
}

# glm stops on the deviance, which leaves half the digits of the coefficients
# open, and keeps weights from before its last step: starting again where it
# stands, until that stands still, gives Pearson's X2 and scores all theirs.
rest <- function(fit) {
  if (anyNA(coef(fit))) return(fit)
  for (round in 1:60) {
    before <- coef(fit)
    fit$call$start <- before
    fit <- suppressWarnings(eval(fit$call))  # a last bit that swings is not converged to it
    move <- max(abs(coef(fit) - before) / pmax(abs(before), sqrt(diag(vcov(fit)))))
    if (move < 1e-14) break
  }
  stopifnot(move < 1e-12)
  fit$call$start <- NULL
  fit
}

fit_lm <- function(model) {
  data <<- read_table(model$table)
  arguments <- list(formula = r_formula(model$formula), data = as.name("data"))
  if (!is.null(model$weights)) arguments$weights <- as.name(model$weights)
  eval(as.call(c(as.name("lm"), arguments)))
}

# R's names of terms in nelder's spelling.
term_names <- function(names) gsub("factor(", "C(", gsub("^2", "**2", names, fixed = TRUE), fixed = TRUE)

given <- function(id, what, model, ...) {
  c(list(id = id, what = what, table = model$table, formula = model$formula, family = model$family,
         link = model$link, theta = model$theta, weights = model$weights), list(...))
}

columns <- function(table, names) {
  found <- lapply(names, function(candidates) {
    name <- intersect(candidates, colnames(table))
    if (length(name)) as_list(unname(table[[name[1]]])) else NULL
  })
  found[!vapply(found, is.null, TRUE)]
}

STATISTIC <- c("F", "F value", "F values", "Chisq", "LR Chisq", "Rao", "LRT", "scaled dev.", "Rao score", "scaled Rao sc.")
P <- c("Pr(>F)", "Pr(>Chi)", "Pr(>Chisq)")

# ---- type 1 -----------------------------------------------------------------

sequential <- function(id, model, test) {
  fit <- fit_glm(model)
  dispersion <- if (model$family == "negative_binomial") 1 else NULL
  table <- anova(fit, test = test, dispersion = dispersion)[-1, ]
  dispersion <- if (is.null(dispersion)) summary(fit)$dispersion else dispersion
  if (test == "Rao") {
    changed <- function(fit, sign, terms) {
      change <- as.formula(paste(". ~ .", paste(sign, terms, collapse = " ")))
      rest(eval(bquote(update(fit, .(change)))))
    }
    fits <- Reduce(function(smaller, term) changed(smaller, "+", term), rownames(table),
                   changed(fit, "-", rownames(table)), accumulate = TRUE)
    scores <- mapply(function(small, big) anova(small, big, test = "Rao")$Rao[2], fits[-length(fits)], fits[-1])
    stopifnot(all.equal(table$Rao, scores, tolerance = 1e-6))
    table$Rao <- scores
    table[["Pr(>Chi)"]] <- pchisq(scores / dispersion, table$Df, lower.tail = FALSE)
  }
  statistic <- switch(test, F = table$F, Chisq = table$Deviance / dispersion, Rao = table$Rao / dispersion)
  c(given(id, "anova", model, type = 1, test = test, terms = as_list(term_names(rownames(table))),
          statistic = as_list(statistic)),
    columns(table, list(df = "Df", deviance = "Deviance", resid_df = "Resid. Df", resid_deviance = "Resid. Dev", p = P)))
}

# ---- types 2 and 3 ----------------------------------------------------------

by_terms <- function(id, model, type, test, by_lm = FALSE) {
  fit <- if (by_lm) fit_lm(model) else fit_glm(model)
  table <- if (by_lm) Anova(fit, type = type) else Anova(fit, type = type, test.statistic = test)
  table <- as.data.frame(table)
  table <- table[!rownames(table) %in% c("(Intercept)", "Residuals"), ]
  c(given(id, "anova", model, type = type, test = test, terms = as_list(term_names(rownames(table)))),
    columns(table, list(df = "Df", deviance = "Sum Sq", statistic = STATISTIC, p = P)))
}

# Wald tests with another covariance than the model's, as chi-squared.
by_covariance <- function(id, model, type, kind) {
  fit <- fit_glm(model)
  table <- as.data.frame(Anova(fit, type = type, test.statistic = "Wald", vcov. = vcovHC(fit, kind)))
  table <- table[!rownames(table) %in% c("(Intercept)", "Residuals"), ]
  c(given(id, "anova", model, type = type, test = "Wald", covariance = kind, terms = as_list(term_names(rownames(table)))),
    columns(table, list(df = "Df", statistic = STATISTIC, p = P)))
}

# ---- fits side by side ------------------------------------------------------

side_by_side <- function(id, model, formulas, test) {
  fits <- lapply(formulas, function(formula) fit_glm(model, formula))
  table <- do.call(anova, c(fits, list(test = test)))
  dispersion <- summary(fits[[length(fits)]])$dispersion
  statistic <- switch(test, F = table$F, Chisq = table$Deviance / dispersion, Rao = table$Rao / dispersion)
  likelihood <- !grepl("quasi", model$family)
  c(given(id, "compare", model, test = test, formulas = as_list(formulas), statistic = as_list(statistic),
          aic = if (likelihood) as_list(vapply(fits, AIC, 0)),
          bic = if (likelihood) as_list(vapply(fits, BIC, 0))),
    columns(table, list(df = "Df", deviance = "Deviance", resid_df = "Resid. Df", resid_deviance = "Resid. Dev", p = P)))
}

# ---- one term less or more --------------------------------------------------

# A gaussian fit is tested by n log of its deviance here, and a gamma by
# deviance / df: nelder has one rule, Pearson's dispersion, so that their
# statistics are those of anova() between the two models.
tested <- function(small, big, test) {
  table <- anova(small, big, test = test)
  dispersion <- summary(big)$dispersion
  statistic <- switch(test, F = table$F, Chisq = table$Deviance / dispersion, Rao = table$Rao / dispersion)[2]
  c(df = table$Df[2], deviance = table$Deviance[2], statistic = statistic,
    p = table[[intersect(P, names(table))]][2])
}

single <- function(id, what, model, scope, test) {
  fit <- fit_glm(model)
  sign <- if (what == "drop1") "-" else "+"
  table <- if (what == "drop1") drop1(fit) else add1(fit, r_formula(scope))
  terms <- rownames(table)[-1]
  others <- lapply(terms, function(term) {
    rest(eval(bquote(update(fit, .(as.formula(paste(". ~ .", sign, term)))))))
  })
  rows <- vapply(others, function(other) {
    if (what == "drop1") tested(other, fit, test) else tested(fit, other, test)
  }, numeric(4))
  # what drop1 and add1 say themselves, where they mean the same
  stopifnot(all.equal(table$Df[-1], unname(rows["df", ])),
            all.equal(abs(table$Deviance[-1] - table$Deviance[1]), unname(rows["deviance", ])))
  aic <- if (grepl("quasi", model$family)) NULL else vapply(c(list(fit), others), AIC, 0)
  if (model$family %in% c("gaussian", "binomial", "poisson")) stopifnot(all.equal(table$AIC, aic))
  if (test == "Chisq" && model$family %in% c("binomial", "poisson")) {
    again <- if (what == "drop1") drop1(fit, test = test) else add1(fit, r_formula(scope), test = test)
    stopifnot(all.equal(again$LRT[-1], unname(rows["statistic", ])))
  }
  if (test == "F" && model$family == "gaussian") {
    again <- if (what == "drop1") drop1(fit, test = test) else add1(fit, r_formula(scope), test = test)
    stopifnot(all.equal(again[["F value"]][-1], unname(rows["statistic", ])))
  }
  given(id, what, model, scope = scope, test = test, terms = as_list(term_names(terms)),
        df = as_list(unname(rows["df", ])), deviance = as_list(unname(rows["deviance", ])),
        resid_deviance = as_list(table$Deviance), aic = if (!is.null(aic)) as_list(aic),
        statistic = as_list(unname(rows["statistic", ])), p = as_list(unname(rows["p", ])))
}

# ---- theta estimated in each model ------------------------------------------

likelihoods <- function(id, model, formulas) {
  data <<- read_table(model$table)
  fits <- lapply(formulas, function(formula) glm.nb(r_formula(formula), data = data, control = control))
  table <- do.call(anova, fits)
  given(id, "compare", model, test = "Chisq", formulas = as_list(formulas), df = as_list(c(NA, table[["   df"]][-1])),
        resid_df = as_list(table[["Resid. df"]]), loglik = as_list(vapply(fits, logLik, 0)),
        theta_estimates = as_list(vapply(fits, `[[`, 0, "theta")), statistic = as_list(table[["LR stat."]]),
        p = as_list(table[["Pr(Chi)"]]), aic = as_list(vapply(fits, AIC, 0)), bic = as_list(vapply(fits, BIC, 0)))
}

dropped_likelihoods <- function(id, model, terms) {
  data <<- read_table(model$table)
  fit <- glm.nb(r_formula(model$formula), data = data, control = control)
  fits <- lapply(terms, function(term) update(fit, as.formula(paste(". ~ . -", term))))
  statistic <- 2 * (as.numeric(logLik(fit)) - vapply(fits, logLik, 0))
  df <- vapply(fits, df.residual, 0) - df.residual(fit)
  given(id, "drop1", model, test = "Chisq", terms = as_list(terms), df = as_list(df),
        loglik = as_list(vapply(c(list(fit), fits), logLik, 0)), aic = as_list(vapply(c(list(fit), fits), AIC, 0)),
        statistic = as_list(statistic), p = as_list(pchisq(statistic, df, lower.tail = FALSE)))
}

# ---- stepwise ---------------------------------------------------------------

stepwise <- function(id, model, scope, direction, criterion = "aic") {
  fit <- fit_glm(model)
  k <- if (criterion == "aic") 2 else log(nobs(fit))
  arguments <- list(fit, direction = direction, trace = 0, k = k)
  if (!is.null(scope)) arguments$scope <- r_formula(scope)
  path <- withCallingHandlers(do.call(step, arguments), warning = function(w) {
    if (grepl("0 or 1 occurred", conditionMessage(w))) invokeRestart("muffleWarning")
  })
  given(id, "step", model, scope = scope, direction = direction, criterion = criterion,
        changes = as_list(c("start", term_names(path$anova$Step[-1]))),
        resid_df = as_list(path$anova[["Resid. Df"]]), resid_deviance = as_list(path$anova[["Resid. Dev"]]),
        value = as_list(path$anova$AIC))
}

# ---- the cases --------------------------------------------------------------

model <- function(table, formula, family, link, ...) {
  list(table = table, formula = formula, family = family, link = link, ...)
}

warpbreaks <- model("warpbreaks", "breaks ~ wool*tension", "poisson", "log")
warpbreaks_quasi <- model("warpbreaks", "breaks ~ wool*tension", "quasipoisson", "log")
warpbreaks_sum <- model("warpbreaks", "breaks ~ C(wool, contr.sum)*C(tension, contr.sum)", "poisson", "log")
quine <- model("quine", "Days ~ Eth*Sex + Sex*Age + Lrn", "poisson", "log")
quine_sum <- model("quine", "Days ~ C(Eth, contr.sum)*C(Sex, contr.sum)*C(Lrn, contr.sum)", "quasipoisson", "log")
quine_three <- model("quine", "Days ~ Eth*Sex*Lrn", "quasipoisson", "log")
quine_nb <- model("quine", "Days ~ Eth*Sex + Age + Lrn", "negative_binomial", "log", theta = 1.5)
quine_theta <- model("quine", "Days ~ Eth*Sex + Age + Lrn", "negative_binomial", "log")
birthwt <- model("birthwt", "low ~ age + lwt + race*smoke + ht", "binomial", "logit")
birthwt_main <- model("birthwt", "low ~ age + lwt + race + smoke + ptl + ht + ui + ftv", "binomial", "logit")
birthwt_probit <- model("birthwt", "low ~ lwt*smoke + race", "binomial", "probit")
esoph <- model("esoph", "cbind(ncases, ncontrols) ~ agegp + alcgp + tobgp", "binomial", "logit")
esoph_quasi <- model("esoph", "cbind(ncases, ncontrols) ~ agegp + alcgp + tobgp", "quasibinomial", "logit")
budworm <- model("budworm", "prop ~ sex*ldose", "binomial", "logit", weights = "n")
insurance <- model("insurance", "Claims ~ District + Group*Age + offset(log(Holders))", "poisson", "log")
insurance_quasi <- model("insurance", "Claims ~ District + Group + Age + offset(log(Holders))", "quasipoisson", "log")
ships <- model("ships", "incidents ~ type*period + year + offset(log(service))", "quasipoisson", "log")
puromycin <- model("puromycin", "rate ~ I(1/conc)*state", "gamma", "inverse")
leuk <- model("leuk", "time ~ ag*log(wbc)", "gamma", "log")
gamma_weights <- model("mtcars", "mpg ~ wt*C(gear) + qsec", "gamma", "log", weights = "carb")
inverse <- model("mtcars", "disp ~ wt + C(gear) + hp", "inverse_gaussian", "log", weights = "carb")
toothgrowth <- model("toothgrowth", "len ~ supp*C(dose)", "gaussian", "identity")
toothgrowth_sum <- model("toothgrowth", "len ~ C(supp, contr.sum)*dose", "gaussian", "identity")
mtcars <- model("mtcars", "mpg ~ C(cyl)*wt + hp + qsec", "gaussian", "identity")
mtcars_weights <- model("mtcars", "mpg ~ C(cyl)*hp + wt", "gaussian", "identity", weights = "carb")
anorexia <- model("anorexia", "Postwt ~ Treat*Prewt + offset(Prewt)", "gaussian", "identity")
swiss <- model("swiss", "Fertility ~ Agriculture + Examination + Education + Catholic + Infant_Mortality", "gaussian", "identity")
trees <- model("trees", "Volume ~ log(Girth) + log(Height)", "gaussian", "log")

records <- list(
  sequential("1-poisson-chisq", warpbreaks, "Chisq"),
  sequential("1-poisson-rao", warpbreaks, "Rao"),
  sequential("1-poisson-quine", quine, "Chisq"),
  sequential("1-quasipoisson-F", warpbreaks_quasi, "F"),
  sequential("1-quasipoisson-offset-rao", ships, "Rao"),
  sequential("1-binomial-cbind", esoph, "Chisq"),
  sequential("1-binomial-cbind-rao", esoph, "Rao"),
  sequential("1-binomial-trials", budworm, "Chisq"),
  sequential("1-gamma-F", puromycin, "F"),
  sequential("1-gamma-weights-chisq", gamma_weights, "Chisq"),
  sequential("1-gamma-weights-rao", gamma_weights, "Rao"),
  sequential("1-inverse-gaussian-F", inverse, "F"),
  sequential("1-gaussian-F", toothgrowth, "F"),
  sequential("1-gaussian-offset-F", anorexia, "F"),
  sequential("1-gaussian-log-F", trees, "F"),
  sequential("1-negative-binomial", quine_nb, "Chisq"),
  sequential("1-poisson-offset", insurance, "Chisq"),

  by_terms("2-poisson", warpbreaks, 2, "LR"),
  by_terms("2-poisson-unbalanced", quine, 2, "LR"),
  by_terms("2-poisson-unbalanced-wald", quine, 2, "Wald"),
  by_terms("2-poisson-offset", insurance, 2, "LR"),
  by_terms("2-quasipoisson-F", quine_three, 2, "F"),
  by_terms("2-quasipoisson-LR", quine_three, 2, "LR"),
  by_terms("2-quasipoisson-offset-F", ships, 2, "F"),
  by_terms("2-binomial", birthwt, 2, "LR"),
  by_terms("2-binomial-wald", birthwt, 2, "Wald"),
  by_terms("2-binomial-probit", birthwt_probit, 2, "LR"),
  by_terms("2-binomial-cbind", esoph, 2, "LR"),
  by_terms("2-quasibinomial-F", esoph_quasi, 2, "F"),
  by_terms("2-gamma-F", leuk, 2, "F"),
  by_terms("2-gamma-weights-LR", gamma_weights, 2, "LR"),
  by_terms("2-lm", mtcars, 2, "F", by_lm = TRUE),
  by_terms("2-lm-weights", mtcars_weights, 2, "F", by_lm = TRUE),
  by_terms("2-lm-offset", anorexia, 2, "F", by_lm = TRUE),
  by_terms("2-gaussian-LR", mtcars, 2, "LR"),

  by_terms("3-poisson-sum", warpbreaks_sum, 3, "LR"),
  by_terms("3-poisson-treatment", warpbreaks, 3, "LR"),
  by_terms("3-quasipoisson-sum-F", quine_sum, 3, "F"),
  by_terms("3-quasipoisson-sum-LR", quine_sum, 3, "LR"),
  by_terms("3-poisson-sum-wald", warpbreaks_sum, 3, "Wald"),
  by_terms("3-binomial-treatment-wald", birthwt, 3, "Wald"),
  by_terms("3-gamma-F", leuk, 3, "F"),
  by_terms("3-lm-sum", toothgrowth_sum, 3, "F", by_lm = TRUE),
  by_terms("3-lm-weights", mtcars_weights, 3, "F", by_lm = TRUE),

  by_covariance("2-poisson-HC0", quine, 2, "HC0"),
  by_covariance("2-binomial-HC3", birthwt, 2, "HC3"),
  by_covariance("3-poisson-HC1", warpbreaks_sum, 3, "HC1"),

  side_by_side("compare-poisson", warpbreaks, c("breaks ~ 1", "breaks ~ tension", "breaks ~ wool*tension"), "Chisq"),
  side_by_side("compare-poisson-rao", warpbreaks, c("breaks ~ 1", "breaks ~ tension", "breaks ~ wool*tension"), "Rao"),
  side_by_side("compare-quasipoisson", quine_three, c("Days ~ Eth", "Days ~ Eth + Sex + Lrn", "Days ~ Eth*Sex*Lrn"), "F"),
  side_by_side("compare-binomial-cbind", esoph, c("cbind(ncases, ncontrols) ~ agegp", esoph$formula), "Chisq"),
  side_by_side("compare-gamma", leuk, c("time ~ 1", "time ~ ag", "time ~ ag*log(wbc)"), "F"),
  side_by_side("compare-gamma-chisq", gamma_weights, c("mpg ~ wt", gamma_weights$formula), "Chisq"),
  side_by_side("compare-gaussian", mtcars, c("mpg ~ wt", "mpg ~ wt + hp", mtcars$formula), "F"),
  side_by_side("compare-inverse-gaussian", inverse, c("disp ~ wt", inverse$formula), "F"),

  likelihoods("compare-negative-binomial-theta", quine_theta, c("Days ~ Eth", "Days ~ Eth + Age", quine_theta$formula)),
  dropped_likelihoods("drop1-negative-binomial-theta", quine_theta, c("Age", "Lrn", "Eth:Sex")),

  single("drop1-binomial", "drop1", birthwt_main, NULL, "Chisq"),
  single("drop1-binomial-rao", "drop1", birthwt_main, NULL, "Rao"),
  single("drop1-poisson-interactions", "drop1", quine, NULL, "Chisq"),
  single("drop1-quasi-offset", "drop1", insurance_quasi, NULL, "F"),
  single("drop1-gamma", "drop1", gamma_weights, NULL, "F"),
  single("drop1-gaussian", "drop1", swiss, NULL, "F"),
  single("add1-binomial", "add1", modifyList(birthwt_main, list(formula = "low ~ lwt")),
         "~ . + age + race*smoke + log(age)", "Chisq"),
  single("add1-binomial-rao", "add1", modifyList(birthwt_main, list(formula = "low ~ lwt + race")),
         "~ . + lwt:race + smoke + ht", "Rao"),
  single("add1-poisson-pairs", "add1", modifyList(warpbreaks, list(formula = "breaks ~ wool + tension")), "~ .**2", "Chisq"),
  single("add1-gaussian", "add1", modifyList(swiss, list(formula = "Fertility ~ Education")),
         "~ Education + Catholic + Agriculture + I(Education**2) + Education:Catholic", "F"),
  single("add1-gamma", "add1", modifyList(leuk, list(formula = "time ~ ag")), "~ ag*log(wbc)", "F"),

  stepwise("step-binomial-backward", birthwt_main, NULL, "backward"),
  stepwise("step-binomial-pairs", modifyList(birthwt_main, list(formula = "low ~ age + lwt + smoke + ui + ftv")), "~ .**2",
           "both"),
  stepwise("step-binomial-bic", birthwt_main, NULL, "backward", "bic"),
  stepwise("step-binomial-forward", modifyList(birthwt_main, list(formula = "low ~ 1")),
           "~ age + lwt + race + smoke + ptl + ht + ui + ftv", "forward"),
  stepwise("step-gaussian", swiss, NULL, "both"),
  stepwise("step-gaussian-bic-pairs", swiss, "~ .**2", "both", "bic"),
  stepwise("step-poisson", insurance, NULL, "both"),
  stepwise("step-poisson-forward", modifyList(quine, list(formula = "Days ~ Eth")), "~ Eth*Sex*Age*Lrn", "forward")
)

stopifnot(!anyDuplicated(vapply(records, `[[`, "", "id")))
versions <- list(id = "versions", what = "versions", R = as.character(getRversion()),
                 car = as.character(packageVersion("car")),
                 sandwich = as.character(packageVersion("sandwich")), MASS = as.character(packageVersion("MASS")))
records <- lapply(records, function(record) record[!vapply(record, is.null, TRUE)])
write_records(c(list(versions), records), "anova.json")
message(length(records), " tables")
