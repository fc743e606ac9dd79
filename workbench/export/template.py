"""The text of the exported loader; `$name` is filled in by `workbench.export.transformers`."""

TEMPLATE = '''\
# Loads a language model in one configuration and generates from it.
$header
$std_imports

# OpenMP reads this once, when torch starts its threads: it is set before the import.
os.environ["OMP_WAIT_POLICY"] = $wait_policy

$loop_imports
import torch
$early_imports
$torch_imports
$late_imports
$imports
$more_imports

$constants

$loop
$left

$around_load
def load():
    """Return (tokenizer, model): the model in evaluation mode on DEVICE."""
    $threads
    $switches
    tokenizer = AutoTokenizer.from_pretrained(
        MODEL,
        $where
    )
    $quantization
    model = AutoModelForCausalLM.from_pretrained(
        MODEL,
        $where
        $weights
        $config_argument
        dtype=$dtype,
        attn_implementation=$attention,
        device_map={"": DEVICE},
    )
    $in_place
    model.eval()

    ran = {
        "attention": model.config._attn_implementation,
        $ran
        $ran_q
    }
    exported = {
        "attention": $attention,
        $exported
        $exported_q
    }
    if ran != exported:
        raise RuntimeError(f"exported with {exported}, but {ran} is in force")

    $end_tokens
    $pad_token
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    tokenizer.padding_side = $padding_side
    return tokenizer, model


$scope
def generate(tokenizer, model, prompts, max_new_tokens=64):
    """Return the new token ids of each prompt.

    A prompt is one user turn where the tokenizer knows chats, else a text to continue.
    """
    chat = bool(tokenizer.chat_template)
    if chat:
        prompts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for prompt in prompts
        ]
    inputs = tokenizer(
        prompts,
        padding=len(prompts) > 1,
        add_special_tokens=not chat,  # the chat template wrote them
        return_tensors="pt",
    ).to(model.device)
    $generate_note
    $choose_loop
    output = model.generate(
        input_ids=inputs["input_ids"],
        $mask
        max_new_tokens=max_new_tokens,
        $generate
        $use_loop
    )
    return output[:, inputs["input_ids"].shape[1] :].tolist()


if __name__ == "__main__":
    $seed
    tokenizer, model = load()
    prompt = "Explain in two sentences what the KV cache of a language model is for."
    for ids in generate(tokenizer, model, [prompt]):
        print(tokenizer.decode(ids, skip_special_tokens=True))
'''
