# Fits the problem in the folder given, as often and as exactly as each line of input says; answers "done".

folder <- commandArgs(trailingOnly = TRUE)[1]
about <- read.dcf(file.path(folder, "problem.dcf"))[1, ]

# A NumPy file: version 1 header, little-endian doubles or 4-byte integers, one or two dimensions, row by row.
read_npy <- function(name) {
  from <- file(file.path(folder, paste0(name, ".npy")), "rb")
  on.exit(close(from))
  readBin(from, "raw", 8)
  header <- readChar(from, readBin(from, "integer", 1, size = 2, signed = FALSE, endian = "little"))
  numbers <- regmatches(header, regexec("\\(([0-9, ]*)\\)", header))[[1]][2]
  shape <- as.integer(strsplit(numbers, ",")[[1]])
  whole <- grepl("i4", header)
  values <- readBin(from, if (whole) "integer" else "double", prod(shape), size = if (whole) 4 else 8, endian = "little")
  if (length(shape) == 2) t(matrix(values, nrow = shape[2])) else values
}

y <- read_npy("y")
family <- list(binomial = binomial(), poisson = poisson(), gamma = Gamma("log"))[[about["family"]]]

if (about["kind"] == "table") {
  table <- list(y = y)
  for (name in strsplit(about["columns"], " ")[[1]]) {
    values <- read_npy(paste0("column-", name))
    table[[name]] <- if (is.integer(values)) factor(values) else values
  }
  model <- as.formula(about["formula"])
  if (about["exposure"] == "yes") {
    table$exposure <- read_npy("exposure")
    model <- update(model, . ~ . + offset(log(exposure)))
  }
  table <- as.data.frame(table)
  fit <- function(control) {
    result <- glm(model, family, table, control = control)
    coef(summary(result))[, 1:2]
  }
} else {
  X <- cbind(1, read_npy("X"))
  fit <- function(control) {
    result <- glm.fit(X, y, family = family, control = control)
    dispersion <- 1
    if (about["family"] == "gamma") {
      dispersion <- sum(result$weights * result$residuals^2) / result$df.residual
    }
    cbind(result$coefficients, sqrt(dispersion * diag(chol2inv(qr.R(result$qr)))))
  }
}

input <- file("stdin")
open(input)
cat("done\n")
while (length(line <- readLines(input, 1)) == 1) {
  words <- strsplit(line, " ")[[1]]
  control <- glm.control(epsilon = as.numeric(words[2]), maxit = 100)
  for (k in seq_len(as.integer(words[3]))) answer <- fit(control)
  writeBin(as.vector(answer), file.path(folder, "answer.bin"))
  cat("done\n")
}
