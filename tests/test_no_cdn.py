"""Widgets and charts bring everything with them: no file of the package sends a browser elsewhere.

tests/browser/ shows the same of the running page, whose browser knows no address but this machine's.
"""

import re
from pathlib import Path

import plotly.graph_objects as go

from workbench.charts import theme

PACKAGE = Path(theme.__file__).parents[1]
SERVED = [path for kind in ("*.py", "*.css", "*.js", "*.html") for path in PACKAGE.rglob(kind)]
ELSEWHERE = re.compile(
    r"cdn\.|unpkg|jsdelivr|googleapis|include_plotlyjs\s*=\s*(?!True)|@import\s+url|<script[^>]+src=", re.I
)


def test_the_scan_sees_what_it_is_for() -> None:
    for line in ('src="https://cdn.plot.ly/x.js"', "include_plotlyjs='cdn'", "@import url(x)", '<script src="x.js">'):
        assert ELSEWHERE.search(line)
    assert not ELSEWHERE.search("figure.to_html(include_plotlyjs=True)")
    assert any(path.suffix == ".css" for path in SERVED)


def test_no_file_names_a_server_of_scripts_or_styles() -> None:
    found = {path.relative_to(PACKAGE): ELSEWHERE.findall(path.read_text(encoding="utf-8")) for path in SERVED}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_live_chart_carries_its_own_script() -> None:
    figure = go.FigureWidget()
    try:
        script = str(figure._esm)
        assert len(script) > 1_000_000  # plotly itself, not an address of it
        assert not script.startswith(("http://", "https://"))
    finally:
        figure.close()
