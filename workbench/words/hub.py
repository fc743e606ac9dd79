"""What is said while a model is brought onto this machine, and what may go wrong."""

_NETWORK = "Set {variable} to a mirror that can be reached from here, HTTPS_PROXY to your proxy, or WORKBENCH_HUB=modelscope; or give a local directory. Goes on where it stopped."

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.downloading": "downloading {name}",
    "hub.asking": "asking {host} for {name}",
    "hub.downloading": "downloading {name}",
    "hub.id_help": "hub id (owner/name)",
    "hub.allow_pickle_help": "download pickles when there is nothing else; they are converted before they are loaded",
    "hub.downloaded": "{name} is here and checked: {files} files, {size}",
    "hub.interrupted": (
        "The download of {name} was interrupted.",
        "What arrived is kept.",
        "Run the same command again: it goes on where it stopped.",
    ),
    "hub.not_an_id": (
        "{name} is nothing to download.",
        "A hub id has the form owner/name; this is the demo, a random model or something on this disk.",
        "",
    ),
    "hub.again": "{file} arrived damaged: it was removed and is fetched again",
    "hub.unknown_hub": ("There is no hub {value} to download from.", "{variable} may be: {known}.", ""),
    "hub.offline": (
        "{name} is in no cache of this machine, and downloads are switched off.",
        "{variable}={value} is set in this environment; nothing was attempted.",
        "Unset {variable} to download it, or give a local directory.",
    ),
    "hub.no_host": (
        "{name} cannot be downloaded: {host} cannot be reached.",
        "{problem}",
        _NETWORK,
    ),
    "hub.no_proxy": (
        "{name} cannot be downloaded: {host} cannot be reached through the proxy {proxy}.",
        "{problem}",
        "Check {setting} (here: {proxy}), or name {host} in NO_PROXY when it can be reached without one.",
    ),
    "hub.no_hub": (
        "{name} cannot be downloaded: {host} does not answer as a model hub does.",
        "{problem}",
        "Check {variable}. A login page of the network may answer instead of the hub.",
    ),
    "hub.stalled": (
        "The download of {name} stands still: {host} has sent nothing for {seconds} s.",
        "The connection is open but brings no bytes.",
        "Try again: it goes on where it stopped. HF_ENDPOINT names a mirror, HTTPS_PROXY a proxy.",
    ),
    "hub.cut_off": (
        "The download of {name} from {host} broke off, several times.",
        "{problem}",
        "Try again: it goes on where it stopped.",
    ),
    "hub.not_found": (
        "{host} knows no model {name}.",
        "There is none, or it is private and no token was sent.",
        "Check the name. For a private model set HF_TOKEN, or run: hf auth login",
    ),
    "hub.no_revision": (
        "{name} has no revision {revision} on {host}.",
        "A revision is a branch, a tag or a full commit hash.",
        "Leave it out for the main branch.",
    ),
    "hub.gated": (
        "{name} is gated: its owner wants your agreement first.",
        "The hub did not give its files to this token, or no token was sent.",
        "Accept the terms at {page}, then set HF_TOKEN, or run: hf auth login",
    ),
    "hub.refused": (
        "{host} refused to give {name} (status {status}).",
        "The token is not valid, or may not read this repository.",
        "Set HF_TOKEN to a token that may read it (or unset it for a public model), or run: hf auth login",
    ),
    "hub.refused_modelscope": (
        "{host} refused to give {name} (status {status}).",
        "It is private or gated, and no token that may read it was sent.",
        "Set MODELSCOPE_API_TOKEN to a token that may read it.",
    ),
    "hub.status": (
        "{host} could not serve {name}: it answered with status {status}.",
        "The host has a problem, or counts too many requests.",
        "Try again later: what is there is kept. {variable} names another host.",
    ),
    "hub.failed": ("{name} could not be downloaded from {host}: {problem}", "", "Try again: what is there is kept."),
    "hub.child_died": (
        "The process that downloaded {name} from {host} ended without a word.",
        "Its last line: {last_words}",
        "Try again: what is there is kept.",
    ),
    "hub.damaged": (
        "{file} of {name} arrived damaged twice.",
        "Its checksum is not the one that the hub states. It was removed.",
        "Try again, with another mirror (HF_ENDPOINT) if it stays so: something on the way changes the file.",
    ),
    "hub.disk_full": (
        "{name} does not fit on the disk: {needed} are needed, {free} are free.",
        "The cache is {path}.",
        "Free some space (hf cache ls shows what is there), or set HF_HUB_CACHE (ModelScope: MODELSCOPE_CACHE) to a folder on another disk.",
    ),
    "hub.disk_filled": (
        "The disk became full while {name} was downloaded.",
        "{path}",
        "Free some space and try again: it goes on where it stopped.",
    ),
    "hub.not_writable": (
        "{name} cannot be downloaded: {path} cannot be written to.",
        "{problem}",
        "Set HF_HUB_CACHE (ModelScope: MODELSCOPE_CACHE) to a folder of yours.",
    ),
    "hub.no_client": (
        "Downloads from ModelScope need the package {package}, which is not installed.",
        "WORKBENCH_HUB=modelscope is set.",
        "Run: {command}",
    ),
    "hub.many_ggufs": (
        "{name} holds several GGUF files, and which one you mean is not known.",
        "Smallest first: {files}",
        "Fetch one of them, then open it: hf download {name} {first} --local-dir models; Session('models/{first}')",
    ),
    "hub.pickle_only": (
        "{name} has its weights only as pickles ({file}, {size} in all), which are not downloaded.",
        "Unpickling can run whatever code a file contains.",
        "Choose a repository or revision with .safetensors files, or say yes to a converted copy: Session({name!r}, allow_pickle=True)",
    ),
    "hub.no_weights": (
        "The repository {name} has no weights that can be loaded.",
        "Neither .safetensors, .gguf nor pytorch_model.bin at its root; there: {found}.",
        "Check the name: weights are often in a sister repository.",
    ),
}
