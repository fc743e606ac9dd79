"""The lines of text: always true, always words."""

from tests.charts.samples import MIB, comparison, measurement, phase, resolved, run, trace
from workbench.charts import Run
from workbench.config import Config
from workbench.results import Applied, Forecast, Workload
from workbench.results.resolved import NO_LOOP_YET
from workbench.widgets import action_lines, lines
from workbench.widgets.evidence import Evidence
from workbench.words import say
from workbench.words.format import THIN
from workbench.words.progress import progress


def evidence(*runs: Run) -> Evidence:
    """As a panel holds it after these measurements."""
    found = Evidence("demo")
    for each in runs:
        found.take(each.measurement, each.config)
    return found


def test_asked_names_the_core_and_of_the_rest_what_differs_from_its_default() -> None:
    assert lines.asked(Config()) == "sdpa · compile off · dynamic cache · dtype auto · pad left · greedy"
    sampled = lines.asked(Config(do_sample=True, temperature=0.7))
    assert "sampling" in sampled
    assert "temperature=0.7" in sampled
    expert = lines.asked(Config(sdpa_backend="math", attention_mask="ones", threads=1, cache_bits=2))
    assert "sdpa_backend=math" in expert
    assert "attention_mask=ones" in expert
    assert "threads=1" in expert
    assert "cache_bits" not in expert  # no effect beside a dynamic cache
    assert "dynamic cache" not in lines.asked(Config(compile="default"))  # the compiled loop brings its own


def test_ran_is_read_back_and_its_share_belongs_to_this_very_state() -> None:
    now = resolved()
    told = lines.ran(now, None, measurement(resolved=now, decode_limit_share=0.41))
    assert told.startswith("sdpa (kernel not traced yet) · float32 · 500")
    assert "transformers.generate" in told
    assert f"41.0{THIN}% of this memory's limit" in told
    traced_since = resolved(attention_kernels=("flash_cpu",))
    assert "limit" in lines.ran(traced_since, None, measurement(resolved=now))
    assert "limit" not in lines.ran(resolved(attention="eager"), None, measurement(resolved=now))
    assert "limit" not in lines.ran(now, None, measurement(resolved=now, decode_limit_share=None))
    assert "autocast=bfloat16" in lines.ran(resolved(autocast="bfloat16"), None, None)
    assert "autocast" not in lines.ran(now, None, None)
    assert "decode loop not run yet" in lines.ran(resolved(compile="default", loop=NO_LOOP_YET), None, None)
    assert lines.ran(None, None, None) == "no model is loaded"


def test_the_proof_line_names_the_kernels_of_the_trace() -> None:
    one = lines.ran(resolved(), trace(), None)
    assert one.startswith("sdpa → CPU flash kernel (traced at 64+4) · float32")
    two = lines.ran(resolved(), trace(decode=phase(backend="sdpa math")), None)
    assert two.startswith("sdpa → CPU flash kernel at prefill, math kernel at decode (traced at 64+4)")
    eager = lines.ran(resolved(attention="eager"), trace(prefill=phase("eager"), decode=phase("eager")), None)
    assert eager.startswith("eager → separate matmul and softmax")
    unknown = lines.ran(resolved(), trace(prefill=phase(None), decode=phase(None)), None)
    assert unknown.startswith("sdpa → no kernel recognised")


def test_but_says_what_differs_and_why() -> None:
    assert lines.but(Config(dtype="float32"), resolved()) == ""
    why = {"attention": say("capability.class_without_sdpa", architecture="Odd")}
    told = lines.but(Config(), resolved(attention="eager", why=why))
    assert "sdpa" in told
    assert "eager is in force" in told
    assert "Odd does not support sdpa" in told


def test_but_repeats_what_the_trace_found() -> None:
    found = say("trace.math_mask", phase="prefill")
    told = lines.but(Config(dtype="float32"), resolved(), trace(differences=(found,)))
    assert told == str(found)


