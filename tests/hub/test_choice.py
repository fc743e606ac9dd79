"""Which files of a repository are fetched."""

import pytest

from workbench.errors import ModelError
from workbench.hub.choice import RemoteFile, needed

SMALL = ["config.json", "tokenizer.json", "tokenizer.model", "merges.txt", "chat_template.jinja"]
NOISE = ["README.md", ".gitattributes", "modeling_x.py", "original/params.json", "onnx/model.onnx", "tf_model.h5"]
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
PICKLES = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"]


def chosen(paths: list[str], **options: bool) -> set[str]:
    files = [RemoteFile(path, 10**9 if path.endswith((".safetensors", ".bin", ".gguf")) else 100) for path in paths]
    return {file.path for file in needed(files, "owner/name", **options)}


def test_safetensors_are_all_that_is_taken_where_there_are_some() -> None:
    noise = [*NOISE, *PICKLES, "consolidated.safetensors", "model.fp16.safetensors", "x.gguf"]
    assert chosen([*SMALL, *SHARDS, *noise]) == {*SMALL, *SHARDS}
    assert chosen([*SMALL, *SHARDS, *noise], allow_pickle=True) == {*SMALL, *SHARDS}


def test_unusual_names_are_better_than_none() -> None:
    assert chosen(["config.json", "weights.safetensors"]) == {"config.json", "weights.safetensors"}


def test_templates_in_their_folder_belong_to_the_tokenizer() -> None:
    template = "additional_chat_templates/tool_use.jinja"
    assert template in chosen(["config.json", "model.safetensors", template, "other/tool_use.jinja"])


def test_one_gguf_is_taken_and_of_several_none() -> None:
    assert chosen(["README.md", "model.Q4_K_M.gguf"]) == {"model.Q4_K_M.gguf"}
    files = [RemoteFile(f"model.Q{bits}.gguf", bits * 10**9) for bits in range(2, 9)]
    with pytest.raises(ModelError) as refused:
        needed(files, "owner/name")
    assert refused.value.code == "hub.many_ggufs"
    assert "model.Q2.gguf (1.86" in refused.value.why
    assert "model.Q7.gguf" not in refused.value.why
    assert "owner/name model.Q2.gguf" in refused.value.next_step


def test_pickles_are_fetched_after_a_yes_alone() -> None:
    with pytest.raises(ModelError) as refused:
        chosen([*SMALL, *PICKLES])
    assert refused.value.code == "hub.pickle_only"
    assert "pytorch_model-00001-of-00002.bin, 1.86" in refused.value.what
    assert chosen([*SMALL, *PICKLES, "training_args.bin"], allow_pickle=True) == {*SMALL, *PICKLES}


@pytest.mark.parametrize("paths", [[], ["README.md"], ["config.json", "tf_model.h5"], ["sub/model.safetensors"]])
def test_no_weights_are_said_to_be_none(paths: list[str]) -> None:
    with pytest.raises(ModelError) as refused:
        chosen(paths)
    assert refused.value.code == "hub.no_weights"


def test_the_largest_comes_first() -> None:
    files = [RemoteFile("a.json", 5), RemoteFile("model.safetensors", 9), RemoteFile("b.json", 7)]
    assert [file.path for file in needed(files, "x/y")] == ["model.safetensors", "b.json", "a.json"]
