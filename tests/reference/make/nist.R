# Writes nist.json: R's lm on the linear sets of NIST's Statistical Reference
# Datasets. Afterwards nist.py adds the exact answers and what NIST certifies.
#
#   Rscript tests/reference/make/nist.R
#   python tests/reference/make/nist.py

source("tests/reference/make/common.R")

# lm leaves out a column whose part outside the others is shorter than `tol`, of
# which the default takes one from Filip.
TOLERANCES <- c(default = 1e-7, strict = 1e-14)

# Raw powers of x, as NIST writes these models.
polynomial <- function(degree) {
  higher <- if (degree > 1) sprintf("I(x**%d)", 2:degree)
  paste("y ~", paste(c("x", higher), collapse = " + "))
}

formulas <- c(
  norris = polynomial(1),
  pontius = polynomial(2),
  noint1 = "y ~ x - 1",
  noint2 = "y ~ x - 1",
  filip = polynomial(10),
  longley = "y ~ x1 + x2 + x3 + x4 + x5 + x6",
  wampler1 = polynomial(5),
  wampler2 = polynomial(5),
  wampler3 = polynomial(5),
  wampler4 = polynomial(5),
  wampler5 = polynomial(5)
)

# One fit of lm: coefficients and standard errors, NA where a column was left out.
fitted_by_lm <- function(formula, data, tolerance) {
  fit <- lm(as.formula(formula), data, tol = tolerance)
  # summary() warns of a perfect fit, which two of the sets are meant to be.
  rows <- suppressWarnings(summary(fit))$coefficients
  se <- rows[match(names(coef(fit)), rownames(rows)), "Std. Error"]
  list(coefficients = as_list(unname(coef(fit))), se = as_list(unname(se)), deviance = deviance(fit))
}

records <- lapply(names(formulas), function(id) {
  data <- read.csv(reference_path("nist", paste0(id, ".csv")))
  r_formula <- gsub("**", "^", formulas[[id]], fixed = TRUE)
  fits <- lapply(TOLERANCES, function(tolerance) fitted_by_lm(r_formula, data, tolerance))
  list(id = id, formula = formulas[[id]], n = nrow(data), r_default = fits$default, r_strict = fits$strict)
})
write_records(records, "nist.json")
