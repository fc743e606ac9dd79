"""What the studies of decoding take on the demo, and what a stop at a sentence end saves there."""

from benchmarks.record import Outcome, Row
from workbench import Session

QUESTION = "session.decoding, stopping and windows on the demo: seconds; time of an answer ended at a sentence ÷ whole"
LIMIT_S = 60.0


def run(_budget_s: float) -> Outcome:
    """Each once, with its defaults: their own repeats are inside them."""
    with Session("demo") as session:
        effects = session.decoding()
        stopped = session.stopping()
        read = session.windows()
        conditions: dict[str, object] = {
            "model": session.facts.name,
            "dtype": session.resolved.dtype,
            "threads": f"{session.resolved.threads}; effects: {session.machine.cpu.cores}",
            "effects": f"{len(effects.settings)} settings, {effects.prompts} prompts, {effects.seeds} seeds",
            "new tokens": f"{effects.max_new_tokens} at most",
            "stop after": f"{stopped.after} of {stopped.max_new_tokens} tokens, {len(stopped.answers)} prompts",
            "windows": f"{read.size} tokens, overlap {read.overlap}, text of {read.tokens}",
        }
    rows = [
        Row("effects of the default settings", effects.seconds, "s", limit=LIMIT_S),
        Row("exact ties of the two largest logits", 100 * effects.ties / effects.positions, "%"),
        Row("stop at a sentence ÷ whole answer", stopped.stop_ratio, "×", bounds=stopped.stop_ratio_ci95),
        Row("cut afterwards ÷ whole answer", stopped.cut_ratio, "×", bounds=stopped.cut_ratio_ci95),
        Row("tokens that were not computed", 100 * stopped.tokens_saved, "%"),
        Row("the study of stopping", stopped.seconds, "s"),
    ]
    if read.time_ratio is not None and read.last_difference is not None:
        rows += [
            Row("windows ÷ one pass, time", read.time_ratio, "×", bounds=read.time_ratio_ci95),
            Row("loss of the last window − one pass", read.last_difference, "nats", bounds=read.last_difference_ci95),
        ]
    samples = {
        "whole_s": [each.whole_s for each in stopped.answers],
        "stopped_s": [each.stopped_s for each in stopped.answers],
    }
    return Outcome("choices", QUESTION, tuple(rows), conditions, samples)
