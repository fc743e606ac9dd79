"""Tips about devices, batches, watching and serving."""

from workbench.results import Verdict
from workbench.tips.experiments import Fresh, Limit, Pair, Probe, Script, Untestable
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

_WORK = {"prompt_tokens": 32, "new_tokens": 16}

TIPS = (
    Tip(
        id="S0-2",
        topic=Topic.SERVING,
        statement="With the defaults the use of CPU and GPU is often below 30 %.",
        heard=("S0",),
        expected=Expected(
            Verdict.DEPENDS,
            "Decode of one row waits for memory and for launches, so that the GPU's units are mostly idle; but what NVML counts is the share of time in which any kernel ran.",
            ("docs-nvml",),
        ),
        experiment=Probe("utilisation", {"batch_size": 1}),
        holds_if=(Limit("busy_share", high=0.3),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTE,
        instead="Look at the share of the memory's bandwidth, and at more rows.",
    ),
    Tip(
        id="S0-3",
        topic=Topic.SERVING,
        statement="Without device_map or .to('cuda') the model runs on the CPU, about ten times slower.",
        heard=("S0",),
        expected=Expected(
            Verdict.HOLDS,
            "Nothing given, it is on the CPU. How much slower depends on the two.",
            ("seen-loading",),
        ),
        experiment=Pair({"device": "cpu"}, {"device": "cuda"}, works=(_WORK,)),
        holds_if=(Limit("decode_tps", low=3.0),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTES,
        instead="Read the device that is in force.",
        apply={"device": "auto"},
    ),
    Tip(
        id="S1-9",
        topic=Topic.SERVING,
        statement="Short inputs to the CPU, long ones to the GPU: 55 % less energy at 90 % of the performance.",
        heard=("S1",),
        expected=Expected(
            Verdict.DEPENDS,
            "Where the crossing is depends on the two devices and on the model; no data was found.",
            ("general",),
        ),
        experiment=Probe("crossover"),
        holds_if=(Limit("cpu_ahead_below", low=8), Limit("joules_ratio", high=0.45)),
        needs=Needs(gpus=1),
        takes=Takes.MINUTES,
        instead="Find the crossing first: session.crossover.",
    ),
    Tip(
        id="S1-10",
        topic=Topic.SERVING,
        statement="Eight A100 give the 7B 1200 tokens/s, at 92 % of eight times one.",
        heard=("S1",),
        expected=Expected(
            Verdict.CANNOT,
            "It takes eight GPUs. By arithmetic it is low: one A100 reads 13.8 GB of weights some 145 times a second, for each row of a batch.",
            ("computed-roofline",),
        ),
        experiment=Pair(
            {"tp_plan": "none", "dtype": "bfloat16"},
            {"tp_plan": "auto", "tp_size": 8, "dtype": "bfloat16"},
            works=({"prompt_tokens": 256, "new_tokens": 64, "batch_size": 8},),
        ),
        holds_if=(Limit("decode_tps", low=7.36),),
        needs=Needs(gpus=8),
        takes=Takes.MINUTES,
        instead="Hold tokens/s against bandwidth ÷ weight bytes × rows: session.limits.",
    ),
    Tip(
        id="S1-13",
        topic=Topic.SERVING,
        statement="Watch P50, P90 and P99 of latency, tokens/s, peak memory, and the use of SMs and tensor cores.",
        heard=("S1", "S4"),
        expected=Expected(
            Verdict.HOLDS,
            "A good habit, where P99 comes from at least 100 samples and first token and gap stand apart. The use of SMs and tensor cores is not in nvidia-smi.",
            ("general",),
        ),
        experiment=Probe("latency", {"seconds": 15}),
        holds_if=(Limit("gaps_p99", equals=True),),
        takes=Takes.MINUTE,
        instead="session.latency: percentiles with their number and interval.",
    ),
    Tip(
        id="S2-3",
        topic=Topic.SERVING,
        statement="torch.nn.DataParallel balances the load and batches requests.",
        heard=("S2",),
        expected=Expected(
            Verdict.NOT,
            "It splits a batch that is there already, and its model has no generate. PyTorch itself sends to DistributedDataParallel.",
            ("docs-torch", "seen-heads"),
        ),
        experiment=Script(
            Fresh(
                "import os, torch\n"
                "from transformers import AutoModelForCausalLM\n"
                "model = torch.nn.DataParallel(AutoModelForCausalLM.from_pretrained(os.environ['TIP_MODEL']))\n"
                "result = {'generates': hasattr(model, 'generate')}"
            )
        ),
        holds_if=(Limit("generates", equals=True),),
        takes=Takes.SECONDS,
        instead="Continuous batching, here or in a server: session.batching.",
    ),
    Tip(
        id="S2-4",
        topic=Topic.SERVING,
        statement="batch_size=32 raises throughput by 40 %.",
        heard=("S2",),
        expected=Expected(
            Verdict.DEPENDS,
            "Mostly by far more: one row reads all weights for each token, and further rows ride along until arithmetic or the cache is the limit.",
            ("computed-roofline",),
        ),
        experiment=Pair({}, {}, works=(_WORK,), a_work={"batch_size": 1}, b_work={"batch_size": 32}),
        holds_if=(Limit("decode_tps", low=1.3, high=1.5),),
        takes=Takes.MINUTES,
        instead="Find the knee: session.scan('batch_size').",
    ),
    Tip(
        id="S2-12",
        topic=Topic.SERVING,
        statement="gpu_utilization above 85 % is critical.",
        heard=("S2",),
        expected=Expected(
            Verdict.NOT,
            "It is the share of time in which a kernel ran: near 100 % is what a GPU is bought for, and says nothing of waiting requests.",
            ("docs-nvml",),
        ),
        experiment=Probe("utilisation", {"batch_size": 8}),
        holds_if=(Limit("busy_share", high=0.85),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTE,
        instead="Alarm on the queue and on time per token.",
    ),
    Tip(
        id="S2-13",
        topic=Topic.SERVING,
        statement="Raise an alarm when P95 of inference latency is above 500 ms.",
        heard=("S2",),
        expected=Expected(
            Verdict.DEPENDS,
            "It means nothing before it says whether first token, gap or whole answer, and how long that is.",
            ("general",),
        ),
        experiment=Probe("latency", {"seconds": 15, "threshold_s": 0.5}),
        holds_if=(Limit("disagree", equals=False),),
        takes=Takes.MINUTE,
        instead="A threshold of its own for each of the three.",
    ),
    Tip(
        id="S4-10",
        topic=Topic.SERVING,
        statement="Triton serves it with platform: pytorch_libtorch and 1/model.py.",
        heard=("S4",),
        expected=Expected(
            Verdict.NOT,
            "That platform runs TorchScript; a model.py belongs to the Python backend. The sample also lacks its outputs and its batching.",
            ("docs-triton",),
        ),
        experiment=Untestable("It is a mistake in a configuration file, which reading finds; nothing of it runs."),
        takes=Takes.NOTHING,
        instead="workbench export triton writes the repository.",
    ),
    Tip(
        id="S4-17",
        topic=Topic.SERVING,
        statement="asyncio keeps inference from blocking.",
        heard=("S4",),
        expected=Expected(
            Verdict.NOT,
            "generate is a plain call: the event loop stands still until it returns, unless it runs in a thread or a process.",
            ("general",),
        ),
        experiment=Probe("event_loop", {"threaded": False}),
        holds_if=(Limit("gap_share", high=0.5),),
        takes=Takes.SECONDS,
        instead="asyncio.to_thread, or session.submit, which returns a Future.",
    ),
)
