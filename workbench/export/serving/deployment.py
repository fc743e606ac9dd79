"""One configuration on its way to one tool: what is known, what carries over, and what has to be said beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from workbench import __version__
from workbench.catalog.serving import TOOLS, Tool
from workbench.export.numbers import conditions, rows
from workbench.export.python import literal
from workbench.export.request import Request
from workbench.export.serving.fleet import Fleet
from workbench.export.serving.parallel import Parallel, propose
from workbench.export.serving.served import Served, check
from workbench.knobs import KNOBS
from workbench.knobs.formats import FORMATS, quantizes
from workbench.words import templates, text
from workbench.words.message import Message

# knobs that never need a line: which device and which side follow from serving itself
_SILENT = ("device", "threads", "cache_backend", "cache_bits")
_SAMPLING = ("temperature", "top_p", "top_k", "min_p")
_NEUTRAL: Mapping[str, Any] = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "stop_strings": ()}


@dataclass(frozen=True)
class Deployment:
    """`parallel` is that of one GPU where none is named."""

    target: str
    tool: Tool
    request: Request
    served: Served
    fleet: Fleet | None
    parallel: Parallel

    @classmethod
    def of(cls, target: str, request: Request) -> Self:
        """ModelError, CapabilityError, ConfigError where `target` cannot have it."""
        tool, served = TOOLS[target], Served.of(request)
        fleet = Fleet.of(request.on, request.gpus, request.nodes)
        check(target, tool, served, request.context, fleet.nodes if fleet else 1)
        parallel = Parallel(context=request.context)
        if fleet is not None:
            parallel = propose(tool, served, request.config, fleet, request.context)
        return cls(target, tool, request, served, fleet, parallel)

    @property
    def dtype(self) -> str:
        """Of the weights in full, as it was in force; "auto" where that is left to the files."""
        asked, resolved = str(self.request.config.dtype), self.request.resolved
        return resolved.dtype if asked == "auto" and resolved else asked

    @property
    def quantization(self) -> str:
        """What the tool is to make: its own word; "" for as the files are, and where it cannot."""
        asked = str(self.request.config.quantization)
        return "" if self.served.own is not None else self.tool.made.get(asked, "")

    @property
    def nearest(self) -> str:
        """The tool's word for 4 bits, where it makes another 4-bit format than the one that was asked for."""
        chosen = FORMATS.get(str(self.request.config.quantization))
        mine = chosen is not None and chosen.bits == 4 and self.served.own is None and not self.served.source.gguf_file
        return self.tool.nearest if mine and not self.quantization else ""

    @property
    def kv_cache(self) -> str:
        config = self.request.config
        return self.tool.kv_cache.get(str(config.cache_backend), "") if config.cache == "quantized" else ""

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """Those that were asked for; (): the model's own."""
        asked = self.request.config.eos_token_ids
        return () if asked == "auto" else tuple(asked)

    @property
    def sampling(self) -> dict[str, Any]:
        """knob -> value, of what picks the next token. Greedy is temperature 0 everywhere."""
        config = self.request.config
        names: tuple[str, ...] = ("repetition_penalty",)
        if not config.do_sample:
            found: dict[str, Any] = {"temperature": 0.0}
        else:
            found = {}
            names = (*_SAMPLING, *names)
        for name in names:
            if name in config and (config[name] != _NEUTRAL.get(name) or name in _SAMPLING):
                found[name] = config[name]
        return found

    @property
    def seed(self) -> int | None:
        """Where text is drawn, and the same seed may give the same text."""
        seed = self.request.config.get("seed", 0)
        return seed if self.request.config.do_sample and isinstance(seed, int) else None

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return tuple(self.request.config.get("stop_strings", ()))

    def remarks(self) -> list[str]:
        """What is said of a quantisation that the tool makes anew."""
        asked = str(self.request.config.quantization)
        if self.nearest:
            return [text("serving.four_bits", asked=asked, word=self.nearest)]
        return [text("serving.made_anew", word=self.quantization, asked=asked)] if self.quantization else []

    def body(self) -> dict[str, Any]:
        """Fields of a request that carry what the server's own options do not."""
        values = {**self.sampling, "stop_strings": self.stop_strings or None, "seed": self.seed}
        values["eos_token_ids"] = self.eos_token_ids or None
        known = self.tool.request
        found = {known[name]: value for name, value in values.items() if name in known and value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    def header(self, *further: str | Message) -> list[str]:
        """What stands above the command: what it is, what carries over, what does not and why, and the numbers."""
        config, served = self.request.config, self.served
        changed = [f"{name}={literal(value)}" for name, value in config.items() if value != KNOBS[name].default]
        revision = f", revision {literal(served.source.revision)}" if served.source.revision else ""
        lines = [
            text("serving.written", version=__version__, tool=self.tool.name, checked=self.tool.version),
            text("serving.names_from", source=self.tool.source),
            "",
            f"model   {literal(self.request.model)}{revision}",
            f"config  {', '.join(changed) or text('serving.defaults')}",
        ]
        if self.fleet is not None:
            lines += [f"GPUs    {self.fleet}", *(f"        {line}" for line in self.parallel.lines)]
        else:
            lines.append(text("serving.no_gpus"))
        lines += [str(line) for line in further]
        if left := ([] if self.target == "triton" else self.left()):  # there transformers itself runs
            lines += ["", text("serving.left", tool=self.tool.name), *(f"  {line}" for line in left)]
        return [*lines, *self._numbers()]

    def left(self) -> list[str]:
        """A line for each knob that was changed and has no counterpart, with the reason."""
        config = self.request.config
        found = []
        for name, value in config.items():
            if value == KNOBS[name].default or name in _SILENT or not config.matters(name) or self._carries(name):
                continue
            found.append(f"{name}={literal(value)}: {self._reason(name)}")
        if self.served.own is not None and self.served.own.word not in self.tool.from_files and self.tool.models:
            found.append(
                text("serving.left_files", files=self.served.own.told, tool=self.tool.name, checked=self.tool.version)
            )
        return found

    def _carries(self, name: str) -> bool:
        value = self.request.config[name]
        match name:
            case "dtype":
                return value in self.tool.dtypes and not self._beside
            case "quantization":
                own = self.served.own
                same = own is not None and own.word == value
                return not quantizes(str(value)) or bool(self.quantization or self.nearest) or same
            case "cache":
                return value == "dynamic" or bool(self.kv_cache)
            case "do_sample":
                return "temperature" in self.tool.request or "temperature" in self.tool.options
            case "eos_token_ids":
                return "stop_token_ids" in self.tool.request.values() or self.target in ("llama.cpp", "ollama")
        return name in self.tool.request or name in self.tool.options

    @property
    def _beside(self) -> bool:
        """Whether the launcher refuses a dtype because it is to quantise."""
        return self.target == "tgi" and bool(self.quantization)

    def _reason(self, name: str) -> str:
        code = "serving.left.dtype_beside" if name == "dtype" and self._beside else f"serving.left.{name}"
        known = {"tool": self.tool.name, "words": ", ".join(self.tool.made) or "-"}
        return text(code if code in templates() else "serving.left.other", **known)

    def _numbers(self) -> list[str]:
        measurement = self.request.measurement
        if measurement is None:
            return []
        where = f" ({self.request.machine.label})" if self.request.machine else ""
        table = [f"    {label:<22} {value}   {bounds}".rstrip() for label, value, bounds in rows(measurement)]
        return [
            "",
            text("serving.measured", where=where),
            *table,
            f"    {conditions(measurement, self.request.workload)}",
        ]
