"""The text of the exported loader; `$name` is filled in by `workbench.export.transformers`."""

TEMPLATE = '''\
# Loads a language model in one configuration and generates from it.
$header
$std_imports

$environment

import torch
$early_imports
$torch_imports
$late_imports
$imports
$more_imports

$constants

$functions

$around_load
def load():
    """Return (tokenizer, model): the model in evaluation mode on DEVICE."""
    check_versions()
    $switches
    $tokenizer
    $quantization
    model = AutoModelForCausalLM.from_pretrained(
        MODEL,
        $where
        $load_arguments
        dtype=$dtype,
        attn_implementation=$attention,
        $device_map
    )
    $in_place
    model.eval()
    $tokens

    ran = {
        $ran
    }
    promised = {
        $promised
    }
    if ran != promised:
        raise RuntimeError(f"{promised} was promised, but {ran} is in force")
    return tokenizer, model


def check_versions():
    """Warn where a package is not the one that this configuration was recorded with."""
    for package, recorded in VERSIONS.items():
        installed = version(package)
        if installed.partition("+")[0] != recorded:
            warnings.warn(
                f"{package} {installed} is installed; recorded with {recorded}",
                stacklevel=3,
            )


def encode(tokenizer, prompts, chat=True):
    """Return token ids and mask, [batch, time].

    A prompt is one user turn where the tokenizer knows chats, else (or with
    chat=False) a text to continue.
    """
    chat = chat and bool(tokenizer.chat_template)
    if chat:
        prompts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for prompt in prompts
        ]
    return tokenizer(
        prompts,
        padding=len(prompts) > 1,
        add_special_tokens=not chat,  # the chat template wrote them
        return_tensors="pt",
    )


$around_run
def run(model, inputs, max_new_tokens, **arguments):
    """Call model.generate as this configuration does."""
    prompt_tokens = inputs["input_ids"].shape[1]
    limit = model.config.get_text_config().max_position_embeddings
    if prompt_tokens + max_new_tokens > limit:
        raise ValueError(
            f"{prompt_tokens} prompt and {max_new_tokens} new tokens are "
            f"{prompt_tokens + max_new_tokens}; the model's context is {limit}"
        )
    inputs = inputs.to(model.device)
    $before_run
    return model.generate(
        input_ids=inputs["input_ids"],
        $run_arguments
        max_new_tokens=max_new_tokens,
        **arguments,
    )


def generate(tokenizer, model, prompts, max_new_tokens=64, chat=True):
    """Return the new token ids of each prompt."""
    inputs = encode(tokenizer, prompts, chat)
    output = run(
        model,
        inputs,
        max_new_tokens,
        $generate_arguments
        **GENERATION,
    )
    return output[:, inputs["input_ids"].shape[1] :].tolist()


if __name__ == "__main__":
    if "--check" in sys.argv:
        import check_model  # lies beside this file

        sys.exit(check_model.main(sys.modules[__name__]))
    $seed
    tokenizer, model = load()
    prompt = "Explain in two sentences what the KV cache of a language model is for."
    for ids in generate(tokenizer, model, [prompt]):
        print(tokenizer.decode(ids, skip_special_tokens=True))
'''
