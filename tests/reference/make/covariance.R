# Writes covariance.json: covariances by R's sandwich, joint tests by lmtest and
# car, the delta method by car, and fits to samples by survey.
#
#   Rscript tests/reference/make/covariance.R

suppressPackageStartupMessages({
  library(MASS)
  library(sandwich)
  library(lmtest)
  library(car)
  library(survey)
})
source("tests/reference/make/common.R")
options(warn = 1, survey.lonely.psu = "fail")

versions <- as.list(vapply(c("MASS", "sandwich", "lmtest", "car", "survey"),
                           function(name) as.character(packageVersion(name)), ""))
versions <- c(list(R = paste(R.version$major, R.version$minor, sep = ".")), versions)

# glm stops on the deviance, which is flat at the optimum: refit until the
# coefficients stand still. (epsilon is also, times 1e-3, the tolerance by which
# glm calls a column aliased, so that it cannot be very small.)
settled <- function(formula, family, table, weights = NULL) {
  arguments <- list(formula = as.formula(formula), family = family, data = table,
                    na.action = na.omit, control = list(epsilon = 1e-9, maxit = 200))
  if (!is.null(weights)) arguments$weights <- as.name(weights)
  fit <- do.call(glm, arguments)
  for (round in 1:60) {
    old <- coef(fit)
    arguments$start <- ifelse(is.na(old), 0, old)
    fit <- do.call(glm, arguments)
    if (max(abs(coef(fit) - old) / (abs(old) + 1e-8), na.rm = TRUE) < 1e-13) break
  }
  fit$call$start <- NULL  # which update() would hand to a smaller model
  fit
}

r_family <- function(family, link) {
  if (grepl("^negative_binomial", family)) {
    theta <- as.numeric(sub("negative_binomial\\((.*)\\)", "\\1", family))
    return(eval(bquote(negative.binomial(theta = .(theta), link = .(link)))))
  }
  switch(family,
    gaussian = gaussian(link), binomial = binomial(link), poisson = poisson(link),
    gamma = Gamma(link), inverse_gaussian = inverse.gaussian(link),
    quasipoisson = quasipoisson(link), quasibinomial = quasibinomial(link), stop(family))
}

estimated <- function(fit) unname(which(!is.na(coef(fit))))

# Without its negative eigenvalues, where there are any; those of the matrix in
# coordinates in which the model's own covariance is the unit matrix.
nearest <- function(fit, covariance) {
  root <- t(chol(summary(fit)$cov.unscaled))
  inner <- forwardsolve(root, t(forwardsolve(root, covariance)))
  found <- eigen((inner + t(inner)) / 2, symmetric = TRUE)
  if (min(found$values) >= -1e-12 * max(found$values)) return(unname(covariance))
  fixed <- found$vectors %*% (pmax(found$values, 0) * t(found$vectors))
  unname(root %*% fixed %*% t(root))
}

numbered <- function(items) setNames(items, seq_along(items))

# A record's matrices are of the coefficients that R estimated, whose places are
# `estimated`.
record <- function(id, table, formula, family, link, weights = NULL, clusters = character(),
                   series = FALSE, hypotheses = list(), functions = list(),
                   r_formula = gsub("**", "^", formula, fixed = TRUE)) {
  data <- read_table(table)
  fit <- settled(r_formula, r_family(family, link), data, weights)
  used <- as.integer(rownames(model.frame(fit)))
  ways <- lapply(clusters, function(name) as.character(data[[name]][used]))
  names(ways) <- clusters

  matrices <- lapply(c(HC0 = "HC0", HC1 = "HC1", HC2 = "HC2", HC3 = "HC3"),
                     function(type) unname(vcovHC(fit, type = type)))
  for (name in clusters) {
    matrices[[paste0("clustered ", name)]] <- unname(vcovCL(fit, ways[[name]], type = "HC1"))
    matrices[[paste0("plainly clustered ", name)]] <-
      unname(vcovCL(fit, ways[[name]], type = "HC0", cadjust = FALSE))
  }
  if (length(clusters) == 2) {
    both <- as.data.frame(ways)
    matrices[["clustered both"]] <- nearest(fit, vcovCL(fit, both, type = "HC1"))
    matrices[["plainly clustered both"]] <-
      nearest(fit, vcovCL(fit, both, type = "HC0", cadjust = FALSE))
  }
  for (lags in if (series) c(0, 1, 4) else numeric()) {
    matrices[[paste("HAC", lags)]] <- unname(NeweyWest(fit, lag = lags, prewhite = FALSE, adjust = TRUE))
    if (id == "longley") next  # whose columns differ so in size that R's autoregression fails
    matrices[[paste("prewhitened HAC", lags)]] <-
      unname(NeweyWest(fit, lag = lags, prewhite = TRUE, adjust = FALSE))
  }

  known <- fit$family$family %in% c("poisson", "binomial")
  list(
    id = id, table = table, formula = formula, family = family, link = link, weights = weights,
    clusters = as_list(clusters), n = nobs(fit), estimated = as_list(estimated(fit) - 1),
    coefficients = as_list(unname(coef(fit)[estimated(fit)])),
    matrices = matrices,
    tests = numbered(lapply(hypotheses, joint_test, fit = fit, known = known)),
    functions = numbered(lapply(functions, delta_of, fit = fit)),
    versions = versions
  )
}

