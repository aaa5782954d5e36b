# Shared by tables.R, fits.R and design_grid.R: where the files live, how a
# table is written and read, and a JSON writer that loses no digit.

if (!dir.exists("tests/reference/make")) {
  stop("run from the root of the repository")
}
reference_path <- function(...) file.path("tests", "reference", ...)

# The shortest decimal text, up to 17 significant digits, that reads back as
# exactly the same double; so no digit is lost and 0.1 stays "0.1".
# (jsonlite stops at 15 digits, hence the writer below.)
number_text <- function(x) {
  x <- as.double(x)
  text <- rep(NA_character_, length(x))
  finite <- which(is.finite(x))
  text[finite] <- sprintf("%.15g", x[finite])
  for (digits in 16:17) {
    inexact <- finite[as.double(text[finite]) != x[finite]]
    text[inexact] <- sprintf("%.*g", digits, x[inexact])
  }
  text
}

# ---- tables -----------------------------------------------------------------

# Factors become strings, dots in names become underscores, NA an empty cell.
write_table <- function(table, name) {
  names(table) <- gsub(".", "_", names(table), fixed = TRUE)
  stopifnot(grepl("^[A-Za-z][A-Za-z0-9_]*$", names(table)), nrow(table) < 1000)
  cells <- lapply(table, function(column) {
    if (is.numeric(column)) {
      text <- number_text(column)
      text[is.na(text)] <- ""
      text
    } else {
      stopifnot(!is.logical(column), !anyNA(column))
      paste0('"', as.character(column), '"')
    }
  })
  header <- paste0('"', names(table), '"', collapse = ",")
  file <- reference_path("tables", paste0(name, ".csv"))
  writeLines(c(header, do.call(paste, c(cells, sep = ","))), file)

  # What is read back must be what was written.
  back <- read_table(name)
  for (column in names(table)) {
    if (is.numeric(table[[column]])) {
      stopifnot(identical(as.double(table[[column]]), as.double(back[[column]])))
    } else {
      stopifnot(identical(as.character(table[[column]]), as.character(back[[column]])))
    }
  }
}

# Strings become plain (unordered) factors whose levels are sorted by code
# point, so that a reader which sorts strings gets the same levels and the same
# reference level in every locale.
read_table <- function(name) {
  file <- reference_path("tables", paste0(name, ".csv"))
  table <- read.csv(file, stringsAsFactors = FALSE, na.strings = "")
  strings <- vapply(table, is.character, logical(1))
  table[strings] <- lapply(table[strings], function(column) {
    factor(column, levels = sort(unique(column), method = "radix"))
  })
  table
}

# ---- JSON -------------------------------------------------------------------

# NULL, NA, NaN and infinities become null. A vector becomes a list, a matrix a
# list of its rows, a named list an object; a length-one vector becomes a bare
# value unless it is wrapped in as_list().
as_list <- function(x) structure(list(x), class = "json_list")

json_strings <- function(x) {
  stopifnot(!grepl("[[:cntrl:]]", x))
  text <- gsub('"', '\\"', gsub("\\", "\\\\", x, fixed = TRUE), fixed = TRUE)
  ifelse(is.na(x), "null", paste0('"', text, '"'))
}

json_scalars <- function(x) {
  if (is.character(x)) return(json_strings(x))
  if (is.logical(x)) return(ifelse(is.na(x), "null", ifelse(x, "true", "false")))
  text <- number_text(x)
  ifelse(is.na(text), "null", text)
}

bracket <- function(items) paste0("[", paste(items, collapse = ", "), "]")

json <- function(x) {
  if (is.null(x)) return("null")
  if (inherits(x, "json_list")) return(bracket(json_scalars(x[[1]])))
  if (is.matrix(x)) {
    return(bracket(apply(x, 1, function(row) bracket(json_scalars(row)))))
  }
  if (is.list(x)) {
    if (length(x) == 0) return("{}")
    items <- vapply(x, json, "")
    return(paste0("{", paste0(json_strings(names(x)), ": ", items, collapse = ", "), "}"))
  }
  if (length(x) == 1) json_scalars(x) else bracket(json_scalars(x))
}

# One key a line, so that a change to one number is a change to one line.
write_records <- function(records, name) {
  blocks <- vapply(records, function(record) {
    keys <- json_strings(names(record))
    values <- vapply(record, json, "")
    paste0(" {\n", paste0("  ", keys, ": ", values, collapse = ",\n"), "\n }")
  }, "")
  text <- paste0("[\n", paste(blocks, collapse = ",\n"), "\n]")
  writeLines(text, reference_path(name))
}
