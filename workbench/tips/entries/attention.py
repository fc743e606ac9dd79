"""Tips about attention: the implementation, the kernel, the mask."""

from workbench.results import Verdict
from workbench.tips.experiments import Fresh, Limit, Pair, Probe, Script
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

_LENGTHS = tuple({"prompt_tokens": tokens, "new_tokens": 32} for tokens in (128, 2048, 8192))
_SHORTER = tuple({"prompt_tokens": tokens, "new_tokens": 16} for tokens in (128, 768))
_PADDED = tuple({**work, "batch_size": 4, "padded": 0.25} for work in _LENGTHS)
_FLASH_2 = (
    "import os\n"
    "from transformers import AutoModelForCausalLM\n"
    "asked = 'flash_attention_2'\n"
    "model = AutoModelForCausalLM.from_pretrained(os.environ['TIP_MODEL'], attn_implementation=asked)\n"
    "result = {'substituted': model.config._attn_implementation != asked}"
)
_BY_ITSELF = (
    "import os\n"
    "from transformers import AutoModelForCausalLM\n"
    "model = AutoModelForCausalLM.from_pretrained(os.environ['TIP_MODEL'])\n"
    "result = {'by_itself': model.config._attn_implementation}"
)

TIPS = (
    Tip(
        id="S0-1",
        topic=Topic.ATTENTION,
        statement="A model loaded without further arguments is plain PyTorch and accelerated by nothing.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "Without arguments attention is sdpa, which picks a fused kernel by itself; eager is taken only where the class has no sdpa. True is that nothing is quantised or compiled.",
            ("seen-loading", "read-loading"),
        ),
        experiment=Pair({"attention": "eager"}, {"attention": "sdpa"}, works=_SHORTER),
        holds_if=(Limit("prefill_tps", high=1.05),),
        takes=Takes.MINUTES,
        instead="Look at what is in force before you add to it.",
        apply={"attention": "sdpa"},
    ),
    Tip(
        id="S0-5",
        topic=Topic.ATTENTION,
        statement="transformers does not switch to FlashAttention 2 by itself; it must be asked for.",
        heard=("S0",),
        expected=Expected(
            Verdict.HOLDS,
            "Without the argument it is sdpa, flash-attn installed or not. But it misleads: sdpa may itself run the flash kernel that torch brings along.",
            ("read-loading", "read-sdpa"),
        ),
        experiment=Script(Fresh(_BY_ITSELF)),
        holds_if=(Limit("by_itself", equals="sdpa"),),
        takes=Takes.SECONDS,
        instead="Ask a trace which kernel ran: session.trace.",
    ),
    Tip(
        id="S0-7",
        topic=Topic.ATTENTION,
        statement="On Linux, FlashAttention 2 that is not installed is replaced by ordinary attention without a word.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "It raises an ImportError, in version 4 too. Where a fitting package `kernels` is installed, a kernel of the hub takes its place, with a warning.",
            ("seen-loading", "read-loading", "read-transformers4"),
        ),
        experiment=Script(Fresh(_FLASH_2)),
        holds_if=(
            Limit("exception", equals="none"),
            Limit("warned", equals=False),
            Limit("substituted", equals=True),
        ),
        needs=Needs(systems=("Linux",)),
        takes=Takes.SECONDS,
        instead="Trust the error: workbench doctor tells what is missing and how to get it.",
    ),
    Tip(
        id="S0-25",
        topic=Topic.ATTENTION,
        statement="An attention mask of ones shifts the KV cache, because DeepSeek's RoPE is sensitive to masks, and doubles the latency.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "generate makes a mask of ones itself where none is given, and drops it again: attention gets no mask either way, and the answers are the same. A mask with zeros is what costs.",
            ("seen-generate", "read-generate", "read-masks"),
        ),
        experiment=Probe("attention_calls", {"mask": "ones", "batch_size": 1}),
        holds_if=(Limit("same_tokens", equals=False), Limit("tpot_ratio", low=1.5)),
        takes=Takes.SECONDS,
        instead="Pass the tokenizer's mask always, and pad as little as you can.",
        apply={"attention_mask": "tokenizer"},
    ),
    Tip(
        id="S0-27",
        topic=Topic.ATTENTION,
        statement="sdpa is 15–20 % slower than flash-attn, and runs everywhere.",
        heard=("S0",),
        expected=Expected(
            Verdict.DEPENDS,
            "It runs everywhere. Without a mask and with equal head dimensions sdpa picks a flash kernel of its own, and there is little between the two; with padding or latent attention it cannot. Decode of one row is mostly weights.",
            ("read-sdpa", "read-flash"),
        ),
        experiment=Pair(
            {"attention": "flash_attention_2", "dtype": "bfloat16"},
            {"attention": "sdpa", "dtype": "bfloat16"},
            works=(*_LENGTHS, *_PADDED),
        ),
        holds_if=(Limit("prefill_tps", low=0.75, high=0.9), Limit("decode_tps", low=0.75, high=0.9)),
        needs=Needs(gpus=1, capability=(8, 0), packages=("flash-attn",)),
        takes=Takes.MINUTES,
        instead="Stay with sdpa until this bench shows your work to be faster with the package.",
        apply={"attention": "sdpa"},
    ),
    Tip(
        id="S4-14",
        topic=Topic.ATTENTION,
        statement="flash_attention_2 works for DeepSeek-V2.",
        heard=("S4",),
        expected=Expected(
            Verdict.HOLDS,
            "In version 5 the class says so: values of 128 are padded to the 192 of the queries and cut again. The README of V2 used eager. Not seen on a GPU.",
            ("read-flash", "readme-v2"),
        ),
        experiment=Pair(
            {"attention": "eager", "dtype": "bfloat16"},
            {"attention": "flash_attention_2", "dtype": "bfloat16"},
            works=({"prompt_tokens": 512, "new_tokens": 16},),
        ),
        model="random:deepseek-v2-lite?layers=2",
        holds_if=(Limit("same_top", low=0.95),),
        needs=Needs(gpus=1, capability=(8, 0), packages=("flash-attn",)),
        takes=Takes.MINUTE,
        instead="Compare it with sdpa, whose flash kernel latent attention rules out.",
        apply={"attention": "flash_attention_2"},
    ),
    Tip(
        id="S2-15",
        topic=Topic.ATTENTION,
        statement="torch.backends.cudnn.benchmark=True makes inference faster and keeps the CPU from waiting.",
        heard=("S2", "S3"),
        expected=Expected(
            Verdict.NOT,
            "It lets cuDNN choose among its convolutions, and these models have none.",
            ("docs-torch",),
        ),
        experiment=Probe("modules", {"classes": ("Conv1d", "Conv2d", "Conv3d")}),
        holds_if=(Limit("modules", low=1),),
        takes=Takes.SECONDS,
        instead="Leave it alone.",
        apply={"cudnn_benchmark": False},
    ),
)
