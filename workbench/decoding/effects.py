"""What decoding settings do to answers: repetition, variety, length, endings, and whether a seed repeats them."""

import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from workbench.bench import Bench
from workbench.checks import at_least_one, refuse_impossible
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS, Cost
from workbench.knobs.generation import PLAIN, SAMPLING
from workbench.probes.quality.answers import distinct, parts_at, repeated_4grams
from workbench.results import (
    DecodedAnswer,
    DecodedRuns,
    DecodedSetting,
    DecodingEffects,
    Effect,
    Interval,
    SettingEffects,
)
from workbench.results.decoding import METRICS
from workbench.stats import FEWEST_CLUSTERS, clustered, wilson
from workbench.suites import DECODING_VERSION, decoding_prompts
from workbench.words import Message, say

SEEDS = 3
NEW_TOKENS = 32
# greedy; what DeepSeek advises for R1 (its README); two cures of repetition
DEFAULT: tuple[Mapping[str, Any], ...] = (
    PLAIN,
    {**PLAIN, "do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 0, "min_p": 0.0},
    {**PLAIN, "repetition_penalty": 1.1},
    {**PLAIN, "no_repeat_ngram_size": 3},
)


def decoding(
    bench: Bench,
    job: int,
    changes: Sequence[Mapping[str, Any]] | None = None,
    *,
    prompts: Sequence[Any] | None = None,
    seeds: int = SEEDS,
    max_new_tokens: int = NEW_TOKENS,
) -> DecodingEffects:
    """Every setting on the same prompts, each against the first by prompts. Kept in the store.

    ConfigError for a setting that is none, or one that needs a reload; CapabilityError for one that cannot be here.
    """
    began = time.monotonic()
    asked = [dict(each) for each in (DEFAULT if changes is None else changes)]
    processors = [bench.processors(each.pop("logits_processors", ())) for each in asked]
    configs = _configs(bench, asked)
    texts = [prompt.content for prompt in decoding_prompts()] if prompts is None else list(prompts)
    if not texts or not all(texts):
        raise ConfigError("session.no_prompts", given=repr(prompts)[:80])
    parameters = {
        "probe": "decoding",
        "prompts": texts,
        "configs": [config.to_dict() for config in configs],
        "changes": [shown(config, each) for config, each in zip(configs, asked, strict=True)],
        "processors": processors,
        "seeds": at_least_one("seeds", seeds),
        "max_new_tokens": at_least_one("max_new_tokens", max_new_tokens),
        "threads": bench.machine.cpu.cores,
    }
    data = bench.call(job, "probe", parameters)
    version = DECODING_VERSION if prompts is None else "own"
    ran = DecodedRuns.from_dict(data["result"])
    found = summed_up(ran, len(texts), version, seeds, max_new_tokens, time.monotonic() - began)
    found = found.model_copy(update={"flags": (*found.flags, *bench.facts.notes)})
    return bench.deliver(job, "decoding", found, config=bench.config, resolved=data["resolved"])


def _configs(bench: Bench, asked: Sequence[Mapping[str, Any]]) -> list[Config]:
    if not asked:
        raise ConfigError("decoding.no_settings")
    found = []
    for changes in asked:
        config = bench.config.replace(**changes)
        if bench.config.cost_to(config) is not Cost.LIVE:
            names = ", ".join(name for name in bench.config.diff(config) if KNOBS[name].cost is not Cost.LIVE)
            raise ConfigError("decoding.not_live", knobs=names)
        refuse_impossible(config, bench.machine, bench.facts)
        found.append(config)
    return found


def shown(config: Config, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that name a setting: no defaults but the temperature, nothing of the draw where none is made."""
    named = {name: config[name] for name in changes if config[name] != KNOBS[name].default or name == "temperature"}
    return {name: value for name, value in named.items() if config.do_sample or name not in SAMPLING}


def summed_up(
    ran: DecodedRuns, prompts: int, version: str, seeds: int, max_new_tokens: int, seconds: float
) -> DecodingEffects:
    """Means with intervals; the sampling unit is the prompt, whatever the number of its draws."""
    first = _by_prompt(ran.settings[0])
    settings = tuple(_effects(setting, first if index else None, prompts) for index, setting in enumerate(ran.settings))
    compared = sum(effect.difference is not None for each in settings for effect in each.metrics.values())
    flags = (
        [say("decoding.chance", count=compared, by_chance=compared / 20)]
        if compared >= 10 and prompts >= FEWEST_CLUSTERS
        else []
    )
    if ran.ties:
        flags.append(say("decoding.ties", ties=ran.ties, positions=ran.positions, dtype=ran.dtype))
    return DecodingEffects(
        prompts=prompts,
        prompt_set=version,
        seeds=seeds,
        max_new_tokens=max_new_tokens,
        settings=settings,
        ties=ran.ties,
        positions=ran.positions,
        dtype=ran.dtype,
        sentence=_sentence(settings),
        seconds=seconds,
        flags=tuple(flags),
    )


def _values(answer: DecodedAnswer) -> dict[str, float | None]:
    body = answer.tokens[:-1] if answer.finish == "eos" else answer.tokens
    return {
        "repeat_4gram": repeated_4grams(body) if len(body) > 3 else None,
        "distinct_1": distinct(body, 1),
        "distinct_2": distinct(body, 2),
        "ended": float(answer.finish == "eos"),
        "tokens": float(len(answer.tokens)),
        "nll": answer.nll,
    }


def _by_prompt(setting: DecodedSetting) -> dict[str, dict[int, float]]:
    """Metric -> prompt -> mean over its draws; prompts without a value are left out."""
    found: dict[str, dict[int, list[float]]] = {metric: {} for metric in METRICS}
    for answer in setting.answers:
        for metric, value in _values(answer).items():
            if value is not None:
                found[metric].setdefault(answer.prompt, []).append(value)
    return {metric: {prompt: fmean(each) for prompt, each in means.items()} for metric, means in found.items()}


def _effects(setting: DecodedSetting, first: dict[str, dict[int, float]] | None, prompts: int) -> SettingEffects:
    metrics: dict[str, Effect] = {}
    judged: dict[str, Effect] = {}
    for metric, means in _by_prompt(setting).items():
        if not means:
            continue
        values = list(means.values())
        effect = Effect(value=fmean(values), ci95=_interval(values, share=METRICS[metric]))
        paired = [value - first[metric][at] for at, value in means.items() if at in first[metric]] if first else []
        if paired:
            effect = effect.model_copy(update={"difference": fmean(paired), "difference_ci95": clustered(paired)})
        if len(paired) >= FEWEST_CLUSTERS:
            judged[metric] = effect
        metrics[metric] = effect
    same, part_at = _over_draws(setting, prompts)
    reasons = [answer.finish for answer in setting.answers]
    return SettingEffects(
        changes=setting.changes,
        sampled=setting.sampled,
        answers=len(setting.answers),
        metrics=metrics,
        repeated=setting.repeated,
        repeat_tokens=setting.repeat_tokens,
        same_over_seeds=same,
        part_at=part_at,
        finishes={reason: reasons.count(reason) / len(reasons) for reason in dict.fromkeys(reasons)},
        verdicts=_verdicts(judged, prompts) if first else (),
        notes=setting.notes,
    )


def _interval(values: Sequence[float], *, share: bool) -> Interval:
    """A bootstrap of equal values has no width: a share that is the same everywhere is one of simple trials."""
    if share and len(set(values)) == 1 and values[0] in (0.0, 1.0):
        return wilson(sum(values), len(values))
    return clustered(values, 0.0, 1.0) if share else clustered(values, 0.0)


def _over_draws(setting: DecodedSetting, prompts: int) -> tuple[float | None, float | None]:
    """(share of pairs of draws for one prompt with the same tokens, token at which the others part, on average)."""
    parts = [
        parts_at(one.tokens, other.tokens)
        for prompt in range(prompts)
        for one, other in combinations([answer for answer in setting.answers if answer.prompt == prompt], 2)
    ]
    apart = [at + 1 for at in parts if at is not None]
    if not parts:
        return None, None
    return 1 - len(apart) / len(parts), fmean(apart) if apart else None


def _verdicts(metrics: Mapping[str, Effect], prompts: int) -> tuple[Message, ...]:
    """Of the metrics that enough prompts speak of."""
    if not metrics:
        return (say("decoding.too_few_prompts", prompts=prompts, enough=FEWEST_CLUSTERS),)
    said = []
    for metric, effect in metrics.items():
        if effect.difference is None or effect.difference_ci95 is None:
            continue
        low, high = effect.difference_ci95
        if low > 0 or high < 0:
            code = "decoding.differs_share" if METRICS[metric] else "decoding.differs_number"
            said.append(say(code, metric=metric, change=effect.difference, low=low, high=high))
    return tuple(said) or (say("decoding.no_difference"),)


def _sentence(settings: Sequence[SettingEffects]) -> Message:
    differ = sum(any(verdict.code.startswith("decoding.differs") for verdict in each.verdicts) for each in settings[1:])
    return say("decoding.sentence", differ=differ, others=len(settings) - 1)