# `ours` and `theirs` are the same hypotheses in nelder's and in car's names.
joint_test <- function(pair, fit, known) {
  test <- if (known) "Chisq" else "F"
  column <- if (known) "Chisq" else "F"
  numbers <- function(vcov.) {
    found <- linearHypothesis(fit, pair$theirs, test = test, vcov. = vcov., singular.ok = TRUE)
    list(statistic = found[2, column], df = found[2, "Df"], p = found[2, ncol(found)])
  }
  if (!is.null(pair$without)) {
    # the same test by lmtest: the model against itself without a term
    again <- waldtest(fit, pair$without, vcov = vcovHC(fit, type = "HC3"), test = test)
    ours <- numbers(vcovHC(fit, type = "HC3"))
    stopifnot(isTRUE(all.equal(again[2, column], ours$statistic, tolerance = 1e-10)))
  }
  list(given = as_list(pair$ours), known = known,
       expected = numbers(vcov(fit, complete = FALSE)), HC3 = numbers(vcovHC(fit, type = "HC3")))
}

# Names that are no names in R are written b0, b1, ...
delta_of <- function(pair, fit) {
  names <- if (grepl("\\bb[0-9]", pair$theirs)) paste0("b", seq_along(coef(fit)) - 1) else names(coef(fit))
  plain <- deltaMethod(fit, pair$theirs, vcov. = vcov(fit, complete = FALSE), parameterNames = names)
  robust <- deltaMethod(fit, pair$theirs, vcov. = vcovHC(fit, type = "HC1"), parameterNames = names)
  list(given = pair$ours, estimate = plain$Estimate, se = plain$SE, robust_se = robust$SE)
}

both <- function(ours, theirs, without = NULL) list(ours = ours, theirs = theirs, without = without)

