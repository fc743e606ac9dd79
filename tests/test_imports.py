"""What importing costs: the notebook's process must stay light until a model is asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "plotly", "ipywidgets", "numpy", "jupyterlab")


def modules_after(code: str) -> set[str]:
    asked = f"import sys, json\n{code}\nprint(json.dumps([name for name in sys.modules if '.' not in name]))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert modules_after("import workbench").isdisjoint(HEAVY)


@pytest.mark.parametrize("name", ["Config", "Workload", "Machine", "Runs", "Session", "doctor", "CapabilityError"])
def test_public_names_do_not_need_torch(name: str) -> None:
    assert modules_after(f"import workbench\nworkbench.{name}").isdisjoint(("torch", "transformers", "plotly"))


@pytest.mark.parametrize("room", ["knobs", "metrics", "endpoint", "export", "forecast", "charts", "widgets", "tips"])
def test_rooms_do_not_need_torch(room: str) -> None:
    assert modules_after(f"import workbench\nworkbench.{room}").isdisjoint(("torch", "transformers"))


def test_every_public_name_exists() -> None:
    modules_after("import workbench\nfor name in workbench.__all__: getattr(workbench, name)")


def test_an_unknown_name_is_an_attribute_error() -> None:
    modules_after("import workbench\nassert not hasattr(workbench, 'Sesion')\nassert 'Config' in dir(workbench)")


def test_help_of_the_command_line_does_not_need_torch() -> None:
    code = "from workbench.cli import main\nassert main(['--help']) == 0"
    assert modules_after(code).isdisjoint(("torch", "transformers", "plotly", "ipywidgets"))


def test_the_names_of_the_gpu_checks_sections_need_nothing_that_they_run() -> None:
    code = "from workbench.cli import main\nassert main(['gpu-check', '--help']) == 0\nprint()"
    asked = f"{code}\nassert not [name for name in sys.modules if name == 'workbench.session']"
    assert modules_after(asked).isdisjoint(("torch", "transformers", "plotly", "ipywidgets"))


def test_relative_imports_are_not_used() -> None:
    package = Path(__file__).parents[1] / "workbench"
    assert not [path for path in package.rglob("*.py") if "from ." in path.read_text(encoding="utf-8")]
