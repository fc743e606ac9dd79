"""The lines of text: always true, always words."""

from tests.charts.samples import MIB, measurement, resolved, run
from workbench.config import Config
from workbench.results import Applied, Forecast, Workload
from workbench.widgets import lines
from workbench.words import say
from workbench.words.format import THIN


def test_asked_names_every_knob_that_has_an_effect() -> None:
    plain = lines.asked(Config())
    assert plain == "sdpa · dynamic cache · pad left · greedy · auto: dtype, pad_token, eos_token_ids, device, threads"
    assert "greedy" in plain
    assert "temperature" not in plain
    sampled = lines.asked(Config(do_sample=True, temperature=0.7))
    assert "sampling" in sampled
    assert "temperature=0.7" in sampled


def test_ran_is_read_back_and_its_share_belongs_to_this_very_state() -> None:
    now = resolved()
    told = lines.ran(Config(), now, measurement(resolved=now, decode_limit_share=0.41))
    assert f"500{THIN}MiB of weights" in told
    assert f"41.0{THIN}% of this memory's limit" in told
    other = lines.ran(Config(), resolved(attention="eager"), measurement(resolved=now))
    assert "limit not measured" in other
    assert "limit not measured" in lines.ran(Config(), now, measurement(resolved=now, decode_limit_share=None))
    traced = lines.ran(Config(), resolved(attention_kernels=("flash_cpu",)), None)
    assert "sdpa → flash_cpu" in traced
    assert lines.ran(Config(), None, None) == "no model is loaded"


def test_but_says_what_differs_and_why() -> None:
    assert lines.but(Config(dtype="float32"), resolved()) == ""
    why = {"attention": say("capability.class_without_sdpa", architecture="Odd")}
    told = lines.but(Config(), resolved(attention="eager", why=why))
    assert "sdpa" in told
    assert "eager is in force" in told
    assert "Odd does not support sdpa" in told


def test_two_measurements_are_no_verdict() -> None:
    assert lines.last([]) == "nothing measured yet"
    alone = lines.last([run()])
    assert f"decode 16.0{THIN}tok/s [15.5, 16.8]" in alone
    assert "n = 7" in alone
    assert "verdict" not in alone
    weak = lines.last([run(flags=(say("capability.no_gpu"),))])
    assert "needs a CUDA GPU" in weak
    pair = lines.last([run(decode_tps=10.0), run(Config(attention="eager"), decode_tps=20.0)])
    assert "before attention sdpa→eager: decode 10.0" in pair
    assert "not a paired comparison, so no verdict" in pair
    for word in ("faster", "slower", "×", "2.00"):
        assert word not in pair


def test_other_work_is_not_set_beside_it() -> None:
    told = lines.last([run(workload=Workload(prompt_tokens=9, new_tokens=9)), run()])
    assert "other work (9 → 9 tokens, batch 1)" in told


def test_pending_tells_cost_bytes_and_fit() -> None:
    forecast = Forecast(
        weights=200 * MIB,
        kv_cache=50 * MIB,
        workspace=7 * MIB,
        available=900 * MIB,
        fits=True,
        decode_limit_tps=None,
    )
    changed = {"dtype": ("float32", "bfloat16")}
    told = " · ".join(lines.pending(changed, forecast, {}))
    assert "dtype float32→bfloat16" in told
    assert "time not measured yet" in told
    assert f"forecast 257{THIN}MiB" in told
    assert f"fits in 900{THIN}MiB" in told
    again = " · ".join(lines.pending(changed, forecast, {"reload": 0.7}))
    assert f"reload ≈ 700{THIN}ms" in again
    too_big = forecast.model_copy(update={"fits": False})
    assert f"does not fit: 900{THIN}MiB available" in lines.pending(changed, too_big, {})[-1]
    unknown = forecast.model_copy(update={"fits": None, "available": None})
    assert "not known" in lines.pending(changed, unknown, {})[-1]


def test_progress_with_and_without_an_end() -> None:
    data = {"what": say("panel.state.measuring"), "done": 12, "total": 20, "elapsed_s": 57.0, "left_s": 38.0}
    assert lines.progress(data) == f"measuring 12 of 20 · 57.0{THIN}s · 38.0{THIN}s left"
    assert "not known" in lines.progress(data | {"left_s": None})
    assert lines.progress(data | {"total": None, "left_s": None}) == f"measuring · 12 done · 57.0{THIN}s"


def test_what_an_apply_did() -> None:
    live = Applied(cost="live", reloaded=False, seconds=0.02, resolved=resolved(), memory_before=MIB, memory_after=MIB)
    assert lines.applied(live) == f"applied live in 20.0{THIN}ms"
    reload = live.model_copy(update={"cost": "reload", "reloaded": True, "residue_bytes": 3 * MIB})
    assert f"3.00{THIN}MiB of the old model left over" in lines.applied(reload)


def test_title() -> None:
    assert lines.title("demo", None, resolved()) == "demo · cpu, 1 thread"
    assert lines.title("demo", None, resolved(threads=4)) == "demo · cpu, 4 threads"
    assert lines.title("demo", None, resolved(device_map={"cuda:0": 5})) == "demo · cuda:0"
    assert lines.title("demo", None, None) == "demo · no model is loaded"
