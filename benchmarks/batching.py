"""Prompts of unequal length on the demo model: what each way of batching gives against padding."""

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload
from workbench.served import way_words

QUESTION = "eight prompts of 16 to 256 tokens that arrive at once: requests/s ÷ padded, padding, first tokens, tokens"
WORK = Workload(prompt_tokens=256, new_tokens=8, batch_size=8)


def run(budget_s: float) -> Outcome:
    """Interleaved rounds over one resident model."""
    rows: list[Row] = []
    with Session("demo", config=Config(dtype="float32")) as session:
        found = session.batching(WORK, budget_s=budget_s)
        left_out = []
        for way in found.ways:
            name = way_words(way.name)
            if way.why_not is not None:
                left_out.append(f"{name}: {way.why_not}")
                continue
            rows.append(Row(f"{name}: requests", way.mean["requests_per_s"], "1/s", way.ci95.get("requests_per_s")))
            if way.ratio:
                bounds = way.ratio_ci95.get("requests_per_s")
                rows.append(Row(f"{name}: requests/s ÷ padded", way.ratio["requests_per_s"], "×", bounds))
            rows += [
                Row(f"{name}: first token, p50", way.mean["ttft_p50_s"], "s", way.ci95.get("ttft_p50_s")),
                Row(f"{name}: first token, last", way.mean["ttft_max_s"], "s", way.ci95.get("ttft_max_s")),
                Row(f"{name}: padding", 100 * (way.shapes.padding if way.shapes else 0.0), "%"),
                Row(f"{name}: answers that part from the prompt alone", way.tokens.differing if way.tokens else -1, ""),
                Row(f"{name}: peak memory", (way.peak_bytes or 0) / 2**20, "MiB"),
            ]
        conditions = {
            "model": session.facts.name,
            "dtype": "float32",
            "prompts": ", ".join(map(str, found.lengths)),
            "new": WORK.new_tokens,
            "threads": session.resolved.threads,
            "rounds": found.ways[0].rounds,
            "not here": "; ".join(left_out) or "none",
            "cores busy elsewhere": round(found.cpu_busy_elsewhere or 0.0, 2),
        }
        samples = {way.name: [way.ratio["requests_per_s"]] for way in found.ways if way.ratio}
    return Outcome("batching", QUESTION, tuple(rows), conditions, samples)
