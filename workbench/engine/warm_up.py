"""Pays once for what libraries allocate at first use, so that memory left after a model is the model's."""

import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

_TINY = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}


@torch.inference_mode()
def libraries(device: torch.device) -> float:
    """Generates two tokens with a throw-away model of 20,000 parameters; returns the seconds it took."""
    began = time.perf_counter()
    for dtype in (torch.float32, torch.bfloat16):
        model = LlamaForCausalLM(LlamaConfig(**_TINY)).to(device, dtype).eval()
        ids = torch.ones((1, 8), dtype=torch.long, device=device)
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=2, do_sample=False, pad_token_id=0)
    return time.perf_counter() - began
