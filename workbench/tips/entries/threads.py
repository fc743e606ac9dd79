"""Tips about the processor: threads, waiting, pinning, instructions."""

from workbench.results import Verdict
from workbench.tips.experiments import Fresh, Limit, Pair, Probe, Script
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

_COUNT = "import torch\nresult = {'threads': torch.get_num_threads()}"
_LATE = "import torch\nimport os\nos.environ['OMP_NUM_THREADS'] = '1'\nresult = {'threads': torch.get_num_threads()}"

TIPS = (
    Tip(
        id="S2-16",
        topic=Topic.THREADS,
        statement="Set the environment variable NUM_INTER_THREADS=4.",
        heard=("S2",),
        expected=Expected(
            Verdict.NOT,
            "torch's libraries do not hold the word, and the count of inter-op threads stays what it was.",
            ("seen-torch",),
        ),
        experiment=Script(
            Fresh("import torch\nresult = {'interop_threads': torch.get_num_interop_threads()}"),
            Fresh(
                "import torch\nresult = {'interop_threads': torch.get_num_interop_threads()}",
                {"NUM_INTER_THREADS": "7"},
            ),
        ),
        holds_if=(Limit("interop_threads", changed=True),),
        takes=Takes.SECONDS,
        instead="Use the knob threads: it is torch.set_num_threads in the thread that computes.",
        apply={"threads": "auto"},
    ),
    Tip(
        id="S3-2",
        topic=Topic.THREADS,
        statement="os.environ['OMP_NUM_THREADS'] in the script, below import torch, sets the threads.",
        heard=("S3",),
        expected=Expected(
            Verdict.NOT,
            "OpenMP reads the variable once, when torch is loaded. Set before the import it works, afterwards it does not.",
            ("seen-torch",),
        ),
        experiment=Script(Fresh(_COUNT), Fresh(_LATE)),
        holds_if=(Limit("threads", changed=True),),
        takes=Takes.SECONDS,
        instead="Set it before Python starts, or call torch.set_num_threads.",
        apply={"threads": "auto"},
    ),
    Tip(
        id="S3-1",
        topic=Topic.THREADS,
        statement="Set torch.set_num_threads to 80–90 % of the physical cores.",
        heard=("S3",),
        expected=Expected(
            Verdict.DEPENDS,
            "Decode waits for memory, so that the best count can be far lower; prefill takes more. Second threads of a core seldom help.",
            ("general",),
        ),
        experiment=Probe("thread_scan"),
        holds_if=(Limit("best_share", low=0.8, high=0.9),),
        takes=Takes.MINUTES,
        instead="Measure the count on this machine: workbench doctor, or session.scan('threads').",
        apply={"threads": "auto"},
    ),
    Tip(
        id="S3-3",
        topic=Topic.THREADS,
        statement="The higher the processor's use, the better the performance.",
        heard=("S3",),
        expected=Expected(
            Verdict.NOT,
            "A thread that spins counts as busy, and one more than memory can feed raises the use and lowers tokens/s.",
            ("general",),
        ),
        experiment=Probe("thread_scan"),
        holds_if=(Limit("rank_correlation", low=0.9),),
        takes=Takes.MINUTES,
        instead="Judge by tokens/s; the processor's use says what it costs.",
    ),
    Tip(
        id="S3-12",
        topic=Topic.THREADS,
        statement="Binding to cores with numactl calms the fluctuation of CPU inference.",
        heard=("S3",),
        expected=Expected(
            Verdict.DEPENDS,
            "It can help where there are several sockets, or other processes that move the threads about; on a quiet single socket there is little to calm.",
            ("general",),
        ),
        experiment=Probe("spread", {"knobs": {"pinning": "cores"}, "seconds": 4}),
        holds_if=(Limit("spread_ratio", high=0.9),),
        needs=Needs(systems=("Linux",)),
        takes=Takes.MINUTES,
        instead="Compare pinning off and cores on this machine.",
        apply={"pinning": "cores"},
    ),
    Tip(
        id="S4-13",
        topic=Topic.THREADS,
        statement="AVX-512 and OpenVINO make CPU inference faster.",
        heard=("S4",),
        expected=Expected(
            Verdict.DEPENDS,
            "Of AVX-512 it is prefill that gains, and bfloat16 where the processor multiplies in it; decode waits for memory either way. OpenVINO has a tip of its own: R-2.",
            ("general",),
        ),
        experiment=Probe("instruction_set", {"held_to": "avx2"}),
        holds_if=(Limit("prefill_ratio", low=1.05), Limit("decode_ratio", low=1.05)),
        takes=Takes.MINUTES,
        instead="Compare float32 and bfloat16 on this processor.",
        apply={"dtype": "bfloat16"},
    ),
    Tip(
        id="M-6",
        topic=Topic.THREADS,
        statement="It does not matter what OpenMP's threads do while they wait.",
        heard=("none",),
        expected=Expected(
            Verdict.DEPENDS,
            "Threads that spin start the next operation sooner and take the core from whoever else needs it: the main thread, the notebook, a neighbour. Decode is many short operations, so it shows there.",
            ("docs-openmp",),
        ),
        experiment=Pair(
            {"waiting": "active"}, {"waiting": "passive"}, works=({"prompt_tokens": 64, "new_tokens": 32},)
        ),
        holds_if=(Limit("decode_tps", low=0.97, high=1.03),),
        takes=Takes.MINUTES,
        instead="Let the doctor measure both: workbench doctor.",
        apply={"waiting": "auto"},
    ),
)
