# Writes coming_from_r.json: the jobs of docs/guides/coming-from.md in R.
#
#   Rscript tests/reference/make/coming_from.R
#
# The table is nelder's own generator of claims, which `python` must find.

suppressPackageStartupMessages({
  library(MASS)
  library(sandwich)
  library(brglm2)
  library(glmnet)
})
source("tests/reference/make/common.R")

motor <- read.csv(pipe("python tests/reference/make/coming_from.py --table"), stringsAsFactors = TRUE)
NEAR <- glm.control(epsilon = 1e-12, maxit = 100)
fitted_numbers <- function(fit) {
  table <- coef(summary(fit))
  list(coef = unname(table[, 1]), se = unname(table[, 2]), p = unname(table[, 4]),
       deviance = deviance(fit), aic = AIC(fit), bic = BIC(fit))
}

fit <- glm(claims ~ area + fuel + young + offset(log(exposure)), poisson, motor, control = NEAR)
small <- update(fit, . ~ . - area)
new <- motor[1:2, ]
link <- predict(fit, new, se.fit = TRUE)
q <- qnorm(0.975)

quasi <- update(fit, family = quasipoisson)
paid <- subset(motor, claims > 0)
gamma <- glm(amount ~ area + young, Gamma("log"), paid, weights = claims, control = NEAR)
counts <- glm.nb(claims ~ young + vehicle_age, motor, control = glm.control(epsilon = 1e-12, maxit = 100))

separated <- data.frame(treated = rep(0:1, each = 20), recovered = c(rep(0:1, 10), rep(1, 20)))
apart <- suppressWarnings(glm(recovered ~ treated, binomial, separated))
reduced <- glm(recovered ~ treated, binomial, separated, method = "brglmFit", epsilon = 1e-12)

X <- as.matrix(motor[, c("young", "vehicle_age")])
ridge <- function(y, family, ...) {
  held <- glmnet(X, y, family = family, alpha = 0, lambda = 0.1, standardize = FALSE, thresh = 1e-20, ...)
  unname(as.numeric(coef(held)))
}

berkeley <- as.data.frame(UCBAdmissions)
berkeley <- reshape(berkeley, idvar = c("Gender", "Dept"), timevar = "Admit", direction = "wide")
admitted <- glm(cbind(Freq.Admitted, Freq.Rejected) ~ Gender + Dept, binomial, berkeley, control = NEAR)

found <- list(
  versions = c(list(R = paste(R.version$major, R.version$minor, sep = ".")),
    sapply(c("MASS", "sandwich", "brglm2", "glmnet"), function(name) as.character(packageVersion(name)), simplify = FALSE)),
  poisson = fitted_numbers(fit),
  quasi = c(fitted_numbers(quasi), dispersion = summary(quasi)$dispersion),
  gamma = c(fitted_numbers(gamma), dispersion = summary(gamma)$dispersion),
  se = sapply(c("HC0", "HC1", "HC2", "HC3"), function(type) unname(sqrt(diag(vcovHC(fit, type)))), simplify = FALSE),
  clustered = unname(sqrt(diag(vcovCL(fit, ~region)))),
  clustered_hc1 = unname(sqrt(diag(vcovCL(fit, ~region, type = "HC1")))),
  likelihood_ratio = deviance(small) - deviance(fit),
  likelihood_ratio_p = anova(small, fit, test = "Chisq")[["Pr(>Chi)"]][2],
  drop1 = drop1(fit, test = "Chisq")[["LRT"]][-1],
  profile = suppressMessages(unname(confint(fit)["young", ])),
  prediction = unname(exp(cbind(link$fit, link$fit - q * link$se.fit, link$fit + q * link$se.fit))),
  negative_binomial = list(coef = unname(coef(counts)), theta = counts$theta, aic = AIC(counts)),
  separated = c(fitted_numbers(apart), converged = apart$converged),
  firth = fitted_numbers(reduced),
  relevel = unname(coef(update(fit, . ~ . - area + relevel(area, "C")))),
  odds_ratio = unname(exp(coef(admitted)["GenderFemale"])),
  ridge = ridge(motor$claims, "poisson", offset = log(motor$exposure)),
  ridge_logistic = ridge(as.numeric(motor$claims > 0), "binomial"),
  ridge_linear = ridge(motor$exposure, "gaussian")
)
writeLines(json(found), reference_path("coming_from_r.json"))
