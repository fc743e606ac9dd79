"""Tips about what the models are: structure, sizes, context."""

from workbench.results import Verdict
from workbench.tips.experiments import Limit, Probe
from workbench.tips.tip import Expected, Takes, Tip, Topic

_DENSE = ("deepseek-llm-7b-base", "deepseek-coder-6.7b-base", "deepseek-v2-lite", "deepseek-v3", "deepseek-r1")
_DISTILLS = ("deepseek-r1-distill-qwen-1.5b", "deepseek-r1-distill-qwen-7b", "deepseek-r1-distill-llama-8b")

TIPS = (
    Tip(
        id="S1-4",
        topic=Topic.MODEL,
        statement="DeepSeek's attention is sparse.",
        heard=("S1",),
        expected=Expected(
            Verdict.NOT,
            "LLM and Coder have Llama's attention, V2, V3 and R1 dense latent attention, the distilled ones grouped heads. Only V3.2 and V4 choose the tokens that they look at.",
            ("read-configs", "facts-models"),
        ),
        experiment=Probe("architecture", {"slugs": (*_DENSE, *_DISTILLS)}),
        holds_if=(Limit("sparse_attention", low=0.5),),
        takes=Takes.INSTANT,
        instead="Look at the heads, and at the KV bytes per token, which differ by more than a hundred times.",
    ),
    Tip(
        id="S1-11",
        topic=Topic.MODEL,
        statement="A sequence of 2048 tokens does not fit into the default context.",
        heard=("S1",),
        expected=Expected(
            Verdict.NOT,
            "The shortest is 4096 tokens (LLM); Coder has 16384, the distilled ones 131072, V2, V3 and R1 163840.",
            ("facts-models",),
        ),
        experiment=Probe("architecture", {"slugs": (*_DENSE, *_DISTILLS)}),
        holds_if=(Limit("context_tokens", high=2047),),
        takes=Takes.INSTANT,
        instead="Count the tokens of the input against max_position_embeddings, and cut only what is beyond.",
    ),
    Tip(
        id="S2-7",
        topic=Topic.MODEL,
        statement="The full R1 joins a Swin Transformer, channel pruning and a memory of LSTMs.",
        heard=("S2",),
        expected=Expected(
            Verdict.NOT,
            "R1 is a mixture of experts on V3: latent attention and 256 routed experts a layer, DeepseekV3ForCausalLM.",
            ("readme-r1", "facts-models"),
        ),
        experiment=Probe("modules", {"classes": ("LSTM", "Swin", "Conv1d", "Conv2d")}),
        model="random:deepseek-v3?scale=tiny",
        holds_if=(Limit("modules", low=1),),
        takes=Takes.SECONDS,
        instead="Read the classes of the modules of the model that is loaded.",
    ),
    Tip(
        id="S2-8",
        topic=Topic.MODEL,
        statement="The full R1 has 9.7 billion parameters and computes 0.85 TFLOP per token in 19 GB.",
        heard=("S2",),
        expected=Expected(
            Verdict.NOT,
            "It has 671 billion, of which 37 billion take part in a token: 2 × 37 billion are 74 GFLOP, and the FP8 weights take about 671 GB.",
            ("readme-r1", "computed-bytes"),
        ),
        experiment=Probe("architecture", {"slugs": ("deepseek-r1",)}),
        holds_if=(Limit("parameters", low=9.2e9, high=10.2e9), Limit("flop_per_token", low=0.8e12, high=0.9e12)),
        takes=Takes.INSTANT,
        instead="Have workbench models tell what fits here; the distilled models are the ones of that size.",
    ),
    Tip(
        id="S3-6",
        topic=Topic.MODEL,
        statement="Weights take 4, 2 or 1 bytes per parameter in float32, 16 bits and int8: 6.5 billion are 26, 13 and 6.5 GB.",
        heard=("S3",),
        expected=Expected(
            Verdict.HOLDS,
            "The arithmetic is right, in decimal GB and for weights alone; no DeepSeek model has 6.5 billion. In int8 the embedding and the head stay in 16 bits.",
            ("computed-bytes",),
        ),
        experiment=Probe("architecture", {"slugs": ("deepseek-llm-7b-base",), "dtype": "bfloat16"}),
        holds_if=(Limit("bytes_per_parameter", low=1.96, high=2.04),),
        takes=Takes.INSTANT,
        instead="Add the KV cache and the workspace: session.forecast has all three.",
    ),
    Tip(
        id="S1-5",
        topic=Topic.MODEL,
        statement="Other num_heads and head_dim make a trained model faster, such as 8 × 128 in place of 16 heads: 18 % on a V100.",
        heard=("S1",),
        expected=Expected(
            Verdict.NOT,
            "Half the heads at twice the dimension load with all keys matched and no warning, because the shapes agree; what the model says is destroyed. Heads are fixed by training.",
            ("seen-heads",),
        ),
        experiment=Probe("edited_config", {"fewer_heads": True}),
        model="demo",
        holds_if=(Limit("loads", equals=True), Limit("ppl_ratio", high=1.01)),
        takes=Takes.MINUTE,
        instead="Leave the config of a trained model alone.",
    ),
    Tip(
        id="S1-12",
        topic=Topic.MODEL,
        statement="Give the attention a sliding window of 1024 tokens with 30 % overlap.",
        heard=("S1",),
        expected=Expected(
            Verdict.NOT,
            "A window of attention moves with each token and has no overlap; the classes of Llama and DeepSeek do not read the setting, and the distilled Qwen models have it switched off.",
            ("read-configs", "facts-models"),
        ),
        experiment=Probe("edited_config", {"changes": {"sliding_window": 1024}}),
        holds_if=(Limit("settable", equals=True), Limit("ppl_ratio", high=1.01)),
        takes=Takes.MINUTE,
        instead="For a long text reuse what was computed: S4-16.",
    ),
)
