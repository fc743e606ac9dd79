"""Triton's python backend for load_model.py, which lies beside this file.

Needs what load_model.py needs, in the Python that Triton starts. Inputs of one request, with its batch of rows:
text_input [rows, 1] strings; max_tokens [rows, 1] int32, optional. Outputs: text_output [rows, 1] strings;
token_count [rows, 1] int32, the tokens of the answer before its end token.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

MAX_TOKENS = 64  # of an answer whose request names no number


def _loader() -> Any:
    """The exported loader, by its path: several models of one Triton have a file of this name."""
    path = Path(__file__).with_name("load_model.py")
    spec: Any = importlib.util.spec_from_file_location(f"load_model_{abs(hash(str(path)))}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TritonPythonModel:
    """One copy of the model."""

    def initialize(self, args: Any) -> None:
        """Load the model; args are Triton's and not needed."""
        self.code = _loader()
        self.tokenizer, self.model = self.code.load()
        ends = self.model.generation_config.eos_token_id
        self.ends = set(ends if isinstance(ends, list) else [ends])

    def answers(self, prompts: Any, limits: Any) -> Any:
        """Return (text, tokens) for each prompt; prompts are one batch, so the longest answer decides its time."""
        rows = self.code.generate(self.tokenizer, self.model, prompts, max(limits))
        found = []
        for ids, limit in zip(rows, limits, strict=True):
            kept = ids[:limit]
            end = next((at for at, token in enumerate(kept) if token in self.ends), len(kept))
            text = self.tokenizer.decode(kept[:end], skip_special_tokens=True)
            found.append((text, end))
        return found

    def execute(self, requests: Any) -> Any:
        """Answer the requests that Triton's dynamic batching put together."""
        import triton_python_backend_utils as pb_utils

        read: list[Any] = []
        responses: list[Any] = [None] * len(requests)
        for at, request in enumerate(requests):
            try:
                read.append((at, *_rows(pb_utils, request)))
            except ValueError as error:
                failure = pb_utils.TritonError(str(error))
                responses[at] = pb_utils.InferenceResponse(output_tensors=[], error=failure)
        prompts = [text for _at, texts, _limits in read for text in texts]
        limits = [limit for _at, _texts, limits in read for limit in limits]
        answers = iter(self.answers(prompts, limits) if prompts else [])
        for at, texts, _limits in read:
            mine = [next(answers) for _text in texts]
            words = np.array([[text.encode("utf-8")] for text, _count in mine], dtype=object)
            counts = np.array([[count] for _text, count in mine], dtype=np.int32)
            responses[at] = pb_utils.InferenceResponse(
                output_tensors=[
                    pb_utils.Tensor("text_output", words),
                    pb_utils.Tensor("token_count", counts),
                ]
            )
        return responses

    def finalize(self) -> None:
        """Let go of the weights."""
        self.model = None


def _rows(pb_utils: Any, request: Any) -> Any:
    """The texts and limits of one request. ValueError: an empty text, or a limit below 1."""
    given = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy()
    texts = [row.decode("utf-8") for row in given.reshape(-1)]
    asked = pb_utils.get_input_tensor_by_name(request, "max_tokens")
    limits = [MAX_TOKENS] * len(texts) if asked is None else [int(row) for row in asked.as_numpy().reshape(-1)]
    if not all(texts) or min(limits) < 1 or len(limits) != len(texts):
        raise ValueError("each row needs a text that is not empty and a max_tokens of at least 1")
    return texts, limits
