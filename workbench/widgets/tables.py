"""Results as small tables for a notebook: plain HTML that stays in a saved file, and plain text elsewhere.

`show(result)` for one result; `show({"eager": first, "sdpa": second})` puts results of one kind side by side.
`tell(sentence, …)` for the sentences beside them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from IPython.display import display

from workbench.advice.told import quick, tried
from workbench.advice.told import told as advised
from workbench.endpoint.told import told
from workbench.results import Applied, Completion, Endpoint, Forecast, Measurement, ModelFacts, Resolved
from workbench.results.advice import Advice, Cure, Finding, QuickCheck
from workbench.widgets.decoding_tables import CHOSEN
from workbench.widgets.pasted_tables import READ
from workbench.widgets.proof_tables import PROOFS
from workbench.widgets.quality_tables import JUDGED
from workbench.widgets.reuse_tables import REUSED
from workbench.widgets.table import Row, Table
from workbench.widgets.tip_tables import TIPS
from workbench.words import text
from workbench.words.format import count, measured, quantity, seconds, share, size


def show(results: Any) -> Table:
    """The table of a result, of a mapping of name to results of one kind, or of a list of completions.

    TypeError for what has no table.
    """
    if isinstance(results, Mapping):
        columns = {str(name): dict(_rows(result)) for name, result in results.items()}
        labels = list(dict.fromkeys(label for column in columns.values() for label in column))
        return Table(
            tuple(columns), tuple((label, *(column.get(label, "") for column in columns.values())) for label in labels)
        )
    if isinstance(results, Sequence) and results and all(isinstance(each, Completion) for each in results):
        return _completions(results)
    if isinstance(results, Sequence) and results and all(isinstance(each, Finding) for each in results):
        return Table(*advised(results))
    if isinstance(results, Advice):
        return Table(*advised(results))
    if isinstance(results, Cure):
        return Table(*tried(results))
    if isinstance(results, QuickCheck):
        return Table(*quick(results))
    if isinstance(results, Endpoint):
        return Table(*told(results))
    for kind, table in {**CHOSEN, **JUDGED, **PROOFS, **READ, **REUSED, **TIPS}.items():
        if isinstance(results, kind):
            return table(results)
    return Table(("",), tuple(_rows(results)))


def tell(*sentences: object) -> None:
    """Shows sentences at once, a line each: as text that breaks between words, where `print` breaks within them."""
    display(Table((), (), tuple(map(str, sentences))))


def _rows(result: Any) -> list[Row]:
    for kind, rows in _KINDS.items():
        if isinstance(result, kind):
            return rows(result)
    raise TypeError(text("tables.none", kind=type(result).__name__))


def _measurement(result: Measurement) -> list[Row]:
    ci95 = result.ci95
    return [
        (text("tables.prefill"), measured(result.prefill_tps, ci95.get("prefill_tps"), "tok/s")),
        (text("tables.decode"), measured(result.decode_tps, ci95.get("decode_tps"), "tok/s")),
        (text("tables.ttft"), seconds(result.ttft_s)),
        (text("tables.tpot"), seconds(result.tpot_s)),
        (text("tables.limit_share"), share(result.decode_limit_share)),
        (text("tables.prefill_limit_share"), share(result.prefill_limit_share)),
        (text("tables.peak"), size(result.peak_bytes)),
        (text("tables.first_call"), seconds(result.warm_up.first_call_s)),
        (text("tables.own_share"), share(result.own_share)),
        (text("tables.repeats"), text("tables.repeats_value", repeats=result.repeats, stopped_by=result.stopped_by)),
        (text("tables.in_force"), _in_force(result.resolved)),
        *((text("tables.remark"), "; ".join(str(flag) for flag in flags)) for flags in [result.flags] if flags),
    ]


def _in_force(resolved: Resolved) -> str:
    return text(
        "tables.in_force_value",
        attention=resolved.attention,
        dtype=resolved.dtype,
        threads=resolved.threads,
        cache=resolved.cache,
    )


def _resolved(result: Resolved) -> list[Row]:
    return [
        (text("tables.in_force"), _in_force(result)),
        (text("tables.weights"), size(result.weight_bytes)),
        *((text("tables.bytes_of", dtype=dtype), size(held)) for dtype, held in result.bytes_by_dtype.items()),
    ]


def _forecast(result: Forecast) -> list[Row]:
    fits = {True: "tables.yes", False: "tables.no", None: "tables.unknown"}[result.fits]
    return [
        (text("tables.weights"), size(result.weights)),
        (text("tables.kv_cache"), size(result.kv_cache)),
        (text("tables.workspace"), size(result.workspace)),
        (text("tables.available"), size(result.available)),
        (text("tables.fits"), text(fits)),
        (text("tables.decode_limit"), quantity(result.decode_limit_tps, "tok/s")),
        *((text("tables.estimated"), "; ".join(map(str, notes))) for notes in [result.estimated] if notes),
    ]


def _applied(result: Applied) -> list[Row]:
    residue = result.residue_bytes  # None: nothing was dropped
    return [
        (text("tables.cost"), result.cost),
        (text("tables.seconds"), seconds(result.seconds)),
        (
            text("tables.memory"),
            text("tables.memory_value", before=size(result.memory_before), after=size(result.memory_after)),
        ),
        *([] if residue is None else [(text("tables.residue"), size(residue))]),
        *_resolved(result.resolved),
    ]


def _facts(result: ModelFacts) -> list[Row]:
    return [
        (text("tables.model"), result.name),
        (text("tables.architecture"), result.architecture),
        (text("tables.parameters"), count(result.parameters)),
        (text("tables.layers"), text("tables.layers_value", layers=result.layers, hidden=result.hidden_size)),
        (text("tables.heads"), text("tables.heads_value", heads=result.heads, kv_heads=result.kv_heads)),
        (text("tables.context"), count(result.context_length)),
        (text("tables.vocabulary"), count(result.vocab_size)),
        (text("tables.kv_per_token"), size(result.kv_bytes_per_token)),
        (text("tables.read_per_step"), size(result.weight_bytes)),
        *((text("tables.note"), str(note)) for note in result.notes),
    ]


def _completion(result: Completion) -> list[Row]:
    return [
        (text("tables.text"), result.text),
        (text("tables.tokens"), str(len(result.token_ids))),
        (text("tables.ended"), result.finish_reason),
        (text("tables.ttft"), seconds(result.ttft_s)),
        (text("tables.decode"), quantity(result.decode_tps, "tok/s")),
        *([] if result.seed is None else [(text("tables.seed"), str(result.seed))]),
        *((text("tables.note"), str(note)) for note in result.notes),
    ]


def _completions(results: Sequence[Completion]) -> Table:
    heading = tuple(text(f"tables.{name}") for name in ("text", "tokens", "ended"))
    rows = tuple(
        (f"{text('tables.row')} {index}", each.text, str(len(each.token_ids)), each.finish_reason)
        for index, each in enumerate(results)
    )
    return Table(heading, rows)


_KINDS: dict[type, Callable[[Any], list[Row]]] = {
    Measurement: _measurement,
    Resolved: _resolved,
    Forecast: _forecast,
    Applied: _applied,
    ModelFacts: _facts,
    Completion: _completion,
}
