"""The questions that an experiment can ask by name: what each does, takes and answers.

Data alone: an answer is a number or a word with this meaning, whoever computes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One probe.

    does     in one line
    answers  quantity -> what it is; those with an interval are judged by it
    params   names of what it takes
    asks     the call of the workbench that has it already; "": a function of its own is needed
    loads    whether torch is needed: a model, or torch's own word
    """

    does: str
    answers: Mapping[str, str]
    params: tuple[str, ...] = ()
    asks: str = ""
    loads: bool = True


PROBES: dict[str, Question] = {
    # ---- facts, without a model
    "packages": Question(
        "the doctor's verdict on packages",
        {"found": "share of them that is installed", "usable": "share of them that can be used here"},
        ("names",),
        asks="doctor",
        loads=False,
    ),
    "driver": Question(
        "the CUDA version of the driver against that of torch",
        {
            "works_with_other_version": "whether torch uses the GPU although the two differ",
            "covers": "whether the driver's is not older",
        },
        asks="doctor",
    ),
    "architecture": Question(
        "what the catalogue knows of models, by arithmetic from their configuration",
        {
            "sparse_attention": "share of them with sparse attention",
            "context_tokens": "the shortest context among them",
            "parameters": "of the first",
            "flop_per_token": "of the first: 2 × active parameters",
            "bytes_per_parameter": "of the first, loaded in `dtype`",
        },
        ("slugs", "dtype"),
        loads=False,
    ),
    "fit": Question(
        "weights, cache and workspace on a catalogued GPU, by forecast; of bare `parameters` the weights alone",
        {"fits": "whether all of it fits"},
        ("slug", "gpu", "knobs", "work", "parameters"),
        asks="session.forecast",
        loads=False,
    ),
    # ---- exact ones on a model
    "census": Question(
        "bytes by number format and role",
        {
            "bytes_ratio": "bytes of the weights ÷ those in `against`",
            "full_share": "share of all weights that stayed in full",
            "experts_full_share": "share of the routed experts' weights that stayed in full",
            "norms_quantized": "norms, activations and embeddings in a quantised format",
        },
        ("knobs", "against"),
        asks="session.census",
    ),
    "modules": Question(
        "the modules of the model by their class",
        {"modules": "modules whose class has one of `classes` in its name"},
        ("classes",),
    ),
    "scales": Question(
        "calls that find the scales of 8 bits, in a pass after the first",
        {"scaled_at_use": "whether what `part` names (weights, activations) gets its scales at each call"},
        ("knobs", "part"),
    ),
    "attention_calls": Question(
        "calls of attention and their masks while generating, with the mask as asked against none given",
        {
            "masked_share": "share of calls that were given a mask",
            "same_tokens": "whether the answers are the same",
            "tpot_ratio": "time per token ÷ that with no mask given",
        },
        ("mask", "batch_size"),
    ),
    "forward_calls": Question(
        "forward calls of one generate, counted, with their shapes",
        {
            "calls_per_token": "forward calls ÷ new tokens of a row",
            "step_tokens": "positions that a decode step computes",
            "same_tokens": "whether the answers are those of plain greedy",
        },
        ("pad_token", "mask", "batch_size", "arguments"),
    ),
    "token_ids": Question(
        "pad, end and begin ids of tokenizer, config and generation_config side by side, each decoded",
        {
            "tokenizer_pad_unset": "whether the tokenizer has no pad token",
            "id_is_end": "whether `id` is an end token of the model",
            "samples": "whether generation_config samples by default",
        },
        ("id",),
        asks="session.tokens",
    ),
    "round_trip": Question(
        "texts through the tokenizer and back, as every load has them",
        {"round_trip": "whether decode(encode(text)) is the text, for the whole suite"},
        asks="session.tokens",
    ),
    "ends": Question(
        "the same prompts with the right end ids and with another id",
        {"stops_changed": "whether another share of answers ends by itself, or at another length"},
        ("id",),
    ),
    "padded_rows": Question(
        "rows of a left-padded batch against each alone, greedy",
        {"same_share": "share of rows with the same answer"},
        ("pad_token", "mask"),
        asks="session.tokens",
    ),
    "ties": Question(
        "sampling near temperature 0 over seeds, against greedy",
        {
            "same_share": "share of seeds whose answer is the greedy one",
            "tie_share": "share of positions where two tokens are likeliest",
        },
        ("temperature", "seeds", "knobs"),
    ),
    "edited_config": Question(
        "the same weights under a changed config, in a worker that is thrown away",
        {
            "loads": "whether the weights load without a complaint",
            "ppl_ratio": "perplexity ÷ that of the published config",
            "settable": "whether the model's class reads the setting at all",
        },
        ("changes", "fewer_heads"),
    ),
    "cache_tensors": Question(
        "bytes that a token takes in the KV cache, from the tensors' shapes",
        {"kept_ratio": "bytes per token ÷ those of expanded keys and values"},
    ),
    "compiled_by_itself": Question(
        "frames that torch compiled during one generate in which nobody asked for it",
        {"frames": "of them"},
        ("knobs", "disable_compile"),
    ),
    "event_loop": Question(
        "the longest gap of a ticker on the event loop while an answer is made",
        {"gap_share": "the longest gap ÷ the time of the answer"},
        ("threaded",),
    ),
    # ---- measured ones
    "domains": Question(
        "loss of a quantised model by kind of text",
        {"excess_se": "loss on `texts` above that on `others`, in standard errors"},
        ("knobs", "texts", "others"),
        asks="session.quality",
    ),
    "windows": Question(
        "a text read by windows against one pass",
        {"time_ratio": "windows ÷ one pass", "loss_ratio": "of the last window's mean loss"},
        ("text_tokens", "size", "overlap"),
        asks="session.windows",
    ),
    "stopping": Question(
        "answers ended by a criterion, or cut afterwards, against whole",
        {"time_ratio": "ended as `ended` says ÷ whole"},
        ("after", "ended"),
        asks="session.stopping",
    ),
    "crossover": Question(
        "CPU against GPU over prompt lengths",
        {"cpu_ahead_below": "prompt tokens up to which the CPU is ahead, time in all", "joules_ratio": "routed ÷ GPU"},
        asks="session.crossover",
    ),
    "latency": Question(
        "percentiles of steady load, first token and gaps apart",
        {
            "gaps_p99": "whether the gaps are the 100 or more that a p99 is told from",
            "disagree": "whether p90 of first token, gap and whole request fall on both sides of `threshold_s`",
        },
        ("threshold_s", "seconds"),
        asks="session.latency",
    ),
    "spread": Question(
        "percentiles of steady load with `knobs` and without, by turns",
        {"spread_ratio": "p90 ÷ p50 of the gaps, with `knobs` ÷ without"},
        ("knobs", "seconds"),
        asks="session.latency",
    ),
    "thread_scan": Question(
        "decode over thread counts, with the share of the processor in use",
        {
            "best_share": "best count ÷ physical cores",
            "rank_correlation": "of tokens/s with the processor's use",
        },
        asks="session.scan",
    ),
    "instruction_set": Question(
        "torch's CPU kernels at their best against held to an older instruction set, in fresh workers by turns",
        {"prefill_ratio": "best ÷ held, tokens/s", "decode_ratio": "best ÷ held, tokens/s"},
        ("held_to",),
    ),
    "prefix": Question(
        "first token from a kept cache against cold",
        {
            "ttft_ratio": "TTFT with the prefix kept ÷ cold",
            "ttft_share": "the same ÷ the share of tokens left",
            "same_tokens": "answers the same",
        },
        ("tokens",),
        asks="session.prefix",
    ),
    "sampling": Question(
        "two sampling settings: repeats, answers that end, loss",
        {
            "repeats": "change of the share of repeated 4-grams, second setting − first",
            "loss": "change of the answers' mean loss under the model",
            "ended": "change of the share of answers that end",
        },
        ("settings",),
        asks="session.decoding",
    ),
    "utilisation": Question(
        "the device's utilisation and the bandwidth in use while decoding",
        {"busy_share": "median utilisation as the device counts it", "bandwidth_share": "of the measured bandwidth"},
        ("batch_size",),
        asks="session.measure",
    ),
    "fragments": Question(
        "the allocator over requests of random lengths",
        {
            "inactive_share": "inactive split bytes ÷ reserved",
            "agree": "whether that and 1 − allocated ÷ reserved are the same",
        },
        ("batch_size", "allocators"),
        asks="session.memory_health",
    ),
    "memory_parts": Question(
        "the peak of one prefill, taken apart: weights by tensor, cache by formula, the rest",
        {"beside_weights_bytes": "the peak less the weights"},
        ("work",),
        asks="session.measure",
    ),
    "ballast": Question(
        "decode with most of the GPU's memory taken by ballast",
        {"tpot_ratio": "time per token ÷ that without ballast"},
        ("filled",),
    ),
    "emptied": Question(
        "the largest block that can be had of fragmented memory, before and after empty_cache",
        {"block_ratio": "after ÷ before"},
    ),
    "held_memory": Question(
        "a load under a memory limit below the checkpoint's size, with and without swap",
        {"time_ratio": "with swap ÷ without", "loads_only_with_swap": "whether it loads with swap only"},
    ),
    "beside": Question(
        "the same model and tokens in another engine, by turns",
        {"decode_ratio": "the other engine's decode ÷ torch's, both in float32 on as many threads"},
        ("engine", "compile"),
    ),
}
