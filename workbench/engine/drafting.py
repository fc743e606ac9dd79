"""Speculation on the resident model: the assistant beside it, and what transformers' own drafter really did."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from workbench.catalog.sources import Source, find, weights_in
from workbench.config import Config
from workbench.engine import memory
from workbench.engine.live import set_attention
from workbench.engine.loading import Checkpoint
from workbench.errors import CapabilityError, ModelError
from workbench.knobs.generation import drafter_settings
from workbench.knobs.speculation import NO_ASSISTANT
from workbench.probes.context import Context
from workbench.results import Drafts
from workbench.words import say
from workbench.words.format import seconds as duration
from workbench.words.format import size

# transformers' drafters -> the knob's word for them
_DRAFTERS = {
    "PromptLookupCandidateGenerator": "prompt_lookup",
    "EarlyExitCandidateGenerator": "early_exit",
    "AssistedCandidateGenerator": "assistant",
    "AssistedCandidateGeneratorDifferentTokenizers": "assistant",
}


class Assistant:
    """The smaller model that drafts: loaded when it is first needed, kept until another is named or the model goes."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._translated = False
        self._tokenizer: Any = None
        self.model: Any = None
        self.name = ""
        self.bytes = 0

    def settle(self, config: Config, model: Any, tokenizer: Any, context: Context) -> None:
        """As `config` names it, beside `model`. ModelError when it is not here; CapabilityError for other tokens."""
        name = config.assistant_model
        if self.model is not None and (name == NO_ASSISTANT or self._key != (name, config.dtype, id(model))):
            self.clear()
        if config.speculation != "assistant":
            return
        if self.model is None:
            self._load(config, model, tokenizer, context)
        if self._translated and config.do_sample:
            raise CapabilityError("speculation.sampling_translated", name=self.name, model=model.name_or_path)
        if self.model.config._attn_implementation != config.attention:
            set_attention(self.model, config.attention)
        for setting, value in drafter_settings(config).items():
            setattr(self.model.generation_config, setting, value)

    def arguments(self, tokenizer: Any) -> dict[str, Any]:
        """Of `generate`, for drafts by this model; its words translated where they are others."""
        if not self._translated:
            return {"assistant_model": self.model}
        return {"assistant_model": self.model, "tokenizer": tokenizer, "assistant_tokenizer": self._tokenizer}

    def clear(self) -> None:
        """Lets it go."""
        device = self.model.device if self.model is not None else None
        self._key, self.model, self._tokenizer, self.name, self.bytes = (), None, None, "", 0
        if device is not None:
            memory.release(device)

    def _load(self, config: Config, model: Any, tokenizer: Any, context: Context) -> None:
        name, began = config.assistant_model, time.perf_counter()
        context.enter(say("phase.assistant", name=name), killable=True)
        checkpoint = Checkpoint(_here(name), context)
        checkpoint.import_class()
        own = checkpoint.tokenizer()
        plain = Config(dtype=config.dtype, attention=config.attention)
        with memory.refusals_told(model.device, say("phase.assistant", name=name)):
            drafter = checkpoint.model(plain, model.device, checkpoint.way(plain, model.device))
        sizes = [each.config.get_text_config().vocab_size for each in (model, drafter)]
        same_words = own.get_vocab() == tokenizer.get_vocab()
        if not same_words and sizes[0] == sizes[1]:
            raise CapabilityError(
                "speculation.other_words", name=checkpoint.source.label, model=model.name_or_path, size=sizes[0]
            )
        self.model, self._tokenizer, self.name = drafter, own, checkpoint.source.label
        self._translated = sizes[0] != sizes[1]
        self._key = (name, config.dtype, id(model))
        self.bytes = sum(parameter.nbytes for parameter in drafter.parameters())
        spent = duration(time.perf_counter() - began)
        context.progress(say("progress.assistant", name=self.name, size=size(self.bytes), seconds=spent), 1)


def _here(name: str) -> Source:
    """Where an assistant lies. ModelError when it is not on this disk: nothing is fetched meanwhile."""
    source = find(name)
    if source.kind != "hub":
        return source
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(name, local_files_only=True)
    except (LocalEntryNotFoundError, ValueError, OSError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError("speculation.not_here", name=name, problem=problem) from error
    kind, file = weights_in(Path(folder))
    return source.model_copy(update={"path": Path(folder), "gguf_file": file if kind == "gguf" else None})


@contextmanager
def watched(model: Any, drafter: Any) -> Iterator["Watch"]:
    """Within it the drafter that `generate` makes is counted. Early exit leaves the model whole, however it ends."""
    watch = Watch()
    layers = model.config.get_text_config().num_hidden_layers
    make = model._get_candidate_generator

    def made(*arguments: Any, **options: Any) -> Any:
        return watch.follow(make(*arguments, **options))

    handles = [model.register_forward_pre_hook(watch.on_pass)]
    if drafter is not None and drafter is not model:
        handles.append(drafter.register_forward_pre_hook(watch.on_pass))
    object.__setattr__(model, "_get_candidate_generator", made)
    try:
        yield watch
    finally:
        object.__delattr__(model, "_get_candidate_generator")
        for handle in handles:
            handle.remove()
        model.config.get_text_config().num_hidden_layers = layers  # a Stop inside a draft would leave it cut


class Watch:
    """Counts of one `generate`. `drafting`: a draft is being made just now."""

    def __init__(self) -> None:
        self._kind = "off"
        self.drafting = False
        self._last = 0
        self._steps: list[tuple[int, int]] = []  # (drafted, kept)
        self._passes = self._draft_passes = 0

    def follow(self, generator: Any) -> Any:
        """`generator`, its two methods watched."""
        self._kind = _DRAFTERS.get(type(generator).__name__, type(generator).__name__)
        draft, update = generator.get_candidates, generator.update_candidate_strategy

        def get_candidates(input_ids: torch.Tensor, **options: Any) -> Any:
            self.drafting = True
            try:
                found = draft(input_ids, **options)
            finally:
                self.drafting = False
            self._last = found[0].shape[1] - input_ids.shape[1]
            return found

        def update_candidate_strategy(input_ids: torch.Tensor, scores: torch.Tensor, kept: Any) -> None:
            self._steps.append((self._last, int(kept)))
            update(input_ids, scores, kept)

        generator.get_candidates = get_candidates
        generator.update_candidate_strategy = update_candidate_strategy
        return generator

    def on_pass(self, _module: Any, _inputs: Any) -> None:
        if self.drafting:
            self._draft_passes += 1
        else:
            self._passes += 1

    def drafts(self) -> Drafts:
        return Drafts(
            drafter=self._kind,
            steps=len(self._steps),
            drafting_steps=sum(drafted > 0 for drafted, _ in self._steps),
            drafted=sum(drafted for drafted, _ in self._steps),
            kept=sum(kept for _, kept in self._steps),
            passes=self._passes,
            draft_passes=self._draft_passes,
        )
