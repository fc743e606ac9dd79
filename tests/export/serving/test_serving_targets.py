"""What carries over to each serving tool, what is said of the rest, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from tests.export.test_export_transformers import configs
from workbench import export
from workbench.catalog import MODELS
from workbench.catalog.serving import TOOLS
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, ModelError
from workbench.export import TARGETS
from workbench.session import Session
from workbench.words import templates, text

Make = Callable[..., Any]
HUB = "deepseek-ai/deepseek-llm-7b-base"
V3 = "deepseek-ai/DeepSeek-V3"
SERVING = [name for name, target in TARGETS.items() if target.serves]
COMMANDS = [name for name in SERVING if name not in ("triton", "ollama")]


def test_each_tool_of_the_catalogue_is_a_target_with_words_and_a_source() -> None:
    assert list(TOOLS) == SERVING
    for name, tool in TOOLS.items():
        assert text(f"export.target.{name}")
        assert "2026" in tool.source
        assert tool.version
        assert 0.5 < tool.memory_share <= 1


@pytest.mark.parametrize("target", COMMANDS)
@settings(max_examples=40, deadline=None)
@given(config=configs())
def test_every_config_is_a_script_and_a_request(target: str, config: Config) -> None:
    made = export.snippet(target, config, model=HUB)
    assert made.code.startswith("#!/usr/bin/env bash\n# ")
    body = json.loads(made.files["request.json"])
    expected = config.temperature if config.do_sample else 0.0
    assert body["temperature"] == expected
    assert made.expected == {}


def test_vllm_carries_format_length_sampling_and_ends(run_script: Make) -> None:
    config = Config(dtype="bfloat16", quantization="fp8", do_sample=True, temperature=0.6, top_p=0.95, top_k=0, seed=7)
    made = export.snippet("vllm", config, model=HUB, context=2048, on="l40s")
    (called,) = run_script(made.code)
    assert called == [
        "vllm", "serve", HUB, "--dtype=bfloat16", "--quantization=fp8_per_block", "--max-model-len=2048",
        "--generation-config=vllm",
        '--override-generation-config={"temperature":0.6,"top_p":0.95,"top_k":0,"min_p":0.0}', "--seed=7",
    ]  # fmt: skip
    made = export.snippet("vllm", config.replace(eos_token_ids=(7, 9)), model=HUB)
    assert "--generation-config=generation" in run_script(made.code)[0]
    defaults = json.loads(made.files["generation/generation_config.json"])
    assert defaults["eos_token_id"] == [7, 9]
    assert defaults["temperature"] == 0.6
    assert json.loads(made.files["request.json"])["stop_token_ids"] == [7, 9]


def test_several_machines_are_joined_by_ray(run_script: Make) -> None:
    made = export.snippet("vllm", Config(), model=V3, on="h100-sxm", gpus=8, nodes=2)
    head, served = run_script(made.code)
    assert head == ["ray", "start", "--head", "--port=6379"]
    assert {"--tensor-parallel-size=8", "--pipeline-parallel-size=2", "--distributed-executor-backend=ray"} <= set(
        served
    )
    assert run_script(made.files["join.sh"], HEAD="10.0.0.1") == [["ray", "start", "--address=10.0.0.1:6379"]]
    (ranked,) = run_script(
        export.render("sglang", Config(), model=V3, on="8x h100-sxm", nodes=2), HEAD="a b", NODE_RANK="1"
    )
    assert {"--nnodes=2", "--node-rank=1", "--dist-init-addr=a b:20000", "--tp-size=8", "--pp-size=2"} <= set(ranked)
    (launched,) = run_script(export.render("tensorrt-llm", Config(), model=V3, on="8x h100-sxm", nodes=2))
    assert launched[:2] == ["srun", "--mpi=pmix"]
    assert {"--ntasks=16", "--tp_size=8", "--pp_size=2", "--gpus_per_node=8"} <= set(launched)


def test_stops_and_penalties_go_where_a_tool_has_them() -> None:
    config = Config(stop_strings=("User:", "a\nb"), repetition_penalty=1.2, no_repeat_ngram_size=3, stop_at_sentence=9)
    for target in ("vllm", "sglang", "tensorrt-llm"):
        made = export.snippet(target, config, model=HUB)
        body = json.loads(made.files["request.json"])
        assert body["stop"] == ["User:", "a\nb"]
        assert body["repetition_penalty"] == 1.2
        assert "no_repeat_ngram_size=3" in made.code
        assert "stop_at_sentence=9" in made.code
    assert '"repetition_penalty":1.2' in export.render("vllm", config, model=HUB)
    assert "--repeat-penalty 1.2" in export.render("llama.cpp", config, model=HUB)
    assert 'PARAMETER stop User:\nPARAMETER stop "a\nb"\n' in export.render("ollama", config, model=HUB)
    assert "repetition_penalty=1.2: no option" in export.render("tgi", config, model=HUB)


def test_sglang_makes_nf4_and_takes_ends_from_the_model_config(run_script: Make) -> None:
    (called,) = run_script(export.render("sglang", Config(quantization="bnb-nf4", eos_token_ids=(3,)), model=HUB))
    assert {"--quantization=bitsandbytes", "--load-format=bitsandbytes"} <= set(called)
    assert '--json-model-override-args={"eos_token_id":[3]}' in called


def test_tgi_refuses_a_dtype_beside_a_quantisation(run_script: Make) -> None:
    (called,) = run_script(
        export.render("tgi", Config(dtype="float16", quantization="bnb-nf4"), model=HUB, context=900)
    )
    assert called[1:] == [
        f"--model-id={HUB}", "--quantize=bitsandbytes-nf4", "--max-total-tokens=900", "--max-input-tokens=899",
    ]  # fmt: skip
    (called,) = run_script(export.render("tgi", Config(dtype="float16"), model=HUB))
    assert "--dtype=float16" in called
    assert 'dtype="float32": Text' in export.render("tgi", Config(dtype="float32"), model=HUB)
    both = export.render("tgi", Config(dtype="float16", quantization="bnb-nf4"), model=HUB)
    assert 'dtype="float16": Text Generation Inference refuses a number format beside' in both


def test_tensorrt_llm_has_a_yaml_file_for_the_number_formats() -> None:
    config = Config(dtype="bfloat16", cache="quantized", cache_backend="fp8")
    made = export.snippet("tensorrt-llm", config, model=HUB)
    assert yaml.safe_load(made.files["llm.yaml"]) == {
        "backend": "pytorch",
        "dtype": "bfloat16",
        "kv_cache_config": {"dtype": "fp8"},
    }


def test_llama_cpp_says_every_sampler_because_its_defaults_are_not_neutral(run_script: Make) -> None:
    made = export.snippet("llama.cpp", Config(threads=3, device="cpu", eos_token_ids=(5, 6)), model=HUB, context=256)
    (called,) = run_script(made.code)
    assert called == [
        "llama-server", "--model", "model.gguf", "--ctx-size", "256", "--threads", "3", "--n-gpu-layers", "0",
        "--override-kv", "tokenizer.ggml.eos_token_id=int:5", "--temp", "0.0", "--top-p", "1.0", "--top-k", "0",
        "--min-p", "0.0", "--repeat-penalty", "1.0",
    ]  # fmt: skip
    assert "the others (6) do not carry over" in made.code


def test_four_bits_become_the_nearest_gguf_and_eight_their_own(run_script: Make) -> None:
    made = export.snippet("llama.cpp", Config(quantization="hqq-int4"), model=HUB)
    assert run_script(made.files["convert.sh"], LLAMA_CPP="l")[-1] == [
        "llama-quantize", "model-full.gguf", "model.gguf", "Q4_K_M",
    ]  # fmt: skip
    assert "another format" in made.code
    made = export.snippet("ollama", Config(quantization="quanto-int8"), model=HUB)
    assert run_script(made.files["create.sh"])[1][-1] == "--quantize=q8_0"


def test_ollama_takes_end_ids_as_texts_where_they_are_known(checkpoint: Make) -> None:
    folder = checkpoint()
    tokens = {"added_tokens": [{"id": 2, "content": "<|im_end|>"}, {"id": 3, "content": "two\nlines"}]}
    (folder / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    made = export.snippet("ollama", Config(eos_token_ids=(2, 3, 9)), model=str(folder))
    assert 'PARAMETER stop <|im_end|>\nPARAMETER stop "two\nlines"\n' in made.code
    assert "the text of 9 is not known" in made.code


def test_a_changed_knob_without_counterpart_is_told_with_its_reason() -> None:
    config = Config(attention="eager", compile="default", padding_side="right", quantization="bnb-nf4", tf32=True)
    code = export.render("vllm", config, model=HUB)
    section = code[code.index("Does not carry over to vLLM") : code.index("set -euo")]
    for name in ("attention", "compile", "padding_side", "quantization", "tf32"):
        assert f"#   {name}=" in section
    assert "Does not carry over" not in export.render("vllm", Config(), model=HUB)


def test_numbers_of_the_bench_are_no_serving_forecast(measurement: Make, resolved: Make) -> None:
    made = export.snippet("vllm", Config(), model=HUB, measurement=measurement(), resolved=resolved())
    assert "not a serving forecast" in made.code
    assert "16.7 tok/s" in made.code
    assert made.expected == {}


@pytest.mark.parametrize("target", SERVING)
def test_random_weights_are_refused(target: str) -> None:
    with pytest.raises(ModelError) as caught:
        export.render(target, Config(), model="random:deepseek-v3")
    assert caught.value.code == "export.random_weights"


def gguf(folder: Path) -> Path:
    file = folder / "model.gguf"
    file.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(16))
    return file


@pytest.mark.parametrize("target", ["vllm", "sglang", "tgi", "tensorrt-llm"])
def test_a_gguf_file_goes_to_the_tools_that_read_it(target: str, tmp_path: Path, run_script: Make) -> None:
    file = gguf(tmp_path)
    with pytest.raises(CapabilityError) as caught:
        export.render(target, Config(), model=str(file))
    assert "llama.cpp" in caught.value.next_step
    (called,) = run_script(export.render("llama.cpp", Config(), model=str(file)))
    assert called[2] == str(file.resolve())
    assert f"FROM {file.resolve()}\n" in export.render("ollama", Config(), model=str(file))


def test_an_architecture_that_a_tool_does_not_serve_names_those_that_do() -> None:
    with pytest.raises(CapabilityError) as caught:
        export.render("tgi", Config(), model="deepseek-ai/DeepSeek-V3.2-Exp")
    assert "vllm" in caught.value.next_step
    with pytest.raises(CapabilityError):
        export.render("tensorrt-llm", Config(), model="deepseek-ai/DeepSeek-V2-Lite")
    assert export.render("vllm", Config(), model="somebody/unknown-model")


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("model.unknown_gpu", {"on": "h1000"}),
        ("serving.bad_count", {"on": "h200", "gpus": 0}),
        ("serving.bad_count", {"on": "0x h200"}),
        ("serving.bad_count", {"on": "h200", "nodes": -1}),
        ("serving.gpus_unnamed", {"gpus": 2}),
        ("serving.two_counts", {"on": "8x h200", "gpus": 4}),
        ("serving.bad_context", {"context": 1}),
        ("serving.context_beyond", {"context": 4097}),
    ],
)
def test_bad_places_are_refused_by_name(code: str, place: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        export.render("vllm", Config(), model=HUB, **place)
    assert caught.value.code == code


def test_places_are_for_servers_only() -> None:
    for target in ("transformers", "json"):
        with pytest.raises(ConfigError) as caught:
            export.render(target, Config(), model=HUB, on="h200")
        assert caught.value.code == "export.not_served"


@pytest.mark.parametrize("target", ["tgi", "triton", "llama.cpp", "ollama"])
def test_one_machine_is_said_where_a_tool_knows_no_other(target: str) -> None:
    with pytest.raises(CapabilityError) as caught:
        export.render(target, Config(), model=HUB, on="h200", nodes=2)
    assert "vllm" in caught.value.next_step


def test_every_reason_is_for_a_knob_or_for_all() -> None:
    reasons = [code for code in templates() if code.startswith("serving.left.")]
    assert "serving.left.other" in reasons
    assert len(reasons) > 15


@pytest.mark.parametrize("slug", MODELS)
def test_each_model_of_the_catalogue_has_a_target(slug: str) -> None:
    able = []
    for target in SERVING:
        try:
            able.append(export.render(target, Config(), model=MODELS[slug].hub_id))
        except CapabilityError:
            continue
    assert able


@pytest.mark.model
def test_a_session_passes_on_where_a_server_is_to_run(tiny: str) -> None:
    with Session(tiny, host="inline") as session:
        with pytest.raises(ConfigError) as caught:
            session.export("json", on="h200", gpus=8)
        assert caught.value.params["given"] == "on, gpus"
        with pytest.raises(ModelError):
            session.export("vllm", on="h200", gpus=8, nodes=2, context=256)
