"""The how-to pages: commands that the parser takes, Python over what exists, links that lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.examples import ROOT, blocks, broken_links, commands, problems
from workbench.cli import _parser
from workbench.cli.shared import config_of, knobs_of

FOLDER = ROOT / "docs/how-to"
PAGES = sorted(FOLDER.glob("*.md"))
TABLES = ("README.md", "README.zh-CN.md", "docs/how-to/README.md")


@pytest.fixture(params=PAGES, ids=lambda page: page.stem)
def page(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_every_command_is_one_that_the_parser_takes(page: Path) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for program, *words in commands(page.read_text(encoding="utf-8")):
        if program == "make":
            assert words[0] in targets
            continue
        assert program == "workbench"
        args = _parser(words).parse_args(words)
        knobs = [*getattr(args, "knobs", ()), *(getattr(args, "against", None) or ()), *_space(args)]
        if getattr(args, "config", None):  # written by a command before
            args.config = None
        if "config" in args:
            config_of(args).replace(**knobs_of(knobs))


def _space(args: object) -> list[str]:
    return [
        f"{name}={value}"
        for word in getattr(args, "space", ())
        for name, values in [word.split("=")]
        for value in values.split(",")
    ]


def test_every_example_in_python_is_over_names_and_arguments_that_exist(page: Path) -> None:
    for example in blocks(page.read_text(encoding="utf-8"), "python"):
        assert problems(example) == []


def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_every_page_is_in_the_lists_of_pages() -> None:
    for name in TABLES:
        listed = re.findall(r"\]\((?:docs/how-to/)?([\w-]+\.md)\)", (ROOT / name).read_text(encoding="utf-8"))
        assert {page.name for page in PAGES} - {"README.md"} <= set(listed), name


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import workbench as wb\nwb.Sesion('demo')", "no Sesion"),
        ("import workbench as wb\nwith wb.Session('demo') as session:\n    session.measure(budget=3)", "'budget'"),
        (
            "import workbench as wb\nwith wb.Session('demo') as session:\n    print(session.trace().kernels)",
            "no kernels",
        ),
        (
            "import workbench as wb\nwith wb.Session('demo') as session:\n    session.apply(atention='sdpa')",
            "attention",
        ),
        ("import workbench as wb\nprint(wb.Runs().group('dtype', 'decode_tps').x, wb.Runs().find())", "no find"),
        ("import workbench as wb\nprint(wb.Config(dtype='bf16'))", "bfloat16"),
    ],
)
def test_an_example_that_is_wrong_is_found(code: str, said: str) -> None:
    assert any(said in problem for problem in problems(code)), problems(code)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(
        "# Here\n[a](#here) [b](#gone) [c](gone.md) [d](https://example.org)", encoding="utf-8"
    )
    assert broken_links(tmp_path / "page.md") == ["#gone", "gone.md"]
