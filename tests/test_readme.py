"""What the README and CONTRIBUTING promise exists."""

import re
from pathlib import Path

import pytest

from workbench.bootstrap import room
from workbench.bootstrap.builds import BUILDS, System
from workbench.bootstrap.targets import TARGETS
from workbench.cli import VERBS, main
from workbench.gpu_check import proofs, told
from workbench.knobs import KNOBS, Cost

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    *("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("docs/course.md", "docs/monitoring.md", "docs/profiling.md"),
)
MOST_PICTURE_BYTES = 300_000


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_knob_table_is_the_registry() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", read("README.md"), re.M)
    costs = {Cost.LIVE: "nothing: live", Cost.RELOAD: "a reload", Cost.RESTART: "a new worker"}
    assert {name: cost.partition(";")[0] for name, cost in rows} == {n: costs[knob.cost] for n, knob in KNOBS.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_verb_and_make_target_exists(name: str) -> None:
    text = read(name)
    for found in re.findall(r"`workbench ([\w |-]+)`", text):
        verbs = [verb.split()[0] for verb in found.split("|")]
        assert set(verbs) <= set(VERBS), found
        assert len(verbs) == 1 or set(verbs) == set(VERBS), "a list of verbs names all of them"
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.M))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_named_files_exist(name: str) -> None:
    text = read(name)
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        assert ((ROOT / name).parent / target).exists(), target
    for target in re.findall(r"`((?:workbench|tests|notebooks|benchmarks)/[\w./]*)`", text):
        assert (ROOT / target).exists(), target


def test_what_was_run_on_a_gpu_is_what_the_kept_reports_say() -> None:
    assert told(proofs(ROOT / "benchmarks/results")) in " ".join(read("README.md").split())


def test_the_chinese_readme_has_all_that_the_english_one_has() -> None:
    """The same sections, rows with the same numbers, code and links, in the same order."""
    english, chinese = read("README.md"), read("README.zh-CN.md")
    for part in (r"^(#+) ", r"```\w*\n.*?```", r"\]\((https?:[^)]+)\)"):
        assert re.findall(part, english, re.M | re.S) == re.findall(part, chinese, re.M | re.S)
    rows = [re.findall(r"^\|.*$", text, re.M) for text in (english, chinese)]
    assert len(rows[0]) == len(rows[1])
    for own, other in zip(*rows, strict=True):
        assert own.count("|") == other.count("|")
        assert sorted(re.findall(r"\d+(?:[.,]\d+)*", own)) == sorted(re.findall(r"\d+(?:[.,]\d+)*", other)), other


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs").glob("*.png"):
        assert picture.stat().st_size < MOST_PICTURE_BYTES, picture.name


def test_the_examples_in_the_readme_are_python_over_names_that_exist() -> None:
    import workbench

    examples = re.findall(r"```python\n(.*?)```", read("README.md"), re.S)
    assert examples
    for example in examples:
        compile(example, "README.md", "exec")
        for name in re.findall(r"\bwb\.(\w+)", example):
            assert hasattr(workbench, name), name


def test_the_installation_is_as_the_readme_says(tmp_path: Path) -> None:
    text = read("README.md")
    assert set(re.findall(r"workbench\.bootstrap (\w+)", text)) <= set(TARGETS)
    assert set(re.findall(r"(?:WORKBENCH_TORCH=|--torch )(\w+)", text)) <= set(BUILDS)
    for label, size in (("cu130", "about 3.1 GB to download"), ("cpu", "CPU build instead: about 0.5 GB")):
        said = room.announcement(("base", "demo"), BUILDS[label], System("linux", "x86_64"), tmp_path)
        assert size in text
        assert re.findall(r"about [\d.]+ GB", size)[0] in said
    (command,) = re.findall(r"workbench (kernel install --prefix /usr/local .*?)\n```", text, re.S)
    words = command.replace("\\\n", " ").replace("/usr/local", str(tmp_path)).split()
    assert main(words) == 0
    assert main(["kernel", "remove", "--prefix", str(tmp_path)]) == 0
