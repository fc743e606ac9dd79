"""What is said about a model that the person loaded: Session.attach."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "attach.not_a_model": (
        "{kind} is not a transformers model.",
        "The bench reads back and generates through transformers' own classes.",
        "Load one: model = AutoModelForCausalLM.from_pretrained('folder')",
    ),
    "attach.wrapped": (
        "{kind} is a wrapper around a model.",
        "What would be measured is not what was asked for: generate() and the knobs belong to the model inside.",
        "Attach the model itself: Session.attach(model.{inside}, tokenizer); an adapter is merged first (model.merge_and_unload()).",
    ),
    "attach.compiled": (
        "{kind} is a compiled model.",
        "Its generate() runs the model inside, not the compiled code, so a measurement would be of something else; live knobs would compile it again.",
        "Attach the model inside: Session.attach(model._orig_mod, tokenizer)",
    ),
    "attach.not_a_tokenizer": (
        "{kind} is not a tokenizer of transformers.",
        "Text cannot become tokens of this model without one.",
        "Load it: tokenizer = AutoTokenizer.from_pretrained('folder'); of a processor take processor.tokenizer.",
    ),
    "attach.no_weights": (
        "{count} tensors of this model have no values in memory, for example {tensor}.",
        "They are on the meta device: never loaded, or offloaded by accelerate.",
        "Load the whole model onto one device: from_pretrained('folder', device_map='cuda'), or open it by its name: Session('folder')",
    ),
    "attach.device": (
        "This model is on {device}.",
        "The bench measures on cpu and cuda.",
        "Move it first: model.to('cpu')",
    ),
    "attach.attention": (
        "This model runs the attention {attention}, for which there is no knob value.",
        "Values: {known}.",
        "Switch first: model.set_attn_implementation({first!r})",
    ),
    "attach.twice": (
        "This {kind} is already on a bench.",
        "Two sessions would change the same settings under each other.",
        "Use that session, or close it first: session.close()",
    ),
    "attach.unsupported": (
        "This {kind} cannot be described: {problem}",
        "The bench needs layers, attention heads and a context length in its config, and a KV cache.",
        "Attach a decoder-only transformer.",
    ),
    "attach.was_training": "the model was in training mode; on the bench it is in evaluation mode, and goes back when the session closes",
    "attach.plain_decoding": "its generation config sets {settings}; the bench decodes one answer, one token at a time, without them",
}
