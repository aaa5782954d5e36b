"""The pictures of the documentation: every link has a block that draws it, every picture is in the gallery, and
fit.plot opens with one call.
"""

import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import nelder as nd
from nelder.plots import PICTURES

ROOT = Path(__file__).parents[2]
SPECIFICATION = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "extensions" / "pictures.py")
pictures = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(pictures)


def test_every_picture_is_in_the_gallery():
    text = (ROOT / "docs" / "guides" / "gallery.md").read_text(encoding="utf-8")
    missing = [name for name in PICTURES if f"plot.{name}(" not in text and f"plots.{name}(" not in text]
    assert missing == ["checks"]  # which is drawn by calling fit.plot itself
    shown = [what for kind, what in pictures.pieces(text) if kind == "picture"]
    assert sorted(shown) == sorted(f"pictures/gallery-{name.replace('_', '-')}.png" for name in PICTURES)


def test_pictures_of_all_pages_have_names_of_their_own_and_follow_code():
    made = []
    for page in pictures.pages(ROOT / "docs"):
        order = pictures.pieces(page.read_text(encoding="utf-8"))
        assert order[0][0] == "code"
        made += [what for kind, what in order if kind == "picture"]
    assert len(made) == len(set(made)) >= 30


def test_a_page_is_drawn(tmp_path):
    with warnings.catch_warnings(action="error"):
        made = pictures.draw(ROOT / "docs" / "guides" / "pictures.md", tmp_path)
    assert len(made) == 5
    assert all(file.stat().st_size > 5_000 and file.read_bytes()[:4] == b"\x89PNG" for file in made)


def test_a_link_without_a_figure_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n![Nothing](../pictures/nothing.png)\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no figure"):
        pictures.draw(page, tmp_path)


def test_pictures_are_imported_when_the_first_is_drawn():
    program = (
        "import sys, nelder as nd; fit = nd.glm('y ~ x', {'y': [1., 2, 4], 'x': [1., 2, 3]});"
        "fit.plot; nd.plots.PICTURES; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    fit = nd.glm("y ~ x", {"y": [1.0, 2.0, 4.0], "x": [1.0, 2.0, 3.0]})
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(nd.MissingExtraError, match=r"nelder\[plot\]"):
        fit.plot()
