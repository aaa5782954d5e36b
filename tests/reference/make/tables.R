# Writes tables/*.csv and tables/SOURCES.md: small real tables from R's
# packages datasets and MASS (and two printed in textbooks).
#
#   Rscript tests/reference/make/tables.R

source("tests/reference/make/common.R")

sources <- character()
add <- function(name, table, source) {
  write_table(table, name)
  sources[name] <<- sprintf("| `%s.csv` | %d | %s |", name, nrow(table), source)
}

# Row names that carry data become a first column.
with_row_names <- function(table, column) {
  named <- data.frame(rownames(table), table, row.names = NULL, stringsAsFactors = FALSE)
  names(named)[1] <- column
  named
}

# A numeric code that means a category gets a letter in front, so that no CSV
# reader takes it for a number.
coded <- function(letter, code) paste0(letter, as.character(code))

# ---- datasets ---------------------------------------------------------------

add("airquality", datasets::airquality,
    "datasets `airquality`: New York air quality, May to September 1973 (Chambers et al. 1983). Ozone and Solar_R have missing values")
add("cars", datasets::cars,
    "datasets `cars`: speed and stopping distance, 1920s (Ezekiel 1930)")
add("chickwts", datasets::chickwts,
    "datasets `chickwts`: chick weight by feed (Anonymous 1948, Biometrika 35)")
add("discoveries", data.frame(year = as.integer(time(datasets::discoveries)),
                              count = as.integer(datasets::discoveries)),
    "datasets `discoveries`: yearly numbers of great inventions and discoveries, 1860 to 1959 (World Almanac 1975), as a table")
add("esoph", datasets::esoph,
    "datasets `esoph`: oesophageal cancer in Ille-et-Vilaine (Breslow and Day 1980), as corrected in R 4.0.4. The three ordered groups are plain strings")
add("faithful", datasets::faithful,
    "datasets `faithful`: Old Faithful eruptions (Haerdle 1991)")
add("infert", datasets::infert,
    "datasets `infert`: infertility after abortion, matched case-control (Trichopoulos et al. 1976)")
add("insectsprays", datasets::InsectSprays,
    "datasets `InsectSprays`: insect counts by spray (Beall 1942)")
add("iris", datasets::iris,
    "datasets `iris`: Anderson's irises (Fisher 1936)")
add("longley", datasets::longley,
    "datasets `longley`: US macroeconomic series 1947 to 1962 (Longley 1967)")
add("mtcars", with_row_names(datasets::mtcars, "model"),
    "datasets `mtcars`: Motor Trend road tests 1974 (Henderson and Velleman 1981)")
add("plantgrowth", datasets::PlantGrowth,
    "datasets `PlantGrowth`: dried plant weight by treatment (Dobson 1983)")
add("puromycin", datasets::Puromycin,
    "datasets `Puromycin`: reaction velocity of an enzyme (Treloar 1974; Bates and Watts 1988)")
add("stackloss", datasets::stackloss,
    "datasets `stackloss`: oxidation of ammonia (Brownlee 1960)")
add("swiss", with_row_names(datasets::swiss, "province"),
    "datasets `swiss`: fertility in 47 Swiss provinces, 1888 (Mosteller and Tukey 1977)")
add("toothgrowth", datasets::ToothGrowth,
    "datasets `ToothGrowth`: guinea pig odontoblasts and vitamin C (Crampton 1947)")
add("trees", datasets::trees,
    "datasets `trees`: girth, height and volume of black cherry trees (Ryan et al. 1976)")
add("warpbreaks", datasets::warpbreaks,
    "datasets `warpbreaks`: warp breaks per loom (Tippett 1950). Sorted levels make tension H the reference, not L")

admissions <- as.data.frame(datasets::UCBAdmissions)
admitted <- subset(admissions, Admit == "Admitted")
rejected <- subset(admissions, Admit == "Rejected")
stopifnot(admitted$Gender == rejected$Gender, admitted$Dept == rejected$Dept)
add("ucbadmissions",
    data.frame(admitted[c("Gender", "Dept")], Admitted = admitted$Freq, Rejected = rejected$Freq),
    "datasets `UCBAdmissions`: Berkeley graduate admissions 1973 (Bickel et al. 1975), one row a gender and department")

