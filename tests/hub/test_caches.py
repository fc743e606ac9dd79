"""Where a hub id is found on this machine before anything is downloaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from workbench.hub.caches import caches, commit_of, huggingface_cache, locate, modelscope_cache

COMMIT = "a" * 40
OTHER = "b" * 40


def model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"12345678")
    return folder


def hf(cache: Path, commit: str = COMMIT, ref: str = "main", name: str = "owner--name") -> Path:
    repository = cache / f"models--{name}"
    (repository / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
    (repository / "refs" / ref).write_text(commit)
    return model(repository / "snapshots" / commit)


@pytest.fixture(autouse=True)
def _own(hub_home: Path) -> None:
    """Caches of the test's own."""


@pytest.mark.parametrize(
    "given",
    [
        {"HF_HOME": "/a"},
        {"HF_HUB_CACHE": "/b", "HF_HOME": "/a"},
        {"HUGGINGFACE_HUB_CACHE": "/c", "HF_HOME": "/a"},
        {"XDG_CACHE_HOME": "/d"},
        {"HF_HOME": "~/x"},
        {},
    ],
    ids=str,
)
def test_the_hubs_cache_is_where_the_client_has_it(given: dict[str, str], tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **given}
    source = Path(constants.__file__).read_text()  # the module alone: the package takes a second to import
    told = subprocess.run(
        [sys.executable, "-S", "-c", source + "\nprint(HF_HUB_CACHE)"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = Path(told.stdout.strip())
    ours = huggingface_cache(given)
    assert ours == expected or str(ours).replace(str(Path.home()), str(tmp_path)) == str(expected)


def test_the_order_is_hub_modelscope_shared(hub_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = [tmp_path / "one", tmp_path / "two"]
    monkeypatch.setenv("WORKBENCH_SHARED_MODELS", os.pathsep.join(map(str, shared)))
    assert [(cache.kind, cache.path) for cache in caches()] == [
        ("huggingface", hub_home / "hub"),
        ("modelscope", tmp_path / "ms"),
        ("shared", shared[0]),
        ("shared", shared[1]),
    ]
    assert [cache.writable for cache in caches()] == [True, True, False, False]
    assert locate("owner/name") is None
    places = [
        model(shared[1] / "owner" / "name"),
        hf(shared[0]),
        model(tmp_path / "ms" / "models" / "owner--name" / "snapshots" / "master"),
        hf(hub_home / "hub"),
    ]
    for place in reversed(places):
        assert locate("owner/name") == place
        (place / "model.safetensors").unlink()
    assert locate("owner/name") is None


@pytest.mark.parametrize(
    "below",
    [
        "models--owner--na.me/snapshots/main",
        "hub/models--owner--na.me/snapshots/main",
        "models/owner--na.me/snapshots/master",
        "models/owner/na___me",
        "hub/models/owner/na___me",
        "hub/owner/na___me",
        "owner/na.me",
        "na.me",
    ],
)
def test_every_layout_of_a_shared_folder(below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_SHARED_MODELS", str(tmp_path / "shared"))
    folder = model(tmp_path / "shared" / below)
    assert locate("owner/na.me") == folder
    assert locate("owner/other") is None
    assert locate("owner/na.me", "v7") is None


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub_home: Path) -> None:
    older, main = hf(hub_home / "hub", OTHER, "refs/pr/1"), hf(hub_home / "hub")
    assert locate("owner/name") == locate("owner/name", "main") == locate("owner/name", COMMIT) == main
    assert locate("owner/name", "refs/pr/1") == locate("owner/name", OTHER) == older
    assert locate("owner/name", "v2") is None
    assert locate("owner/name", f"../snapshots/{OTHER}") is None
    assert commit_of(older) == OTHER
    assert commit_of(model(hub_home / "plain")) is None


def test_what_is_not_complete_is_passed_over(hub_home: Path) -> None:
    folder = hf(hub_home / "hub")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}))
    assert locate("owner/name") is None
    (folder / "model-2.safetensors").symlink_to("../../blobs/gone")
    assert locate("owner/name") is None
    (folder / "model-2.safetensors").unlink()
    (folder / "model-2.safetensors").write_bytes(b"1")
    assert locate("owner/name") == folder
    (folder / "tokenizer.json.incomplete").write_text("{")
    assert locate("owner/name") is None
    (folder / "tokenizer.json.incomplete").unlink()
    (folder / "config.json").unlink()
    assert locate("owner/name") is None


def test_the_clients_own_list_decides_where_it_is_kept(hub_home: Path) -> None:
    folder = hf(hub_home / "hub")
    entries = {name: {"size": size, "blob_id": "x"} for name, size in (("config.json", 2), ("model.safetensors", 8))}
    entries["README.md"] = {"size": 5, "blob_id": "y"}  # never fetched, never missed
    listing = folder.parents[1] / "trees" / f"{COMMIT}.json"
    listing.parent.mkdir()
    listing.write_text(json.dumps({"format_version": 1, "files": entries}))
    assert locate("owner/name") == folder
    entries["tokenizer.json"] = {"size": 3, "blob_id": "z"}
    listing.write_text(json.dumps({"format_version": 1, "files": entries}))
    assert locate("owner/name") is None
    (folder / "tokenizer.json").write_text("{ }")
    assert locate("owner/name") == folder
    (folder / "model.safetensors").write_bytes(b"123")
    assert locate("owner/name") is None


def test_modelscopes_cache_follows_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_CACHE", "~/models")
    assert modelscope_cache() == Path.home() / "models"
    monkeypatch.delenv("MODELSCOPE_CACHE")
    assert modelscope_cache() == Path.home() / ".cache" / "modelscope"
