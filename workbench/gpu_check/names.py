"""The sections as data: what needs only their names imports no more than this.

In the order in which they are most worth having, should time run out.
"""

# section -> module of this room whose function of that name it is
SECTIONS: dict[str, str] = {
    "environment": "sections",
    "capabilities": "sections",
    "sampler": "device",
    "ceilings": "device",
    "switches": "attention",
    "kernels": "attention",
    "agreement": "attention",
    "measurement": "sections",
    "seven_b": "seven_b",
    "compiled": "decoding",
    "comparison": "attention",
    "quantised": "quantisation",
    "judged": "quantisation",
    "experts": "experts",
    "throttle": "device",
    "memory": "memory",
    "limits": "guides",
    "advice": "guides",
    "swept": "guides",
    "tips": "guides",
    "caches": "decoding",
    "reuse": "reuse",
    "offloading": "reuse",
    "crossing": "reuse",
    "spread": "spread",
    "lengths": "attention",
    "tokens": "decoding",
}
