"""The guides' other roads, and what became of them."""

from workbench.results import Verdict
from workbench.tips.experiments import Limit, Probe, Untestable
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

# against torch as it is, and compiled
TORCH = ({"compile": "off"}, {"compile": "default"})

TIPS = (
    Tip(
        id="S1-8",
        topic=Topic.ENGINES,
        statement="In TensorRT set strict_type_constraints, workspace_size and kernel_selection_strategy=PREFER_FASTEST.",
        heard=("S1",),
        expected=Expected(
            Verdict.NOT,
            "The first two have other names since TensorRT 10, and types are strict without a switch in 11. The third was found nowhere.",
            ("docs-tensorrt",),
        ),
        experiment=Untestable("The settings belong to another engine, of versions that are no longer current."),
        takes=Takes.NOTHING,
        instead="workbench export tensorrt-llm writes today's command.",
    ),
    Tip(
        id="R-1",
        topic=Topic.ENGINES,
        statement="ONNX Runtime makes inference on a CPU faster.",
        heard=("guides",),
        expected=Expected(
            Verdict.DEPENDS,
            "The model must be exported first, and the class must be one that the exporter knows. Against torch in its best configuration nothing is known before it is measured.",
            ("docs-optimum",),
        ),
        experiment=Probe("beside", {"engine": "onnxruntime"}, cells=TORCH),
        holds_if=(Limit("decode_ratio", low=1.05),),
        needs=Needs(engine="onnxruntime"),
        takes=Takes.MINUTES,
        instead="Measure the compiled loop too, which needs no export.",
        apply={"compile": "default"},
    ),
    Tip(
        id="R-2",
        topic=Topic.ENGINES,
        statement="OpenVINO makes inference on Intel's processors faster.",
        heard=("S4",),
        expected=Expected(
            Verdict.DEPENDS,
            "It converts the model through Optimum Intel, and may compress the weights on the way: then it is two changes, and the second can be had in torch.",
            ("docs-openvino",),
        ),
        experiment=Probe("beside", {"engine": "openvino"}, cells=TORCH),
        holds_if=(Limit("decode_ratio", low=1.05),),
        needs=Needs(engine="openvino"),
        takes=Takes.MINUTES,
        instead="Compare at the same number format and thread count.",
    ),
    Tip(
        id="R-3",
        topic=Topic.ENGINES,
        statement="Compile the model with TVM: relay.build, opt_level=3.",
        heard=("S1",),
        expected=Expected(
            Verdict.CANNOT,
            "Relay, which the recipe is written in, was announced to leave TVM with 0.20; language models go through Relax now, in MLC LLM.",
            ("issue-tvm-relay",),
        ),
        experiment=Untestable("The interface that the recipe calls is no longer in current releases."),
        takes=Takes.NOTHING,
        instead="torch.compile is the compiler that is at hand: S2-17.",
        apply={"compile": "default"},
    ),
    Tip(
        id="R-4",
        topic=Topic.ENGINES,
        statement="Convert the model to TensorRT by way of ONNX, with the builder's flags.",
        heard=("S1",),
        expected=Expected(
            Verdict.CANNOT,
            "For language models it is TensorRT-LLM that NVIDIA keeps, with a cache and batching of its own; the flags of the recipe changed names (S1-8).",
            ("docs-tensorrt", "general"),
        ),
        experiment=Untestable(
            "Another server on an NVIDIA GPU is not the model on this bench; numbers of the one say nothing of the other."
        ),
        takes=Takes.NOTHING,
        instead="workbench export tensorrt-llm, then workbench endpoint on the server.",
    ),
    Tip(
        id="R-5",
        topic=Topic.ENGINES,
        statement="DeepSpeed Inference, with its kernels injected, serves the model faster.",
        heard=("guides",),
        expected=Expected(
            Verdict.CANNOT,
            "Its successor is DeepSpeed-FastGen in MII, whose README has no news since January 2024; servers that had DeepSpeed inside took it out again.",
            ("readme-mii", "docs-djl"),
        ),
        experiment=Untestable("It needs kernels that are built for an NVIDIA GPU and for models of another time."),
        takes=Takes.NOTHING,
        instead="Servers that are kept up: workbench export vllm or sglang.",
    ),
    Tip(
        id="R-6",
        topic=Topic.ENGINES,
        statement="ColossalAI's inference makes it faster on several GPUs.",
        heard=("guides",),
        expected=Expected(
            Verdict.CANNOT,
            "Its inference was rebuilt in late 2023, with Llama as the example; whether it takes a present transformers was not looked up.",
            ("pull-colossal",),
        ),
        experiment=Untestable(
            "It is an engine of its own for several GPUs, with versions of torch and transformers of its own."
        ),
        takes=Takes.NOTHING,
        instead="Over several GPUs: the knobs tp_plan and device_map, or a server.",
    ),
    Tip(
        id="R-7",
        topic=Topic.ENGINES,
        statement="Structured sparsity, 2 of 4, doubles the speed.",
        heard=("guides",),
        expected=Expected(
            Verdict.CANNOT,
            "The tensor cores have it, but weights must be pruned and trained again, and vLLM took its kernels for it out in 2026, for want of use.",
            ("vllm-sparse",),
        ),
        experiment=Untestable(
            "No DeepSeek model is published with such weights, and pruning one is training, which this is no bench for."
        ),
        takes=Takes.NOTHING,
        instead="Fewer bits need no training.",
        apply={"quantization": "torchao-int8-weight"},
    ),
)
