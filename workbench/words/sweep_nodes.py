"""What sweeps say of several machines."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "sweep.ray_missing": (
        'host="ray" needs the package ray, which is not installed.',
        "It starts the load groups on the machines of a Ray cluster.",
        "{command}",
    ),
    "sweep.ray_unreachable": (
        "There is no Ray cluster at {address}.",
        "{problem}",
        "Start one (`ray start --head` on one machine, `ray start --address=HOST:6379` on the others), and name it: "
        "`export RAY_ADDRESS=HOST:6379`, on a machine that is one of them.",
    ),
    "sweep.ray_no_place": (
        "No machine of the Ray cluster can run load groups.",
        "{reasons}",
        "`ray status` shows what is there and what is taken; sweep.Ray(num_gpus=…, num_cpus=…) asks for less.",
    ),
    "sweep.ray_all_lost": (
        "The last machine of the cluster was lost.",
        "{why}",
        "What was measured is kept: the same call goes on when the cluster is there again.",
    ),
    "sweep.ray_actor_died": (
        "The process that kept the engines on machine {node} ended.",
        "{why}",
        "`ray list actors --detail` on that machine tells more, and so do Ray's logs there.",
    ),
    "sweep.ray_node_lost": (
        "Machine {node} of the cluster was lost.",
        "{why}",
        "The same call goes on with those that are left.",
    ),
    "sweep.node.no_gpu": "it has {gpus} GPUs for Ray, and {asked} are asked for",
    "sweep.node.no_cpu": "it has {cpus} CPUs for Ray, and {asked} are asked for",
    "sweep.node.silent": "it did not answer within {seconds} s: what Ray has there may be taken by other work",
    "sweep.node.unready": "the workbench does not start there: {problem}",
    "sweep.node.other": "it is not like the others: {differences}; its numbers would be of another machine",
    "sweep.node.lost": "Ray lost it: {problem}",
    "sweep.node.dying": "its engines' process ended {times} times: {problem}",
    "sweep.node.first": "the first place",
    "sweep.node.alike": "the base line shows no difference from place {first}; more than {percent} % would have shown",
    "sweep.node.differs": "the base line is {ratio} of place {first} {interval}",
    "sweep.node.not_compared": "too few runs of the base line to compare it with place {first}",
    "sweep.node.row": "place {place} (machine {node}: {what}): {told}",
    "sweep.flag.nodes_differ": "places differ by more than the noise: {told}. Configurations that were measured at different "
    "places are compared by their ratio to the base line of their own place; tok/s and seconds are of where each was measured",
    "sweep.flag.nodes_unknown": "no A/A tells how far these places differ: {told}",
    "sweep.flag.node_lost": "place {place} (machine {node}) was lost: its load groups went on elsewhere, the round in flight "
    "was measured again",
    "sweep.flag.node_left_out": "machine {node} was left out: {why}",
    "sweep.progress.places": "{places} places on {nodes} machines: the base line at all of them first",
    "sweep.progress.lost": "machine {node} is lost; its load groups go on elsewhere",
    "sweep.host_help": "where engines live: a worker each here (process), this process (inline), or the machines of the Ray "
    "cluster at RAY_ADDRESS (ray)",
}
