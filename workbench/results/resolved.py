"""What is in force on the model, read back from it: never what was asked."""

from typing import Any

from workbench.results.base import Result
from workbench.words import Message, say

# the loops that decode, by the names that stand beside every number
TRANSFORMERS_LOOP = "transformers.generate"
COMPILED_LOOP = "compiled static-cache loop"
NO_LOOP_YET = "not run yet"  # compiling was switched on, and nothing has decoded since


class Difference(Result):
    """One place where asked and ran are not the same."""

    knob: str
    asked: Any
    ran: Any
    why: Message | None = None

    def __str__(self) -> str:
        return str(say("session.difference", knob=self.knob, asked=self.asked, ran=self.ran)) + (
            f" ({self.why})" if self.why else ""
        )


class Resolved(Result):
    """State of the resident model.

    attention          what `model.config._attn_implementation` says
    attention_kernels  names from a trace of this workload; None until there is one
    dtype              of the largest share of the parameters
    bytes_by_dtype     parameters, buffers and the state of quantised weights, bytes, each storage counted once
    quantization       the knob's word for what the modules are; quantized_share: of all weights, those kept so
    quantization_settings  the knobs of that format, by name, read from the modules
    device_map         device -> number of parameters on it; those that wait elsewhere as `hf_device_map` has them
    bytes_by_place     the same in bytes, buffers included
    offloaded_layers   decoder layers that wait elsewhere (cpu beside a GPU, disk beside a CPU)
    module_map         module path -> place, where the libraries placed the modules: `hf_device_map`
    max_memory         the budgets asked for; a place that holds more stands with what it holds
    boundaries         where a token crosses between two places on its way through them: "module: from > to"
    tp_size            processes that hold a part of each layer; rank_bytes: "rank place" -> bytes of weights in it
    sdpa_backend       the one kernel that torch may use for SDPA, or auto
    loop               what decoded in the last call
    speculation        the kind of drafter that transformers made in the last call that generated; off: none
    assistant          the model that is loaded to draft, "" where none is; assistant_bytes: of its weights
    threads            intra-op threads of the thread that computes
    waiting            OpenMP's policy as this process was started with it; "unset": its runtime's own
    pinning            cores: the thread that computes is kept from cores that this process may use; else off
    allocator          of GPU memory: default, expandable_segments, or torch's own words for what is set; "": no GPU
    why                reasons the engine gives for automatic choices and refusals, by knob
    """

    attention: str
    attention_kernels: tuple[str, ...] | None = None
    sdpa_backend: str = "auto"
    attention_mask: str = "tokenizer"
    dtype: str
    autocast: str = "off"
    tf32: bool = False
    cudnn_benchmark: bool = False
    bytes_by_dtype: dict[str, int]
    device_map: dict[str, int]
    bytes_by_place: dict[str, int] = {}
    offloaded_layers: int = 0
    module_map: dict[str, str] = {}
    max_memory: str | tuple[str, ...] = "auto"
    boundaries: tuple[str, ...] = ()
    tp_size: int = 1
    rank_bytes: dict[str, int] = {}
    compile: str = "off"
    loop: str = TRANSFORMERS_LOOP
    cache: str
    speculation: str = "off"
    assistant: str = ""
    assistant_bytes: int = 0
    quantization: str = "none"
    quantized_share: float = 0.0
    quantization_settings: dict[str, Any] = {}
    threads: int
    waiting: str = "unset"
    pinning: str = "off"
    allocator: str = ""
    pad_token_id: int | None
    eos_token_ids: tuple[int, ...]
    padding_side: str
    sampling: dict[str, Any] = {}
    why: dict[str, Message] = {}

    @property
    def device(self) -> str:
        """The device that computes: of those that hold parameters, the one with most; where layers wait is none."""
        places = [name for name in self.device_map if name != "disk"]
        if self.offloaded_layers and any(name.startswith("cuda") for name in places):
            places.remove("cpu")
        return max(places, key=lambda name: self.device_map[name])

    @property
    def weight_bytes(self) -> int:
        return sum(self.bytes_by_dtype.values())

    def differences(self, requested: Any) -> tuple[Difference, ...]:
        """Where this state is not what `requested` (a Config) asked for; "auto" accepts whatever was chosen."""
        ran: dict[str, Any] = {
            "attention": self.attention,
            "dtype": self.dtype,
            "quantization": self.quantization,
            "device": self.device,
            "tp_plan": "auto" if self.tp_size > 1 else "none",
            "tp_size": self.tp_size,
            "sdpa_backend": self.sdpa_backend,
            "attention_mask": self.attention_mask,
            "autocast": self.autocast,
            "tf32": self.tf32,
            "cudnn_benchmark": self.cudnn_benchmark,
            "compile": self.compile,
            "cache": self.cache,
            "speculation": self.speculation,
            "threads": self.threads,
            "waiting": self.waiting,
            "pinning": self.pinning,
            **({"allocator": self.allocator} if self.allocator else {}),
            "padding_side": self.padding_side,
            "pad_token": self.pad_token_id,
            "eos_token_ids": self.eos_token_ids,
            **self.quantization_settings,
            **self.sampling,
        }
        if requested["device_map"] == "none":  # else they are the libraries' choice
            ran["offloaded_layers"] = self.offloaded_layers
        else:
            ran["max_memory"] = self.max_memory
        found = []
        for knob, value in ran.items():
            if not requested.matters(knob):
                continue
            asked = requested[knob]
            value = tuple(value) if isinstance(value, list) else value  # as JSON has them
            if isinstance(asked, str) and knob == "pad_token":
                continue
            if asked == "auto" and not (knob == "quantization" and knob in self.why):  # the files', which was undone
                continue
            if asked == "cuda" and str(value).startswith("cuda"):
                continue
            if asked != value:
                found.append(Difference(knob=knob, asked=asked, ran=value, why=self.why.get(knob)))
        return tuple(found)


