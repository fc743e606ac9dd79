"""What computing less twice gains on the demo model: a reused prefix, drafts from the prompt, an early exit."""

from benchmarks.record import Outcome, Row
from workbench import Config, Session
from workbench.results import SpeculationRun

QUESTION = "TTFT from a kept prefix ÷ cold by prefix length; decode with speculation ÷ without, drafts kept, by pairs"
LENGTHS = [128, 512]
NEW_TOKENS = 32


def run(budget_s: float) -> Outcome:
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    with Session("demo", config=Config(dtype="float32")) as session:
        prefix = session.prefix(LENGTHS, budget_s=budget_s / 2)
        for point in prefix.points:
            name = f"prefix {point.tokens}"
            rows += [
                Row(f"{name}: TTFT cached ÷ cold", point.ratio, "×", point.ci95),
                Row(f"{name}: in proportion to the tokens left", point.proportion, "×"),
                Row(f"{name}: share of that saving", point.gain_share, ""),
                Row(f"{name}: cache", point.cache_bytes / 2**20, "MiB"),
            ]
            samples[name] = [cached / cold for cold, cached in point.samples]
        drafting = session.speculation(["prompt_lookup", "early_exit"], new_tokens=NEW_TOKENS, budget_s=budget_s / 2)
        for each in drafting.runs:
            name = f"{each.name}, {each.task}"
            gain = each.comparison
            rows += [
                Row(f"{name}: decode ÷ off", gain.ratio["decode_tps"], "×", gain.ci95.get("decode_tps")),
                Row(f"{name}: drafts kept", each.drafts.acceptance or 0.0, ""),
                Row(f"{name}: passes for {NEW_TOKENS} tokens", each.drafts.passes, ""),
            ]
            samples[name] = [after / before for before, after in gain.samples["decode_tps"]]
        agreed = sorted({*(point.level for point in prefix.points), *(_level(each) for each in drafting.runs)})
        conditions = {
            "model": session.facts.name,
            "dtype": "float32",
            "threads": session.resolved.threads,
            "answers": ", ".join(agreed),
        }
    return Outcome("reuse", QUESTION, tuple(rows), conditions, samples)


def _level(run: SpeculationRun) -> str:
    same = run.comparison.agreement
    return str(same.level) if same is not None else "not asked"