cases <- list(
  list("gaussian", "mtcars", "mpg ~ wt + hp", "gaussian", "identity", clusters = c("cyl", "carb"),
       hypotheses = list(both(c("wt = -3", "hp = 0"), c("wt = -3", "hp = 0")),
                         both("wt = 100*hp", "wt = 100*hp"), both("hp", "hp = 0", . ~ . - hp)),
       functions = list(both("wt / hp", "wt/hp"), both("exp(wt) + Intercept**2", "exp(wt) + (Intercept)^2"),
                        both("-Intercept / wt", "-(Intercept)/wt"))),
  list("gaussian with prior weights", "mtcars", "mpg ~ wt + qsec", "gaussian", "identity",
       weights = "carb", clusters = "cyl",
       hypotheses = list(both(c("wt + 4*qsec = 1"), "wt + 4*qsec = 1"))),
  list("gaussian with missing rows", "airquality", "Ozone ~ Solar_R + Wind + Temp", "gaussian",
       "identity", clusters = "Month", series = TRUE,
       hypotheses = list(both(c("Wind", "Temp = 1.5"), c("Wind = 0", "Temp = 1.5")))),
  list("gaussian with aliased columns", "mtcars", "mpg ~ wt + I(2*wt + hp) + hp + qsec", "gaussian",
       "identity", clusters = "cyl",
       hypotheses = list(both("wt + qsec = 0", "wt + qsec = 0"))),
  list("gaussian log", "trees", "Volume ~ log(Girth) + log(Height)", "gaussian", "log",
       functions = list(both("log(Girth) / log(Height)", "b1/b2"))),
  list("longley", "longley", "Employed ~ GNP + Unemployed + Armed_Forces + Population + Year",
       "gaussian", "identity", series = TRUE),
  list("poisson with an offset", "insurance", "Claims ~ District + Group + Age + offset(log(Holders))",
       "poisson", "log", clusters = c("District", "Age"),
       hypotheses = list(both("District", c("Districtd2 = 0", "Districtd3 = 0", "Districtd4 = 0"),
                              . ~ . - District),
                         both("Age[T.<25] = Age[T.30-35]", c(0, 0, 0, 0, 0, 0, 0, -1, 1, 0)))),
  list("poisson factors", "warpbreaks", "breaks ~ wool*tension", "poisson", "log",
       hypotheses = list(both("wool:tension", c("woolB:tensionL = 0", "woolB:tensionM = 0"),
                              . ~ . - wool:tension),
                         both("wool[T.B] = tension[T.L] = tension[T.M]",
                              c("woolB = tensionL", "tensionL = tensionM")))),
  list("poisson with prior weights", "epil", "y ~ trt + lbase", "poisson", "log", weights = "age",
       clusters = c("subject", "period"), functions = list(both("exp(lbase)", "exp(lbase)"))),
  list("poisson sqrt", "quine", "Days ~ Eth + Sex + Age", "poisson", "sqrt", clusters = "Age"),
  list("poisson series", "discoveries", "count ~ year + I((year - 1900)**2 / 100)", "poisson", "log",
       series = TRUE),
  list("quasipoisson", "epil", "y ~ lbase*trt + lage + V4", "quasipoisson", "log",
       clusters = c("subject", "period"),
       hypotheses = list(both(c("lbase:trt[T.progabide]", "lage = 1"),
                              c("lbase:trtprogabide = 0", "lage = 1")))),
  list("negative binomial", "quine", "Days ~ Eth + Sex + Lrn", "negative_binomial(1.5)", "log",
       clusters = "Age"),
  list("binomial 0/1", "birthwt", "low ~ age + lwt + race + smoke", "binomial", "logit",
       clusters = c("ftv", "ptl"),
       hypotheses = list(both("race", c("raceother = 0", "racewhite = 0"), . ~ . - race),
                         both("race[T.other] = race[T.white]", "raceother = racewhite")),
       functions = list(both("exp(smoke)", "exp(smoke)"), both("-Intercept / lwt", "-(Intercept)/lwt"))),
  list("binomial counts", "budworm", "cbind(dead, alive) ~ sex*ldose", "binomial", "logit",
       clusters = "ldose",
       functions = list(both("-Intercept / ldose", "-(Intercept)/ldose"),
                        both("-(Intercept + sex[T.M]) / (ldose + sex[T.M]:ldose)",
                             "-(b0 + b1)/(b2 + b3)"))),
  list("binomial proportions", "menarche", "prop ~ Age", "binomial", "probit", weights = "Total",
       functions = list(both("-Intercept / Age", "-(Intercept)/Age"))),
  list("binomial probit", "bacteria", "y ~ trt + week", "binomial", "probit", clusters = c("ID", "week")),
  list("binomial cloglog", "bacteria", "y ~ ap*hilo + week", "binomial", "cloglog", clusters = "ID"),
  list("quasibinomial", "esoph", "cbind(ncases, ncontrols) ~ agegp + alcgp", "quasibinomial", "logit",
       clusters = c("tobgp", "alcgp")),
  list("gamma", "clotting", "lot1 ~ log(u)", "gamma", "inverse", series = TRUE,
       hypotheses = list(both(c("Intercept = 0", "log(u) = 0.015"),
                              c("(Intercept) = 0", "log(u) = 0.015")))),
  list("gamma log", "leuk", "time ~ ag + log(wbc)", "gamma", "log", clusters = "ag"),
  list("gamma with prior weights", "mtcars", "mpg ~ wt + qsec", "gamma", "log", weights = "carb",
       clusters = c("gear", "cyl")),
  list("inverse gaussian", "trees", "Volume ~ log(Girth) + log(Height)", "inverse_gaussian", "log",
       series = TRUE)
)

