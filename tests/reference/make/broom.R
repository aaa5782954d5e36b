# Writes broom.json: tidy, glance and augment by R's broom, as reference numbers.
#
#   Rscript tests/reference/make/broom.R
#
# broom's intervals of a glm are profiled; those written here are Wald's, by confint.default.

suppressPackageStartupMessages({
  library(broom)
})
source("tests/reference/make/common.R")
options(warn = 1)

records <- list(list(id = "versions", R = as.character(getRversion()), broom = as.character(packageVersion("broom"))))

add <- function(table, formula, family, link, weights = NULL) {
  made <- switch(family,
    gaussian = gaussian(link), binomial = binomial(link), poisson = poisson(link), gamma = Gamma(link),
    quasipoisson = quasipoisson(link), inverse_gaussian = inverse.gaussian(link))
  arguments <- list(formula = as.formula(formula), family = made, data = read_table(table),
                    control = glm.control(epsilon = 1e-15, maxit = 200))
  if (!is.null(weights)) arguments$weights <- as.name(weights)
  fit <- do.call(glm, arguments)
  fit <- do.call(glm, c(arguments, list(start = coef(fit))))
  rows <- augment(fit, se_fit = TRUE)
  whole <- glance(fit)
  ends <- suppressMessages(confint.default(fit))
  ratios <- tidy(fit, exponentiate = TRUE)
  records[[length(records) + 1]] <<- list(
    id = paste(table, family, sep = "-"), table = table, formula = formula, family = family, link = link,
    weights = weights, tidy = as.list(tidy(fit)[c("estimate", "std.error", "statistic", "p.value")]),
    lower = unname(ends[, 1]), upper = unname(ends[, 2]), ratio = ratios$estimate, ratio_error = ratios$std.error,
    glance = as.list(whole),
    augment = as.list(rows[c(".fitted", ".se.fit", ".resid", ".hat", ".sigma", ".cooksd", ".std.resid")]))
}

add("birthwt", "low ~ age + lwt + race + smoke", "binomial", "logit")
add("budworm", "prop ~ sex + ldose", "binomial", "logit", weights = "n")
add("warpbreaks", "breaks ~ wool + tension", "poisson", "log")
add("warpbreaks", "breaks ~ wool * tension", "quasipoisson", "log")
add("quine", "Days ~ Eth + Sex + Age", "poisson", "log")
add("clotting", "lot1 ~ log(u)", "gamma", "inverse")
add("cars", "dist ~ speed", "gaussian", "identity")
add("mtcars", "mpg ~ wt + hp", "gaussian", "log")
add("trees", "Volume ~ log(Height) + log(Girth)", "inverse_gaussian", "log")

write_records(records, "broom.json")
message(length(records) - 1, " fits")
