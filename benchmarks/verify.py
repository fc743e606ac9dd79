"""Whether exported code keeps the session's tokens and speed: interleaved pairs of the session and a clean process."""

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload

QUESTION = "snippet.verify() on the demo model: the exported file in a process without the workbench, and its session"
WORK = Workload(prompt_tokens=64, new_tokens=16)
APART = 3.0  # %: the promise
_CONFIGS = {
    "float32": {"dtype": "float32"},
    "bfloat16": {"dtype": "bfloat16"},
    "bnb-nf4": {"dtype": "float32", "quantization": "bnb-nf4"},
}


def run(budget_s: float) -> Outcome:
    """Each configuration by one verification; pairs to ±1 % of decode and prefill, or the budget's share.

    Each in a session of its own, whose process has loaded nothing else, as the snippet's has not.
    """
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    conditions: dict[str, object] = {}
    for name, knobs in _CONFIGS.items():
        with Session("demo", config=Config(**knobs)) as session:
            found = session.export().verify(workload=WORK, precision=0.01, budget_s=budget_s / len(_CONFIGS))
            if found.problem is not None or found.speed_ratio is None:
                raise RuntimeError(f"{name}: {found.problem}\n{found.detail}")
            differing = [each for each in found.answers if each.parts_at is not None]
            apart = 100 * max(abs(bound - 1) for bound in found.ci95["decode_tps"])  # as far as the interval reaches
            rows += [
                Row(f"greedy tokens compared, {name}", sum(each.tokens for each in found.answers), ""),
                Row(f"batches whose tokens part, {name}", len(differing), "", limit=1),
                Row(f"decode, snippet ÷ session, {name}", found.speed_ratio, "×", found.ci95["decode_tps"]),
                Row(f"decode apart by at most, {name}", apart, "%", limit=APART),
                Row(f"noise floor of decode, {name}", found.noise_floor.get("decode_tps", float("nan")), "×"),
            ]
            samples |= {
                f"{name} decode_tps {side}": [pair[at] for pair in found.samples["decode_tps"]]
                for at, side in enumerate(("session", "snippet"))
            }
            conditions |= {
                f"pairs, {name}": f"{found.pairs} judged, {found.set_aside} set aside, ended by {found.stopped_by}",
                f"loading the snippet, {name}": f"{found.load_seconds or 0:.1f} s",
                f"flags, {name}": "; ".join(map(str, found.flags)) or "none",
            }
            conditions |= {"model": session.facts.name, "threads": session.resolved.threads}
    conditions |= {"prompt": WORK.prompt_tokens, "new tokens of a run": WORK.new_tokens}
    return Outcome("verify", QUESTION, tuple(rows), conditions, samples)