def test_two_measurements_are_no_verdict() -> None:
    assert lines.last(evidence(), Config()) == "nothing measured yet"
    alone = lines.last(evidence(run()), Config())
    assert f"decode 16.0{THIN}tok/s [15.5, 16.8]" in alone
    assert "n = 7" in alone
    assert "verdict" not in alone
    weak = lines.last(evidence(run(flags=(say("capability.no_gpu"),))), Config())
    assert "needs a CUDA GPU" in weak
    pair = lines.last(evidence(run(decode_tps=10.0), run(Config(attention="eager"), decode_tps=20.0)), Config())
    assert "before attention sdpa→eager: decode 10.0" in pair
    assert "not a paired comparison, so no verdict" in pair
    for word in ("faster", "slower", "×", "2.00"):
        assert word not in pair


def test_what_was_found_of_another_configuration_says_so_first() -> None:
    eager = Config(attention="eager")
    assert lines.last(evidence(run()), eager).startswith("of another configuration · decode 16.0")
    seen = evidence(run())
    seen.take(comparison(), Config())  # of eager and sdpa
    assert "another configuration" not in lines.last(seen, eager)
    assert lines.last(seen, Config(dtype="bfloat16")).startswith("of another configuration · ")


def test_other_work_is_not_set_beside_it() -> None:
    told = lines.last(evidence(run(workload=Workload(prompt_tokens=9, new_tokens=9)), run()), Config())
    assert "other work (9 → 9 tokens, batch 1)" in told


def test_a_comparison_has_the_last_word_until_something_else_is_measured() -> None:
    seen = evidence(run())
    judged = comparison()
    seen.take(judged, Config())
    told = lines.last(seen, Config())
    assert told.startswith(str(judged.verdict["prefill_tps"]))  # the difference first
    assert str(judged.verdict["decode_tps"]) in told
    assert "256 → 64 tokens" in told
    seen.take(measurement(), Config())
    assert "no verdict" in lines.last(seen, Config())


def test_pending_tells_cost_bytes_and_fit() -> None:
    forecast = Forecast(
        weights=200 * MIB,
        kv_cache=50 * MIB,
        workspace=7 * MIB,
        available=900 * MIB,
        fits=True,
        decode_limit_tps=None,
        largest_batch=13,
        largest_context=4096,
    )
    changed = {"dtype": ("float32", "bfloat16")}
    told = " · ".join(action_lines.pending(changed, forecast, {}))
    assert "dtype float32→bfloat16" in told
    assert "time not measured yet" in told
    assert f"weights 200{THIN}MiB" in told
    assert f"fits: 257{THIN}MiB of 900{THIN}MiB; up to 13 rows of these lengths, or one row of 4096 tokens" in told
    again = " · ".join(action_lines.pending(changed, forecast, {"reload": 0.7}))
    assert f"reload ≈ 700{THIN}ms" in again
    too_big = forecast.model_copy(
        update={"fits": False, "kv_cache": 800 * MIB, "largest_batch": 0, "largest_context": 96}
    )
    assert "does not fit" in action_lines.pending(changed, too_big, {})[-1]
    assert "0 rows of these lengths would, or one row of 96 tokens" in action_lines.pending(changed, too_big, {})[-1]
    unknown = forecast.model_copy(update={"fits": None, "available": None})
    assert "not known" in action_lines.pending(changed, unknown, {})[-1]


def test_progress_with_and_without_an_end() -> None:
    data = {"what": say("panel.state.measuring"), "done": 12, "total": 20, "elapsed_s": 57.0, "left_s": 38.0}
    assert progress(data) == f"measuring 12 of 20 · 57.0{THIN}s · 38.0{THIN}s left"
    assert "not known" in progress(data | {"left_s": None})
    assert progress(data | {"total": None, "left_s": None}) == f"measuring · 12 done · 57.0{THIN}s"


def test_what_an_apply_did() -> None:
    live = Applied(cost="live", reloaded=False, seconds=0.02, resolved=resolved(), memory_before=MIB, memory_after=MIB)
    assert action_lines.applied(live) == f"applied live in 20.0{THIN}ms"
    reload = live.model_copy(update={"cost": "reload", "reloaded": True, "residue_bytes": 3 * MIB})
    assert f"3.00{THIN}MiB of the old model left over" in action_lines.applied(reload)


def test_title() -> None:
    assert lines.title("demo", None, resolved()) == "demo · cpu, 1 thread"
    assert lines.title("demo", None, resolved(threads=4)) == "demo · cpu, 4 threads"
    assert lines.title("demo", None, resolved(device_map={"cuda:0": 5})) == "demo · cuda:0"
    assert lines.title("demo", None, None) == "demo · no model is loaded"
