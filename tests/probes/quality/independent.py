"""The statistics of `llama-perplexity --kl-divergence`, written a second time: numpy, float64, all at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def kld(reference: Array, candidate: Array) -> Array:
    """Of each position, nats. Both: logits [positions, vocabulary]."""
    log_p, log_q = log_softmax(reference), log_softmax(candidate)
    return (np.exp(log_p) * (log_p - log_q)).sum(axis=-1)


def statistics(reference: Array, candidate: Array, targets: NDArray[np.int64]) -> dict[str, float]:
    log_p, log_q = log_softmax(reference), log_softmax(candidate)
    at = np.arange(len(targets)), targets
    nll_p, nll_q = -log_p[at], -log_q[at]
    delta = np.exp(-nll_q) - np.exp(-nll_p)
    divergence = kld(reference, candidate)
    n = len(targets)
    covariance = np.cov(nll_q, nll_p)
    return {
        "ppl": float(np.exp(nll_q.mean())),
        "ppl_reference": float(np.exp(nll_p.mean())),
        "correlation": float(np.corrcoef(nll_q, nll_p)[0, 1]),
        "ln_ratio": float((nll_q - nll_p).mean()),
        "ln_ratio_error": float(np.sqrt((covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) / n)),
        "ratio": float(np.exp((nll_q - nll_p).mean())),
        "difference": float(np.exp(nll_q.mean()) - np.exp(nll_p.mean())),
        "kld": float(divergence.mean()),
        "kld_error": float(divergence.std(ddof=1) / np.sqrt(n)),
        "delta_p": float(delta.mean()),
        "delta_p_rms": float(np.sqrt((delta**2).mean())),
        "same_top": float((log_p.argmax(-1) == log_q.argmax(-1)).mean()),
    }
