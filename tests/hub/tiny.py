"""A real model small enough to be served in a test: Llama, two layers, two shards, written with safetensors alone."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WIDTH, INNER, LAYERS, HEADS, VOCABULARY = 32, 64, 2, 2, 49152
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def write_model(folder: Path, tokenizer: Path) -> Path:
    """The model in `folder`, with the tokenizer files of the folder `tokenizer`."""
    numbers = np.random.default_rng(0)

    def weight(*shape: int) -> np.ndarray:
        return (numbers.standard_normal(shape) * 0.05).astype(np.float16)

    tensors = {"model.embed_tokens.weight": weight(VOCABULARY, WIDTH), "model.norm.weight": np.ones(WIDTH, np.float16)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            tensors[f"{prefix}.self_attn.{name}.weight"] = weight(WIDTH, WIDTH)
        for name in ("gate_proj", "up_proj"):
            tensors[f"{prefix}.mlp.{name}.weight"] = weight(INNER, WIDTH)
        tensors[f"{prefix}.mlp.down_proj.weight"] = weight(WIDTH, INNER)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}.{name}.weight"] = np.ones(WIDTH, np.float16)
    placed = {name: SHARDS[0 if name == "model.embed_tokens.weight" else 1] for name in tensors}
    for shard in SHARDS:
        part = {name: tensor for name, tensor in tensors.items() if placed[name] == shard}
        save_file(part, folder / shard, metadata={"format": "pt"})
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(_config()))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        if (tokenizer / name).exists():
            shutil.copy(tokenizer / name, folder)
    return folder


def _config() -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "dtype": "float16",
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