# ---- MASS -------------------------------------------------------------------

add("anorexia", MASS::anorexia,
    "MASS `anorexia`: weight before and after treatment (Hand et al. 1993)")

bacteria <- MASS::bacteria
bacteria$y <- as.integer(bacteria$y == "y")
add("bacteria", bacteria,
    "MASS `bacteria`: *H. influenzae* in children with otitis media (Menzies School of Health Research, 1999 to 2000). y is 1 for present")

birthwt <- MASS::birthwt
birthwt$race <- c("white", "black", "other")[birthwt$race]
add("birthwt", birthwt,
    "MASS `birthwt`: risk factors of low birth weight (Hosmer and Lemeshow 1989). race is spelt out")

add("epil", transform(MASS::epil, subject = coded("s", subject)),
    "MASS `epil`: seizure counts of 59 epileptics (Thall and Vail 1990). subject is a string")
add("insurance", transform(MASS::Insurance, District = coded("d", District),
                           rate = Claims / Holders),
    "MASS `Insurance`: car insurance claims, third quarter of 1973 (Baxter et al. 1980). Ordered groups are plain strings; rate = Claims / Holders is added")
add("leuk", MASS::leuk,
    "MASS `leuk`: survival with leukaemia (Feigl and Zelen 1965)")
add("mammals", with_row_names(MASS::mammals, "species"),
    "MASS `mammals`: brain and body weights of 62 mammals (Weisberg 1985)")
add("menarche", transform(MASS::menarche, Not = Total - Menarche, prop = Menarche / Total),
    "MASS `menarche`: age of menarche of Warsaw girls (Milicer and Szczotka 1966). Not = Total - Menarche and prop = Menarche / Total are added")
add("quine", MASS::quine,
    "MASS `quine`: absence from school in New South Wales (Quine 1975; Aitkin 1978)")

# A ship that was never in service has no rate: its rows are left out.
ships <- subset(MASS::ships, service > 0)
add("ships", transform(ships, year = coded("y", year), period = coded("p", period)),
    "MASS `ships`: damage to cargo ships (McCullagh and Nelder 1983). The six rows with no months of service are left out; year and period are strings")
add("snails", transform(MASS::snails, Survivors = N - Deaths, prop = Deaths / N),
    "MASS `snails`: mortality of snails (Zicus; Venables and Ripley). Survivors = N - Deaths and prop = Deaths / N are added")

# ---- textbooks --------------------------------------------------------------

# Deaths out of 20 moths in each of twelve batches, dose = 2^ldose.
dead <- c(1, 4, 9, 13, 18, 20, 0, 2, 6, 10, 12, 16)
add("budworm",
    data.frame(sex = rep(c("M", "F"), each = 6), ldose = rep(0:5, 2), dead = dead,
               alive = 20 - dead, n = 20, prop = dead / 20),
    "Tobacco budworm moths and a pyrethroid (Collett 1991, p. 75; Venables and Ripley, *Modern Applied Statistics with S*, section 7.2)")
add("clotting",
    data.frame(u = c(5, 10, 15, 20, 30, 40, 60, 80, 100),
               lot1 = c(118, 58, 42, 35, 27, 25, 21, 19, 18),
               lot2 = c(69, 35, 26, 21, 18, 16, 13, 12, 12)),
    "Blood clotting times by plasma concentration (McCullagh and Nelder 1989, p. 300)")

writeLines(c(
  "# Sources of the tables",
  "",
  "Written by `make/tables.R`. Values are the packages' own; every change to one is named here.",
  "Everywhere: factors are written as strings, dots in column names became underscores,",
  "a missing value is an empty cell.",
  "`grid.csv` is not real data: `make/design_grid.R` generates it with a fixed seed.",
  "",
  "| table | rows | source |",
  "| --- | --- | --- |",
  sources[order(names(sources), method = "radix")]
), reference_path("tables", "SOURCES.md"))

message(length(sources), " tables")
