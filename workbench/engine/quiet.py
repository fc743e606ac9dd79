"""Lines that libraries log at import or at every matmul, and that say nothing a person could act on: dropped."""

import logging

# logger -> how the line begins, before its arguments are filled in
NOISE = {
    # torchao's kernels for GPUs and CUDA versions other than these; what needs them says so when it is asked for
    "torchao": "Failed to load ",
    # torchao 0.18 on torch 2.13, at import
    "torch.utils._pytree": "%s is an Enum subclass and is now natively supported",
    # one line a matmul: 31,000 in a short answer
    "bitsandbytes.autograd._functions": "MatMul8bitLt: inputs will be cast from",
    # the kernel that it then takes is its own
    "bitsandbytes.backends.cpu.ops": "Failed to load CPU gemm_4bit_forward from kernels-community",
}


class Drop(logging.Filter):
    """Lets everything pass but lines that begin so."""

    def __init__(self, beginning: str) -> None:
        super().__init__()
        self.beginning = beginning

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(self.beginning)


def drop_noise() -> None:
    """For this process; harmless when called again."""
    for name, beginning in NOISE.items():
        logger = logging.getLogger(name)
        if not any(isinstance(found, Drop) for found in logger.filters):
            logger.addFilter(Drop(beginning))