# ---- samples ----------------------------------------------------------------

# Rows drawn with probability in proportion to 1/weights, alone or in clusters.
sampled <- function(id, table, formula, family, link, weights, cluster = NULL, hypothesis = NULL) {
  # survey takes rows with missing values as sampled and outside the domain, and
  # counts them in n / (n - 1); for nelder the sample is the rows that are fitted.
  data <- read_table(table)
  data <- data[complete.cases(data[intersect(all.vars(as.formula(formula)), names(data))]), ]
  data$sampling_weight <- data[[weights]]
  ids <- if (is.null(cluster)) ~1 else as.formula(paste0("~", cluster))
  design <- svydesign(ids = ids, weights = ~sampling_weight, data = data)
  call <- list(formula = as.formula(formula), design = design, family = r_family(family, link),
               control = list(epsilon = 1e-14, maxit = 200))
  fit <- do.call(svyglm, call)
  for (round in 1:5) {
    call$start <- coef(fit)
    fit <- do.call(svyglm, call)
  }
  table_of <- summary(fit)$coefficients
  interval <- confint(fit)
  test <- if (is.null(hypothesis)) NULL else {
    found <- regTermTest(fit, as.formula(paste0("~", hypothesis)), method = "Wald")
    list(term = hypothesis, F = as.numeric(found$Ftest), df = found$df, df_residual = found$ddf,
         p = as.numeric(found$p))
  }
  list(id = id, table = table, formula = formula, family = family, link = link, weights = weights,
       cluster = cluster, coefficients = as_list(unname(coef(fit))), matrix = unname(vcov(fit)),
       t = as_list(unname(table_of[, 3])), p = as_list(unname(table_of[, 4])),
       lower = as_list(unname(interval[, 1])), upper = as_list(unname(interval[, 2])),
       df = fit$df.residual, deviance = deviance(fit), null_deviance = fit$null.deviance,
       test = test, versions = versions)
}

samples <- list(
  list("gaussian sample", "mtcars", "mpg ~ wt + hp", "gaussian", "identity", "carb"),
  list("gaussian sample with missing rows", "airquality", "Ozone ~ Wind + Temp", "gaussian",
       "identity", "Day"),
  list("binomial sample", "birthwt", "low ~ lwt + race + smoke", "quasibinomial", "logit", "age",
       hypothesis = "race"),
  list("binomial counts sample", "snails", "cbind(Deaths, Survivors) ~ Species + Temp + Rel_Hum",
       "binomial", "logit", "Exposure", hypothesis = "Temp"),
  list("poisson sample with an offset", "insurance", "Claims ~ District + Age + offset(log(Holders))",
       "poisson", "log", "Holders", hypothesis = "Age"),
  list("poisson sample of clusters", "epil", "y ~ lbase + trt", "poisson", "log", "age",
       cluster = "subject"),
  list("gamma sample", "mtcars", "disp ~ wt + hp", "gamma", "log", "carb"),
  list("gamma sample of clusters", "insurance", "rate ~ Holders", "quasipoisson", "log", "Holders",
       cluster = "District"),
  list("probit sample of clusters", "bacteria", "y ~ trt + week", "binomial", "probit", "week_weight",
       cluster = "ID")
)
read_plain <- read_table
read_table <- function(name) {
  table <- read_plain(name)
  if (name == "bacteria") table$week_weight <- 1 + table$week / 2
  table
}

records <- lapply(cases, function(case) do.call(record, case))
sample_records <- lapply(samples, function(case) do.call(sampled, case))
write_records(c(records, sample_records), "covariance.json")
message(length(records), " fits with ",
        sum(vapply(records, function(each) length(each$matrices), 0L)), " matrices, ",
        sum(vapply(records, function(each) length(each$tests), 0L)), " tests and ",
        sum(vapply(records, function(each) length(each$functions), 0L)), " functions; ",
        length(sample_records), " samples")
