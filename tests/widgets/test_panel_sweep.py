"""The tab of sweeps: what may be chosen, what it comes to, limits, a race beside a model in this process."""

import html
import re

import pytest
from plotly.callbacks import InputDeviceState, Points

import workbench as wb
from tests.widgets.conftest import Driver, until
from workbench.knobs import KNOBS
from workbench.results import SweepRemoved
from workbench.widgets import TuningPanel, sweep_space
from workbench.widgets.bodies import Situation
from workbench.words import Message

pytestmark = pytest.mark.model


@pytest.fixture
def tab(panel: Driver) -> Driver:
    """Two ways of attention of the model in this process, for a budget that a test can end."""
    panel["tabs"].selected_index = panel["tabs"].titles.index("Sweep")
    panel["sweep-budget"].value = 1
    return panel


def said(panel: Driver, name: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", panel[name].value)).split())


def test_a_choice_tells_points_and_loads_before_it_starts(tab: Driver) -> None:
    assert "2 configurations in 1 loads" in said(tab, "sweep-plan")
    assert "•" in tab["sweep-knob-attention"].description
    tab["sweep-knob-dtype"].click()
    assert tab["sweep-dtype-float32"].description == "• float32"
    for value in ("auto", "float16"):
        if "•" in tab[f"sweep-dtype-{value}"].description:
            tab[f"sweep-dtype-{value}"].click()
    assert "4 configurations in 2 loads" in said(tab, "sweep-plan")
    tab["sweep-knob-dtype"].click()
    tab["sweep-attention-eager"].click()
    assert "nothing to race" in said(tab, "sweep-plan")
    tab["sweep-attention-sdpa"].click()  # the last one stays
    assert "•" in tab["sweep-attention-sdpa"].description
    tab["sweep-start"].click()
    assert "nothing to race" in tab["error"].value
    assert tab.session.state == "idle"


def test_a_model_in_this_process_is_said_to_stay_in_memory(tab: Driver) -> None:
    told = said(tab, "sweep-plan")
    assert "stays in memory" in told
    assert "makes room" not in told
    assert "B), beside" in told


def test_limits_are_read_as_they_are_typed(tab: Driver) -> None:
    tab["sweep-peak"].value = "8 parsecs"
    assert "no limit of peak_bytes" in tab["error"].value
    tab["sweep-peak"].value = "<= 1 GiB"
    tab["sweep-kld"].value = "0.05"
    tab["sweep-attention-eager"].click()
    tab["sweep-attention-eager"].click()
    tab.press("sweep-start")
    found = tab.session.last["sweep"]
    assert found.constraints == ("kld_mean < 0.0500", "peak_bytes <= 1.00\N{THIN SPACE}GiB")
    tab["sweep-peak"].value = tab["sweep-kld"].value = ""


def test_a_race_beside_the_model_shows_what_came_of_it_and_applies_the_best(tab: Driver) -> None:
    model = tab.session.model
    tab["sweep-budget"].value = 60
    tab["sweep-start"].click()
    until(lambda: bool(said(tab, "sweep-field")))
    assert tab["measure"].disabled
    assert not tab["stop"].disabled
    until(lambda: sum(len(trace.x or ()) for trace in tab["chart-sweep"].data[:-1]) == 2)
    tab["stop"].click()
    tab.idle()
    found = tab.session.last["sweep"]
    assert found.best is not None
    assert tab.session.model is model
    assert str(found.verdict) in html.unescape(tab["status"].value)
    assert str(found.verdict) in said(tab, "sweep-result")
    assert not tab["measure"].disabled
    tab.press("sweep-apply")
    assert tab.session.config == wb.Config(**found.best.config)
    drawn = [trace for trace in tab["chart-sweep"].data[:-1] if len(trace.x or ())]
    other = next(trace for trace in drawn if found.points[trace.customdata[0]].config != found.best.config)
    other._dispatch_on_click(Points(point_inds=[0], trace_index=0), InputDeviceState())
    wanted = found.points[other.customdata[0]].config["attention"]
    assert f"attention {found.best.config['attention']}→{wanted}" in html.unescape(tab["pending"].value)
    tab.press("discard")
    later = Driver(TuningPanel(tab.session, chart="sweep"), tab.session)  # knows what was found before
    assert str(found.verdict) in said(later, "sweep-result")


def test_an_attached_model_is_not_raced(tab: Driver) -> None:
    with wb.Session.attach(tab.session.model, tab.session.tokenizer) as attached:
        panel = Driver(TuningPanel(attached, chart="sweep"), attached)
        assert "attached model cannot be raced" in said(panel, "sweep-plan")
        assert panel["sweep-start"].disabled
        with pytest.raises(wb.CapabilityError, match="attached"):
            attached.lend(lambda _busy: None, "sweep", halt=lambda: None)


def test_what_is_offered_can_be_here(session: wb.Session) -> None:
    offered = sweep_space.offered(Situation(dict(session.config), session.machine, session.facts))
    assert {"attention", "dtype", "cache", "threads"} <= set(offered)
    assert all(len(values.able) > 1 for values in offered.values())
    assert set(offered["attention"].first) == {"eager", "sdpa"}  # flex compiles first
    assert "flash_attention_2" in str(list(offered["attention"].unable.values()))
    assert "flash_attention_2" not in offered["attention"].able
    assert not set(offered) & {name for name, knob in KNOBS.items() if knob.group == "generation"}


def test_combinations_that_cannot_be_are_counted_out_with_their_reason(session: wb.Session) -> None:
    space = {"sdpa_backend": ("auto", "math"), "attention": ("sdpa", "eager")}
    plan = sweep_space.planned(space, session.config, session.machine, wb.Workload(), session.facts)
    assert plan is not None
    assert (plan.points, plan.loads) == (3, 1)
    assert plan.merged == 1  # eager knows no kernel of sdpa
    assert any("another one" in each for each in sweep_space.told(plan))
    many = tuple(Message(code="sweep.nothing_left", params={"reasons": str(place)}) for place in range(6))
    removed = tuple(SweepRemoved(values={"device": str(each)}, why=each) for each in many)
    told = sweep_space.told(sweep_space.Plan(2, 1, removed=removed))
    assert sum("left out: device" in each for each in told) == 4
    assert told[-1] == "and 2 more are left out"
