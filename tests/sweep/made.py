"""A sweep as it could have been, for what draws and tells it."""

import workbench as wb
from workbench.results import SweepLead, SweepPoint, SweepQuality, SweepRemoved
from workbench.words import say

BASE = wb.Config(device="cpu", threads=1)


def point(place: int, state: str, tps: float, mib: int, **more: object) -> SweepPoint:
    config = BASE.replace(attention=("sdpa", "eager")[place % 2], dtype=("float32", "bfloat16")[place // 2 % 2])
    fields = {
        "config": config.to_dict(),
        "label": f"{config.attention}, {config.dtype}",
        "group": place // 2,
        "reference": place == 0,
        "state": state,
        "why": say("sweep.why.front", ratio="0.9×", interval="[0.8, 1]", rounds=5),
        "means": {"decode_tps": tps, "ttft_s": 1 / tps},
        "ci95": {"decode_tps": (0.9 * tps, 1.1 * tps)},
        "peak_bytes": mib << 20,
        "ratio": tps / 30,
        "ratio_ci95": (0.9 * tps / 30, 1.1 * tps / 30),
        "rounds": 5,
    }
    return SweepPoint(**{**fields, **more})


def sweep(**changes: object) -> wb.Sweep:
    quality = SweepQuality(kld_mean=0.01, kld_mean_ci95=(0.009, 0.011), same_top=0.97, ppl_ratio=1.01)
    lead = SweepLead(
        other=2,
        ratio=1.5,
        ci95=(1.4, 1.6),
        noise_floor=1.05,
        differs=True,
        verdict=say("sweep.lead.seen", a="eager, bfloat16", b="sdpa, bfloat16", ratio="1.5×", interval="[1.4, 1.6]"),
    )
    fields = {
        "model": "demo",
        "objective": "decode_tps",
        "better": "higher",
        "space": {"attention": ["sdpa", "eager"], "dtype": ["float32", "bfloat16"]},
        "workload": wb.Workload(),
        "precision": 0.05,
        "points": (
            point(0, "behind", 10, 600),
            point(1, "failed", 0.1, 0, means={}, ci95={}, peak_bytes=None, ratio=None, ratio_ci95=None),
            point(2, "front", 20, 250),
            point(3, "best", 30, 300, quality=quality),
        ),
        "winner": 3,
        "leads": (lead,),
        "pareto": (2, 3),
        "removed": (SweepRemoved(values={"device": "cuda"}, why=say("capability.no_gpu")),),
        "groups": 2,
        "runs": 20,
        "loads": 2,
        "seconds": 12.0,
        "stopped_by": "precision",
        "key": "0",
        "verdict": say("sweep.verdict.lead", lead=str(lead.verdict)),
    }
    return wb.Sweep(**{**fields, **changes})
