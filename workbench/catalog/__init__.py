"""Facts about the DeepSeek family and about GPUs, as data files in which each value names its source."""

from workbench.catalog.data import Fact
from workbench.catalog.gpus import GPUS, CatalogGpu, gpu
from workbench.catalog.local import LocalModel, local_model
from workbench.catalog.models import MODELS, CatalogModel, hf_config, model
from workbench.catalog.shapes import Parameters, kv_values_per_token, parameters, step_parameters

__all__ = [
    "GPUS",
    "MODELS",
    "CatalogGpu",
    "CatalogModel",
    "Fact",
    "LocalModel",
    "Parameters",
    "gpu",
    "hf_config",
    "kv_values_per_token",
    "local_model",
    "model",
    "parameters",
    "step_parameters",
]
