"""Stored references: whole or made again, and never more bytes than the budget."""

import os
import time
from pathlib import Path

import pytest

from workbench.results import QualityFloor, Reference
from workbench.runs import artifact, references, write_artifact


def described(key: str, data: bytes) -> Reference:
    """A reference whose logits are `data`, on disk."""
    import hashlib

    write_artifact(references.logits_name(key), data)
    reference = Reference(
        name=references.logits_name(key),
        config={},
        weight_bytes=1,
        dtype="float32",
        quantization="none",
        suite="short",
        suite_hash="0",
        vocabulary=10,
        kept=0,
        tail=0.0,
        texts=(),
        answers=(),
        floor=QualityFloor(kld_mean=0.0, same_top=1.0, by={}),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        seconds=1.0,
    )
    references.keep(key, reference)
    return reference


def test_one_that_is_whole_is_found(workbench_home: Path) -> None:
    assert references.find("a") == (None, None)
    reference = described("a", b"logits")
    assert references.find("a") == (reference, None)


def test_one_cut_short_is_told(workbench_home: Path) -> None:
    described("a", b"x" * 5000)
    path = artifact(references.logits_name("a"))
    path.write_bytes(path.read_bytes()[:2000])
    found, problem = references.find("a")
    assert found is None
    assert problem is not None
    assert problem.code == "quality.cut_short"


def test_one_with_other_bytes_of_the_same_length_is_told(workbench_home: Path) -> None:
    described("a", b"x" * 5000)
    artifact(references.logits_name("a")).write_bytes(b"x" * 4999 + b"y")
    _found, problem = references.find("a")
    assert problem is not None
    assert problem.code == "quality.changed"


def test_one_without_its_logits_is_told(workbench_home: Path) -> None:
    described("a", b"x")
    artifact(references.logits_name("a")).unlink()
    _found, problem = references.find("a")
    assert problem is not None
    assert problem.code == "quality.no_file"


@pytest.mark.parametrize("text", [b"", b'{"name": ', b"\xff\xfe", b'{"name": "other", "more": 1}'])
def test_a_description_that_cannot_be_read_is_told(workbench_home: Path, text: bytes) -> None:
    described("a", b"x")
    artifact("reference-a.json").write_bytes(text)
    _found, problem = references.find("a")
    assert problem is not None
    assert problem.code == "quality.bad_manifest"


def test_logits_without_a_description_are_unfinished(workbench_home: Path) -> None:
    write_artifact(references.logits_name("a"), b"x")
    assert references.find("a") == (None, None)
    assert references.prune(10**9) == []  # another process may be writing them
    old = time.time() - 2 * 24 * 3600
    os.utime(artifact(references.logits_name("a")), (old, old))
    assert references.prune(10**9) == ["a"]


def test_the_one_used_longest_ago_goes_first(workbench_home: Path) -> None:
    for age, key in enumerate(("new", "middle", "old")):
        described(key, b"x" * 1000)
        then = time.time() - 100 * age
        os.utime(artifact(f"reference-{key}.json"), (then, then))
    references.find("old")  # and is used now
    assert references.prune(2500) == ["middle"]
    assert references.find("middle") == (None, None)
    assert not artifact(references.logits_name("middle")).exists()
    assert references.find("old")[0] is not None


def test_the_one_just_made_stays_whatever_it_takes(workbench_home: Path) -> None:
    described("small", b"x")
    described("large", b"x" * 5000)
    assert references.prune(1000, spared="large") == ["small"]
    assert references.find("large")[0] is not None


def test_size_decides_how_many_tokens_are_kept() -> None:
    assert references.kept_of(2000, 50_000) == 0
    for positions, vocabulary in ((2000, 102_400), (20_000, 102_400), (3000, 50_000)):
        most = references.kept_of(positions, vocabulary)
        assert 0 < most < vocabulary
        assert references.file_bytes(positions, vocabulary) <= references.MOST_BYTES
