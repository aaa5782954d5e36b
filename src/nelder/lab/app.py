# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""The page of the lab, as a marimo app: fields, a thread that fits, and views of what became of it.

Each cell reads the names that others define and runs again when one of them changes; what it works out is written in
the modules beside it.
"""

import marimo

app = marimo.App(width="full", app_title="nelder lab", css_file="app.css")

with app.setup:
    import os

    import marimo as mo

    from nelder.lab import page, pictures, tables, views
    from nelder.lab.choices import SOLVER_NAMES, Choices, family_names, link_names
    from nelder.lab.server import DATA
    from nelder.plots.descent import CLOCKS
    from nelder.solvers import BY_RATE

    FAMILIES, LINKS = family_names(), link_names()


@app.cell
def states():
    """What is remembered: the table, the last run and the last that is over, and the same of comparisons."""
    get_chosen, set_chosen = mo.state(page.begun(os.environ.get(DATA, "")))
    get_run, set_run = mo.state(None)
    get_over, set_over = mo.state(None)
    get_race, set_race = mo.state(None)
    get_raced, set_raced = mo.state(None)
    desk, track = page.Desk(), page.Desk()


@app.cell
def title():
    """The head of the page."""
    mo.Html(page.TITLE)


@app.cell
def table_now():
    """The table in use."""
    table = get_chosen().table


@app.cell
def table_field():
    """The menu of tables."""
    pick = mo.ui.dropdown(
        options=get_chosen().menu,
        value=get_chosen().table.title,
        label="Table",
        full_width=True,
        on_change=lambda title: set_chosen(page.picked(title, get_chosen())),
    )


@app.cell
def drop_field():
    """Where files are dropped."""
    drop = mo.ui.file(
        filetypes=[".csv", ".tsv", ".parquet"],
        kind="area",
        max_size=tables.LARGEST,
        label="Drop a CSV or Parquet file",
        on_change=lambda files: set_chosen(page.dropped_on(files, get_chosen())),
    )


@app.cell
def term_fields():
    """Response and terms, of the columns of the table."""
    response = mo.ui.dropdown(options=list(table.columns), value=table.response, label="Response", full_width=True)
    terms = mo.ui.multiselect(options=list(table.columns), value=table.terms, label="Terms", full_width=True)


@app.cell
def formula_field():
    """The formula of response and terms, free to be changed."""
    formula = mo.ui.text(page.formula_of(table, response.value, terms.value), label="Formula", full_width=True)


@app.cell
def family_field():
    """The family, at first one that suits the response."""
    family = mo.ui.dropdown(FAMILIES, page.family_of(table, response.value), label="Family", full_width=True)


@app.cell
def solver_fields():
    """Link, solver, and what descents are told."""
    link = mo.ui.dropdown(LINKS, table.choices.link, label="Link", full_width=True)
    solver = mo.ui.dropdown(SOLVER_NAMES, table.choices.solver, label="Solver", full_width=True)
    rate = mo.ui.text(table.choices.rate, "by backtracking", label="Rate", full_width=True)
    epochs = mo.ui.text(table.choices.epochs or "1000", label="Epochs, at most", full_width=True)
    start = mo.ui.text(table.choices.start, "nelder's own", label="Start", full_width=True)


@app.cell
def buttons():
    """Fit and Stop."""
    fit_button = mo.ui.run_button(kind="success", label="Fit", full_width=True)
    stop_button = mo.ui.run_button(label="Stop", full_width=True)


@app.cell
def current_choices():
    """What stands in the fields."""
    current = Choices(
        formula.value, family.value, link.value, solver.value, rate.value, epochs.value, start.value
    ).settled()


@app.cell
def choices_panel():
    """All fields, beside the rest or above it."""
    _descent = (rate, epochs, start) if solver.value in BY_RATE else ()
    _groups = {
        "Data": [pick.text, page.table_words(get_chosen()), drop.text],
        "Model": [each.text for each in (response, terms, formula, family, link)],
        "Method": [each.text for each in (solver, *_descent)],
    }
    mo.Html(page.panel(_groups, fit_button.text + (stop_button.text if tick is not None else "")))


@app.cell
def table_arrives():
    """A table is fitted as it comes."""
    set_run(desk.begin(table, {"fit": table.choices.settled()}))


@app.cell
def fit_pressed():
    """Fit what stands in the fields."""
    mo.stop(not fit_button.value)
    set_run(desk.begin(table, {"fit": current}))


@app.cell
def compare_pressed():
    """Fit the model that is shown by several solvers."""
    mo.stop(not compare_button.value or shown is None)
    set_race(track.begin(get_over().table, page.rivals(shown.choices, solvers.value)))


@app.cell
def stop_pressed():
    """Stop what is running."""
    mo.stop(not stop_button.value)
    desk.stop()
    track.stop()


@app.cell
def clock():
    """A tick while something runs."""
    tick = None
    if get_run() is not get_over() or get_race() is not get_raced():
        tick = mo.ui.refresh(default_interval="0.4s")
    mo.Html(f'<div class="lab-clock" aria-hidden="true">{"" if tick is None else tick.text}</div>')


@app.cell
def running_now():
    """What is running; a run that is over is handed on."""
    _now = None if tick is None else tick.value
    if get_run() is not get_over() and get_run().done:
        set_over(get_run())
    if get_race() is not get_raced() and get_race().done:
        set_raced(get_race())
    mo.Html(page.running([get_run(), get_race()]))


@app.cell
def headline():
    """How the last run ended."""
    shown = None if get_over() is None else get_over().shown
    mo.Html(page.headline(get_over(), get_run(), current))


@app.cell
def view_fields():
    """The views, and what is chosen in them."""
    view = mo.ui.tabs(dict.fromkeys(page.VIEWS, ""))
    menu = mo.ui.dropdown(pictures.MENU, next(iter(pictures.MENU)), label="Picture")
    solvers = mo.ui.multiselect(page.RIVALS, page.RIVALS[:4], label="Solvers")
    by = mo.ui.dropdown(list(CLOCKS), "step", label="By")
    compare_button = mo.ui.run_button(kind="success", label="Compare")


@app.cell
def view_tabs():
    """The names of the views."""
    mo.stop(shown is None)
    mo.Html(f'<div class="lab-tabs">{view.text}</div>')


@app.cell
def view_shown():
    """The view that is chosen."""
    mo.stop(shown is None)
    if view.value == "Pictures":
        _made = page.stack(menu.text, page.attempted(lambda: pictures.picture(shown, menu.value)))
    elif view.value == "Compare":
        _made = page.stack(solvers.text + by.text + compare_button.text, page.raced(get_raced(), shown, by.value))
    elif view.value == "Code":
        _report = mo.download(lambda: views.report_of(shown), "fit.html", "text/html", label="Save the report")
        _made = page.stack(_report.text, mo.md(page.code_words(shown)).text)
    else:
        _made = page.attempted(lambda: page.PAGES[view.value](shown))
    mo.Html(f'<div class="lab-view">{_made}</div>')


if __name__ == "__main__":
    app.run()
