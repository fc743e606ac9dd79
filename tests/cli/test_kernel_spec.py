"""The kernel for a shared Jupyter: installed for real, started for real, removed again."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from workbench.cli import kernel, main
from workbench.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))


def spec(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    return found


def test_a_shared_kernel_starts_and_has_the_workbench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = tmp_path / "hub"
    homes = f"WORKBENCH_HOME={tmp_path}/homes/${{SOMEBODY}}"
    before = os.umask(0o077)  # an administrator's
    try:
        assert main(["kernel", "install", "--prefix", str(prefix), "--env", homes, "--json"]) == 0
    finally:
        os.umask(before)
    document = json.loads(capsys.readouterr().out)
    folder = Path(document["folder"])
    assert folder == prefix / "share/jupyter/kernels/deepseek-workbench"
    assert document["schema"] == "workbench.kernel/1"
    assert any("does not look there" in note for note in document["notes"])
    assert spec(folder)["display_name"] == "DeepSeek Tuning Workbench"
    assert spec(folder)["argv"][0] == sys.executable
    assert all(path.stat().st_mode & stat.S_IROTH for path in [folder, *folder.iterdir()])

    monkeypatch.setenv("SOMEBODY", "ada")
    manager = KernelManager(
        kernel_name="deepseek-workbench", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder.parent)])
    )
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        code = "import workbench; from workbench.home import home; print(workbench.__file__, home())"
        said: list[str] = []
        reply = client.execute_interactive(
            code, timeout=60, output_hook=lambda message: said.append(message["content"].get("text", ""))
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        assert "".join(said).split() == [str(ROOT / "workbench" / "__init__.py"), f"{tmp_path}/homes/ada"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert main(["kernel", "remove", "--prefix", str(prefix)]) == 0
    assert not folder.exists()


def test_without_a_place_it_is_the_persons_own_and_installing_again_replaces_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "JUPYTER_DATA_DIR" / "kernels" / "bench"
    for shown in ("Bench", "Bench again"):
        assert main(["kernel", "install", "--name", "Bench", "--display-name", shown]) == 0
        assert spec(folder)["display_name"] == shown
    said = capsys.readouterr().out
    assert "for you alone" in said
    assert "does not look there" not in said
    assert main(["kernel", "remove", "--name", "bench"]) == 0
    assert main(["kernel", "remove", "--name", "bench"]) == 2
    assert "There is no kernel bench" in capsys.readouterr().err


def test_another_programs_kernel_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "JUPYTER_DATA_DIR" / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text('{"argv": ["python"], "display_name": "Python 3", "language": "python"}')
    for verb in ("install", "remove"):
        assert main(["kernel", verb, "--name", "python3"]) == 2
        assert "is not the workbench's" in capsys.readouterr().err
    assert spec(folder)["display_name"] == "Python 3"


@pytest.mark.parametrize(
    ("pairs", "shared", "said"),
    [
        (["WORKBENCH_HOME=/data/bench"], True, "one home for everybody"),
        (["WORKBENCH_HOME"], False, "is not NAME=VALUE"),
        (["=x"], False, "is not NAME=VALUE"),
    ],
)
def test_variables_that_cannot_be(pairs: list[str], shared: bool, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        kernel.surroundings(pairs, shared)


def test_variables_that_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernel.surroundings(["WORKBENCH_HOME=/data/bench"], shared=False) == {"WORKBENCH_HOME": "/data/bench"}
    pairs = ["WORKBENCH_HOME=/data/${USER}", "HF_ENDPOINT=https://mirror.example"]
    assert kernel.surroundings(pairs, shared=True)["HF_ENDPOINT"] == "https://mirror.example"
    monkeypatch.setattr(kernel, "DISTRIBUTION", "no-such-distribution")
    assert kernel.surroundings([], shared=True) == {"PYTHONPATH": f"{ROOT}{os.pathsep}${{PYTHONPATH}}"}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_closed_folder_on_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "own" / "python").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "own" / "python")
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            assert kernel.closed_to_others(tmp_path / "link") is not None
            return
    assert kernel.closed_to_others(tmp_path / "link") == tmp_path / "own"


def test_a_name_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "install", "--name", "../x"]) == 2
    assert "cannot be a kernel's name" in capsys.readouterr().err
    assert main(["kernel", "install", "--user", "--sys-prefix"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_the_installed_command_knows_the_verb() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "workbench", "kernel", "--help"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0
    assert "install|remove" in ran.stdout
