"""Why something cannot be used here, and the way out."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "capability.no_gpu": "needs a CUDA GPU; this machine has none",
    "capability.bring_gpu": "run the workbench on a machine with an NVIDIA GPU ({platform} without one uses the CPU)",
    "capability.cpu_torch": "torch {version} is a CPU build and cannot use the {gpu}",
    "capability.install_cuda_torch": "install a CUDA build: pip install -c constraints.txt torch",
    "capability.cuda_broken": "torch cannot start CUDA: {problem}",
    "capability.update_driver": "update the NVIDIA driver to one that supports CUDA {runtime}, then run: workbench doctor",
    "capability.no_such_gpu": "there is no GPU {index}: this machine shows {count}",
    "capability.use_gpu_below": "choose cuda:0 to cuda:{largest}",
    "capability.no_bf16": "{gpu} has compute capability {capability}; bfloat16 needs 8.0",
    "capability.use_float16": "choose float16",
    "capability.class_without_sdpa": "{architecture} does not support sdpa in this transformers",
    "capability.use_eager": "choose eager",
    "capability.class_without_static_cache": "{architecture} does not support a static cache in this transformers",
    "capability.use_dynamic_cache": "choose dynamic",
    "capability.id_beyond_vocabulary": "token id {token_id} is beyond the vocabulary of {vocab_size}",
    "capability.use_id_below": "choose an id from 0 to {largest}",
    "capability.more_threads_than_cores": "{threads} threads on {cores} cores wait for each other at every operation",
    "capability.use_threads_up_to": "choose 1 to {cores}, or auto",
    "capability.no_sdpa_kernel": (
        "SDPA's {backend} kernel cannot compute this attention: {problem}",
        "Masks, number formats, head sizes and devices decide which kernels can; sdpa_backend leaves torch only this one.",
        "Choose sdpa_backend='auto', and see which kernel torch takes: session.trace().",
    ),
    "capability.attention_refused": (
        "attention={implementation!r} cannot be used: {problem}",
        "transformers refused it for this model on this machine; the implementation in force before stays.",
        "Choose eager or sdpa, or run: workbench doctor",
    ),
}
