# Writes tables/grid.csv and design_grid.json: R's model.matrix for many
# right-hand sides over one small mixed table.
#
#   Rscript tests/reference/make/design_grid.R
#
# Then run flag_agreement.py, which adds how the same formula comes out in
# Python's formulaic.

suppressPackageStartupMessages(library(splines))
source("tests/reference/make/common.R")

# ---- the table --------------------------------------------------------------

# Every combination of a and b is there several times, but only 20 of the 24 of
# a, b and c: a:b:c has empty cells. Four decimals are enough and keep the file
# readable.
make_grid <- function() {
  set.seed(20240117, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  cells <- expand.grid(a = c("low", "mid", "top"), b = c("no", "yes"),
                       c = c("east", "north", "south", "west"), stringsAsFactors = FALSE)
  empty <- with(cells, paste(a, b, c)) %in%
    c("low no west", "mid yes north", "top yes east", "top no south")
  present <- cells[!empty, ]
  rows <- present[sample(rep(seq_len(nrow(present)), 2)), ]
  n <- nrow(rows)
  data.frame(x = round(rnorm(n), 4), z = round(rgamma(n, shape = 2, rate = 0.5), 4),
             w = round(runif(n, -1, 3), 4), rows, row.names = NULL)
}

write_table(make_grid(), "grid")
grid <- read_table("grid")
stopifnot(all(table(grid$a, grid$b) > 0), sum(table(grid$a, grid$b, grid$c) > 0) == 20,
          grid$z > 0, nrow(grid) == 40)

# ---- the right-hand sides ---------------------------------------------------

# Spelt the same in both, but for `**`.
same <- c(
  # main effects, intercept
  "1", "x", "x + z + w", "a", "b", "a + b", "a + b + c", "x + a", "x + a + b + z",
  "0 + x", "x - 1", "0 + a", "a - 1", "0 + a + b", "0 + b + a", "0 + x + a", "0 + a + x + b",
  # factor by factor
  "a*b", "a:b", "0 + a:b", "0 + a*b", "a + a:b", "b + a:b", "a*c", "b*c - 1", "a*b - a",
  "a*b - a:b", "(a + b)**2", "(a + b + c)**2", "a*b*c", "a:b:c", "a*b*c - a:b:c", "a + b:c",
  "a*b + c",
  # factor by numeric
  "a*x", "a:x", "x:a", "x + a:x", "a + a:x", "0 + a:x", "0 + a + a:x", "a*x - x", "a*x + b*z",
  "a:b:x", "a*b*x", "a:x:z", "a:x + b:x", "b:x + a",
  # numeric by numeric
  "x:z", "x*z", "x*z*w", "(x + z + w)**2", "(x + z + w)**3",
  # mixed powers
  "(a + b + x)**2", "(a + x)**2", "(a + b + x)**3", "(a + b + x)**2 - a:b", "0 + (a + x)**2",
  # nesting
  "a/b", "b/a", "a/x", "a/b/x", "(a + b)/x", "a/(b + x)", "0 + a/x",
  # functions
  "log(z)", "log(z)*a", "I(x**2)", "x + I(x**2) + I(x**3)", "I(x*w)", "I(x + w)", "I(x**2):a",
  "exp(w)", "log10(z)", "log(z):x",
  # the order in which the terms are given
  "a:x + b + x", "x:z + a + x",
  # polynomials
  "poly(x, 2)", "poly(x, 3)", "0 + poly(x, 2)", "poly(z, 4)", "poly(x, 1)", "poly(x, 2):a",
  "a:poly(x, 2)", "poly(x, 2)*a", "poly(x, 2) + a", "poly(x, 2):z", "poly(x, 2):poly(z, 2)",
  # splines
  "bs(x, df=5)", "bs(x, df=4) + a", "bs(x, df=4):b", "b:bs(x, df=4)", "bs(x, df=4)*b",
  "bs(x, degree=2, df=4)", "bs(x, degree=1, df=3)", "bs(x)", "bs(x, df=3)", "0 + bs(x, df=5)",
  "bs(log(z), df=4)",
  # scaling
  "scale(x)", "scale(x)*a", "scale(x) + scale(z)",
  # contrasts
  "C(a, contr.sum)", "C(a, contr.helmert)", "C(a, contr.poly)", "C(c, contr.poly)",
  "C(c, contr.sum)", "C(c, contr.helmert)", "C(a)", "C(a, contr.sum) + b", "C(a, contr.sum)*b",
  "C(a, contr.sum):x", "C(a, contr.helmert)*x", "0 + C(a, contr.sum)", "0 + C(a, contr.sum) + b",
  "0 + b + C(a, contr.sum)", "C(a, contr.sum)*C(b, contr.sum)", "C(a, contr.helmert)*C(c, contr.poly)",
  "C(a, contr.sum)/x"
)

# Spelt differently: Python's spelling = R's.
translated <- c(
  "bs(x, knots=[-0.5, 0.5])" = "bs(x, knots = c(-0.5, 0.5))",
  "bs(x, knots=[0.0], degree=2)" = "bs(x, knots = c(0), degree = 2)",
  "bs(x, knots=[-0.5, 0.5]):b" = "bs(x, knots = c(-0.5, 0.5)):b",
  "0 + bs(x, df=6, include_intercept=True)" = "0 + bs(x, df = 6, intercept = TRUE)",
  "bs(z, df=5, lower_bound=0, upper_bound=20)" = "bs(z, df = 5, Boundary.knots = c(0, 20))",
  "center(x)" = "scale(x, scale = FALSE)",
  "center(x)*a" = "scale(x, scale = FALSE)*a",
  "center(x) + I(x**2)" = "scale(x, scale = FALSE) + I(x^2)",
  "poly(x, 2, raw=True)" = "poly(x, 2, raw = TRUE)",
  "C(a, contr.treatment)" = "C(a, contr.treatment)",
  'C(a, contr.treatment("mid"))' = "C(a, contr.treatment, base = 2)",
  'C(a, contr.treatment("top"))' = "C(a, contr.treatment, base = 3)",
  'C(b, contr.treatment("yes"))' = "C(b, contr.treatment, base = 2)",
  'C(a, contr.treatment("mid"))*b' = "C(a, contr.treatment, base = 2)*b",
  'C(a, contr.treatment("top")):x' = "C(a, contr.treatment, base = 3):x",
  'C(a, contr.treatment("top"))*x' = "C(a, contr.treatment, base = 3)*x",
  'C(c, contr.treatment("south")) + C(a, contr.sum)' =
    "C(c, contr.treatment, base = 3) + C(a, contr.sum)",
  "C(a, contr.SAS)" = "C(a, contr.SAS)"
)

formulas <- c(setNames(gsub("**", "^", same, fixed = TRUE), same), translated)
stopifnot(!anyDuplicated(names(formulas)))

record <- function(formula) {
  matrix <- model.matrix(as.formula(paste("~", formulas[[formula]])), grid)
  list(
    formula = formula,
    r_formula = formulas[[formula]],
    r_names = as_list(colnames(matrix)),
    rank = qr(matrix)$rank,
    matrix = unname(matrix[, , drop = FALSE])
  )
}

records <- lapply(names(formulas), record)
write_records(records, "design_grid.json")
message(length(records), " right-hand sides on ", nrow(grid), " rows")
