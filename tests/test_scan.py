"""Session.scan on a tiny model, and how its points and its end come about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from tests.charts.samples import resolved
from workbench import scan as scans
from workbench.config import Config
from workbench.limits import limits_of
from workbench.results import (
    Forecast,
    MatmulRate,
    Phase,
    PhaseLimit,
    PhaseWork,
    Rung,
    RungLine,
    Scan,
    of_bandwidth,
)
from workbench.results.workload import padding_of
from workbench.scannable import MOST_ROWS, PARAMETERS, labels_of
from workbench.scanning import Line, Step, next_seconds, points_of, rows_of

CONFIG = wb.Config(dtype="float32", threads=1)
BOTH = {"attention": ["eager", "sdpa"]}


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny&layers=2", config=CONFIG, host="inline") as session:
        yield session


def rung_line(*decode: float, failed: bool = False) -> RungLine:
    return RungLine(
        samples={"decode_tps": decode}, peak_bytes=None if failed else 1000, peak_method="", resolved=resolved()
    )


def steps(*places: int) -> list[Step]:
    return [Step(Line(place, str(place), Config()), Config(), wb.Workload()) for place in places]


def limits(step: Step, ran: RungLine) -> dict[Phase, PhaseLimit]:
    """A step that moves 2 bytes and computes 20 FLOP at 100 bytes and 1,000 FLOP a second: 50 steps, 50 prefills."""
    rate = MatmulRate(format="float32", flops_per_s=1000.0)
    reached = of_bandwidth("cpu:1", 100.0).model_copy(update={"matmul": (rate,)})
    work = PhaseWork(tokens=1, weight_bytes=1.5, kv_bytes=0.5, weight_flops=15.0, attention_flops=5.0)
    assert ran.resolved is not None
    return limits_of({"prefill": work, "decode": work}, reached, ran.resolved)


def test_ratios_are_paired_by_round_against_the_first_line() -> None:
    rung = Rung(lines=(rung_line(10.0, 20.0, 40.0), rung_line(11.0, 22.0, 44.0)), round_seconds=1.0, others_cores=None)
    first, second = points_of(rung, steps(0, 1), 64, limits)
    assert first.ratio == {}
    assert second.ratio["decode_tps"] == pytest.approx(1.1)
    low, high = second.ratio_ci95["decode_tps"]
    assert high - low < 1e-9  # the drift of the rounds cancels
    assert first.ci95["decode_tps"][1] - first.ci95["decode_tps"][0] > 20
    assert (second.rounds, second.limit_tps, second.prefill_limit_tps, second.value) == (3, 50.0, 50.0, 64)
    assert {name: second.limit(name) for name in ("decode_tps", "tpot_s", "ttft_s", "e2e_s")} == {
        "decode_tps": 50.0,
        "tpot_s": 0.02,
        "ttft_s": 0.02,
        "e2e_s": None,
    }


def test_without_the_first_line_there_is_no_ratio() -> None:
    rung = Rung(lines=(rung_line(11.0, 22.0, 44.0),), round_seconds=1.0, others_cores=None)
    assert points_of(rung, steps(1), 64, limits)[0].ratio == {}


def test_the_next_value_is_expected_to_grow_as_the_last_did() -> None:
    assert next_seconds([2.0], [64, 128], 1) == 4.0
    assert next_seconds([1.0, 4.0], [64, 128, 256], 2) == 16.0
    assert next_seconds([2.0, 2.0], [64, 128, 256], 2) == 4.0


@pytest.mark.parametrize(
    ("rows", "share", "padding"), [(1, 0.25, [25]), (3, 0.25, [0, 25, 50]), (2, 0.5, [0, 99]), (1, 0.0, [0])]
)
def test_padding_is_shared_out_over_the_rows(rows: int, share: float, padding: list[int]) -> None:
    assert padding_of(rows, 100, share) == padding


def test_lines_are_named_by_what_differs() -> None:
    assert labels_of([CONFIG, CONFIG.replace(attention="eager")]) == ["sdpa", "eager"]
    assert labels_of([CONFIG]) == [""]


@pytest.mark.model
def test_lines_points_ratios_and_agreement(session: wb.Session) -> None:
    found = session.scan("prompt_tokens", [16, 32], BOTH, new_tokens=4, precision=0.9)
    assert [line.label for line in found.lines] == ["eager", "sdpa"]
    assert [(point.value, point.line) for point in found.points] == [(16, 0), (16, 1), (32, 0), (32, 1)]
    assert (found.ended_by, found.values) == ("values", (16, 32))
    assert {point.resolved.attention for point in found.of(0)} == {"eager"}
    assert all(point.peak_bytes and point.rounds >= 3 for point in found.points)
    for point in found.points:  # no run is faster than its limit
        for metric in ("decode_tps", "prefill_tps"):
            bound = point.limit(metric)
            assert bound is not None
            assert point.ci95[metric][0] < bound
    assert all(set(point.ratio) == set(point.mean) for point in found.of(1))
    assert [one.level for one in found.agreement] == ["agrees"]
    assert session.config == CONFIG
    stored = session.runs.list(kind="scan")[0]
    assert Scan.from_dict(stored["result"]) == found


@pytest.mark.model
def test_padded_and_not(session: wb.Session) -> None:
    work = wb.Workload(batch_size=2)
    found = session.scan("prompt_tokens", [16], [{}], workload=work, new_tokens=4, padded=(0.0, 0.5), precision=0.9)
    assert [line.label for line in found.lines] == ["0 % padding", "50 % padding"]
    assert [line.padded for line in found.lines] == [0.0, 0.5]
    assert found.agreement == ()


@pytest.mark.model
@pytest.mark.parametrize(("parameter", "values"), [("threads", [1, 2]), ("batch_size", [1, 2])])
def test_other_parameters(session: wb.Session, parameter: str, values: list[int]) -> None:
    work = wb.Workload(prompt_tokens=8)
    found = session.scan(parameter, values, [{}], workload=work, new_tokens=4, precision=0.9)
    assert list(found.values) == values
    if parameter == "threads":
        assert [point.resolved.threads for point in found.points] == values
        assert all(point.limit_tps and point.prefill_limit_tps for point in found.points)
        assert {f"cpu:{threads}" for threads in values} <= set(session.machine.ceilings)
    assert session.config == CONFIG


def test_rows_reach_to_what_memory_holds() -> None:
    values = PARAMETERS["batch_size"].values
    facts, machine = None, None  # not asked
    assert values(facts, machine, wb.Workload(), 20) == (1, 2, 4, 8, 16, 20)  # type: ignore[arg-type]
    assert values(facts, machine, wb.Workload(), 8) == (1, 2, 4, 8)  # type: ignore[arg-type]
    assert values(facts, machine, wb.Workload(), 0) == (1,)  # type: ignore[arg-type]
    assert values(facts, machine, wb.Workload(), None)[-1] == MOST_ROWS  # type: ignore[arg-type]


@pytest.mark.model
def test_a_batch_scan_takes_what_is_in_force_and_tells_knee_and_room(session: wb.Session) -> None:
    work = wb.Workload(prompt_tokens=8)
    found = session.scan("batch_size", [1, 2, 4], workload=work, new_tokens=4, precision=0.9)
    assert [line.config for line in found.lines] == [CONFIG.to_dict()]
    (knee,) = found.knees
    room = session.forecast(workload=work.replace(new_tokens=4)).largest_batch
    assert knee.largest == pytest.approx(room, rel=0.1)  # memory moves meanwhile
    assert str(knee.said) in str(rows_of(found)[2])
    assert "memory holds" in str(rows_of(found)[2])


@pytest.mark.model
def test_an_out_of_memory_ends_the_line_and_not_the_session(
    session: wb.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = scans.forecasts.forecast
    monkeypatch.setattr(
        scans.forecasts, "forecast", lambda *given, **options: real(*given, **options).model_copy(update={"fits": True})
    )
    beyond = 10**14  # rows of one token: more than the address space of any machine
    work = wb.Workload(prompt_tokens=1)
    found = session.scan("batch_size", [1, beyond], workload=work, new_tokens=2, precision=0.9, budget_s=1e15)
    assert found.values == (1,)
    (end,) = found.ends
    assert (end.value, end.reason.code) == (beyond, "scan.out_of_memory")
    assert "alloc" in str(end.reason)
    assert session.generate("hello", 2)[0].token_ids


@pytest.mark.model
def test_the_models_limit_ends_it(session: wb.Session) -> None:
    limit = session.facts.context_length - 4
    values = PARAMETERS["prompt_tokens"].values(session.facts, session.machine, wb.Workload(new_tokens=4), None)
    assert values[0] == 64
    assert values[-1] == limit
    found = session.scan("prompt_tokens", [limit], [{}], new_tokens=4, precision=0.9)
    assert found.ended_by == "limit"
    assert str(limit) in str(found.ended)


@pytest.mark.model
def test_the_budget_ends_it_after_the_first_value(session: wb.Session) -> None:
    found = session.scan("prompt_tokens", [16, 1024], [{}], new_tokens=4, budget_s=0.01)
    assert (found.ended_by, found.values) == ("budget", (16,))
    assert "1024" in str(found.ended)


@pytest.mark.model
def test_memory_ends_a_line_and_then_the_scan(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    real = scans.forecasts.forecast

    def small(facts: object, config: Config, workload: wb.Workload, *given: object, **options: object) -> Forecast:
        known = real(facts, config, workload, *given, **options)  # type: ignore[arg-type]
        room = {"eager": 16, "sdpa": 32}[config.attention]
        return known.model_copy(update={"fits": workload.prompt_tokens <= room})

    monkeypatch.setattr(scans.forecasts, "forecast", small)
    found = session.scan("prompt_tokens", [16, 32, 64], BOTH, new_tokens=4, precision=0.9)
    assert (found.ended_by, found.values) == ("memory", (16, 32))
    assert [(end.line, end.value) for end in found.ends] == [(0, 32), (1, 64)]
    assert found.of(1)[1].ratio == {}
    assert "the forecast asks for" in str(found.ended)


@pytest.mark.model
@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (("beams",), wb.ConfigError, "scan.unknown_parameter"),
        (("prompt_tokens", [32, 16]), wb.ConfigError, "scan.values"),
        (("prompt_tokens", [16], [{}, {}]), wb.ConfigError, "scan.configs"),
        (("prompt_tokens", [16], [{"dtype": "bfloat16"}]), wb.CapabilityError, "scan.needs_reload"),
    ],
)
def test_what_cannot_be_scanned_is_told(
    session: wb.Session, arguments: tuple[object, ...], kind: type[wb.WorkbenchError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        session.scan(*arguments)  # type: ignore[arg-type]
    assert caught.value.code == code


@pytest.mark.model
def test_stop_ends_a_scan_and_the_config_stays(session: wb.Session) -> None:
    stopping = session.on("progress", lambda event: event.data["what"].code == "progress.scan" and session.stop())
    with pytest.raises(wb.Stopped):
        session.scan("prompt_tokens", [512], BOTH, new_tokens=64, precision=0.0001, budget_s=20)
    stopping()
    assert session.config == CONFIG
    assert session.resolved.attention == "sdpa"