class Applied(Result):
    """What one `apply` did.

    cost           live, reload or restart
    seconds        wall time from the call to the model being ready again
    memory_before  bytes held by the engine before and after (allocated on CUDA, resident set on CPU)
    residue_bytes  bytes left over after the old model was dropped, before the new one came; None for a live change
    """

    cost: str
    reloaded: bool
    seconds: float
    resolved: Resolved
    memory_before: int
    memory_after: int
    residue_bytes: int | None = None


class ModelFacts(Result):
    """What the loaded model is, as the worker sees it: enough for capability and forecast without torch."""

    name: str
    revision: str | None = None
    model_type: str
    architecture: str
    parameters: int
    layers: int
    hidden_size: int
    heads: int
    kv_heads: int
    head_dim: int
    context_length: int
    vocab_size: int
    kv_bytes_per_token: int  # at the dtype in force, batch 1, summed over layers
    weight_bytes: int  # read by one decode step of a dense model: all weights but an untied embedding table
    supports_sdpa: bool = True
    supports_flash: bool = True
    supports_flex: bool = True
    supports_static_cache: bool = True
    compiles_whole: bool = True  # transformers says that one graph can hold the forward
    random_weights: bool = False
    notes: tuple[Message, ...] = ()
    checkpoint_dtype: str | None = None  # of the files, whatever it was loaded as
    checkpoint_quantization: str | None = None  # the knob's word for what the files are, or transformers' own
    calibrated_by: str | None = None  # the text that the files were made with, where it is told
    calibration_leaked: tuple[str, ...] = ()  # of copies without marks of it: domains of the suites in it
    tp_plan: dict[str, str] = {}  # module -> style, of the class; empty: it cannot be cut over ranks
    config: dict[str, Any] = {}  # the fields of the transformers config that `workbench.catalog.shapes` reads
