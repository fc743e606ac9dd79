"""Writes what the installed transformers takes: `python tools/pasted_arguments.py > workbench/pasted/arguments.json`.

Read from signatures and from the names that the functions' own source pops out of **kwargs.
tests/pasted/test_arguments.py compares the file with what this prints.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterable

import transformers
from transformers import BitsAndBytesConfig, GenerationConfig, GenerationMixin, PreTrainedModel, pipeline
from transformers.models.auto.auto_factory import _BaseAutoModelClass
from transformers.pipelines.base import Pipeline
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils.generic import TransformersKwargs

FAMILY = ("Llama", "Qwen2", "DeepseekV2", "DeepseekV3")
_VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def signature(function) -> set[str]:
    found = inspect.signature(function).parameters.values()
    return {each.name for each in found if each.kind not in _VARIABLE} - {"self", "cls"}


def tree(function) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def popped(function, names: Iterable[str] = ("kwargs", "hub_kwargs")) -> set[str]:
    """Names that the function takes out of its keyword arguments."""
    found = set()
    for node in ast.walk(tree(function)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("pop", "get")
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in names
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            found.add(node.args[0].value)
        named = (
            isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
        )
        if named and any(isinstance(each, ast.Name) and each.id in names for each in node.comparators):
            found.add(node.left.value)
    return found


def unused(function) -> set[str]:
    """Names that a loop of the function throws away."""
    for node in ast.walk(tree(function)):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.List):
            names = {each.value for each in node.iter.elts if isinstance(each, ast.Constant)}
            if "low_cpu_mem_usage" in names:
                return names
    raise SystemExit("from_pretrained no longer lists the arguments that it throws away")


def hub_names() -> set[str]:
    for node in ast.walk(tree(_BaseAutoModelClass.from_pretrained)):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "hub_kwargs_names":
            return set(ast.literal_eval(node.value))
    raise SystemExit("AutoModel.from_pretrained no longer lists its hub arguments")


def main() -> None:
    model = PreTrainedModel.from_pretrained
    auto = _BaseAutoModelClass.from_pretrained
    thrown_away = unused(model)
    configs: set[str] = set()
    forwards: set[str] = set()
    for name in FAMILY:
        configs |= {key for key in vars(getattr(transformers, f"{name}Config")()) if not key.startswith("_")}
        forwards |= signature(getattr(transformers, f"{name}ForCausalLM").forward)
    configs |= {"output_attentions", "rope_scaling", "rope_theta"}  # a property, and two names that are still read
    generation = {key for key in vars(GenerationConfig()) if not key.startswith("_")}
    load = signature(model) | popped(model) | popped(auto) | hub_names() | {"attn_implementation"}
    taken_early = popped(GenerationMixin._extract_generation_mode_kwargs)
    generate = signature(GenerationMixin.generate) | generation | forwards | taken_early | {"trust_remote_code"}
    tokenizer = signature(PreTrainedTokenizerBase.from_pretrained) | signature(PreTrainedTokenizerBase.__init__)
    pipe = transformers.TextGenerationPipeline
    names = {
        "config": configs - {"transformers_version", "torch_dtype"},
        "load": {name for name in load if not name.startswith("_")} - thrown_away,
        "thrown_away": thrown_away,
        "generation_config": generation - {"transformers_version"},
        "generate": (generate | set(TransformersKwargs.__optional_keys__)) - {"transformers_version"},
        "bnb": signature(BitsAndBytesConfig.__init__),
        "tokenizer": tokenizer
        | {"subfolder", "use_fast", "proxies", "tokenizer_type", "gguf_file", "tokenizer_file", "vocab_file"}
        | {"model_max_length", "padding_side", "truncation_side", "chat_template", "clean_up_tokenization_spaces"}
        | set(PreTrainedTokenizerBase.SPECIAL_TOKENS_ATTRIBUTES)
        | {"add_bos_token", "add_eos_token", "legacy", "split_special_tokens", "add_prefix_space", "config"},
        "pipeline": signature(pipeline)
        | popped(pipeline)
        | signature(Pipeline.__init__)
        | popped(Pipeline.__init__)
        | signature(pipe._sanitize_parameters)
        | {"generation_config"},
        "pipe_call": signature(pipe._sanitize_parameters) | {"text_inputs", "batch_size", "num_workers"},
    }
    written = {"transformers": transformers.__version__} | {key: sorted(value) for key, value in names.items()}
    print(json.dumps(written, indent=1))


if __name__ == "__main__":
    main()
