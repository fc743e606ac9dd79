"""A tiny DeepSeek-V3 of random weights whose files are FP8 in blocks of 128×128, as the published ones are.

`python -m workbench.engine.fp8_files FOLDER` writes one: what only its kind of checkpoint shows can be tried anywhere.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, DeepseekV3Config, DeepseekV3ForCausalLM

from workbench.engine.demo import ensure_demo

BLOCK = 128
# 192 rows of kv_a_proj and 320 of the dense MLP: the last block of either is cut, as that of V3's 576 rows is
_SHAPE = {
    "vocab_size": 49152,
    "hidden_size": 256,
    "intermediate_size": 320,
    "moe_intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "n_shared_experts": 1,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 128,
    "q_lora_rank": 128,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 64,
    "v_head_dim": 64,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_IN_FULL = ("embed_tokens", "lm_head", "norm", "mlp.gate.")


def write(folder: Path, tokenizer: Any) -> dict[str, torch.Tensor]:
    """The checkpoint in `folder`; returns what its tensors are when dequantised, float32 by name in the files."""
    torch.manual_seed(0)
    model = DeepseekV3ForCausalLM(DeepseekV3Config(**_SHAPE)).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    kept, values = {}, {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if tensor.ndim != 2 or any(part in name for part in _IN_FULL):
            kept[name] = tensor
            values[name] = tensor.float()
            continue
        tensor = tensor.float() * torch.linspace(0.5, 2, tensor.shape[0])[:, None]  # blocks that differ in scale
        kept[name], kept[f"{name}_scale_inv"], values[name] = quantized(tensor)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "weight_block_size": [BLOCK, BLOCK],
    }
    (folder / "config.json").write_text(json.dumps(config))
    return values


def quantized(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(e4m3 weights, scales [row blocks, column blocks], their product) of a float32 matrix, a block at a time."""
    rows, columns = matrix.shape
    scales = torch.empty(-(-rows // BLOCK), -(-columns // BLOCK))
    weights = torch.empty(matrix.shape, dtype=torch.float8_e4m3fn)
    product = torch.empty_like(matrix)
    for row in range(0, rows, BLOCK):
        for column in range(0, columns, BLOCK):
            place = slice(row, row + BLOCK), slice(column, column + BLOCK)
            scale = matrix[place].abs().max() / torch.finfo(torch.float8_e4m3fn).max
            scales[row // BLOCK, column // BLOCK] = scale
            weights[place] = (matrix[place] / scale).to(torch.float8_e4m3fn)
            product[place] = weights[place].float() * scale
    return weights, scales, product


if __name__ == "__main__":
    write(Path(sys.argv[1]), AutoTokenizer.from_pretrained(ensure_demo()))
