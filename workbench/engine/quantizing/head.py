"""The output head, quantised after the load: what reads the files leaves it in full, and with it what it is tied to."""

from typing import Any

import torch

from workbench.config import Config
from workbench.engine.quantizing.library import Library
from workbench.engine.stored import stored, tied


def own_head(model: Any) -> bool:
    """Whether the config calls the head tied, and it is yet a copy of the embedding table, in a place of its own."""
    return bool(model.config.get_text_config().tie_word_embeddings) and not tied(model)


def quantize_head(model: Any, maker: Library, config: Config, group: int | None) -> None:
    """Puts a quantised head in the place of `model`'s; a table that it was tied to stays as it is.

    The model's config goes on saying that they are tied, as its files do: forecasts of other settings go by it.
    """
    head = model.get_output_embeddings()
    with torch.device("meta"):
        layer = torch.nn.Linear(head.in_features, head.out_features, bias=head.bias is not None)
    layer.weight = torch.nn.Parameter(head.weight.detach(), requires_grad=False)
    layer.bias = head.bias
    # a layer that trains keeps its weights as bitsandbytes' CPU kernel does not take them
    model.set_output_embeddings(maker.layer(layer, config, group).train(model.training))


def is_quantized(model: Any) -> bool:
    """Whether the head in force is kept in another format than the weights in full."""
    head = model.get_output_embeddings()
    return head is not None and any(one.word != "none" for one in stored(head))
