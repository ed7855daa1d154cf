"""Which test files belong to which area, and which tests are about what minifit does not set out to do."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_ADAPTERS = "array_data_adapter generator_data_adapter py_dataset_adapter torch_data_loader_adapter data_adapter_utils"
_CALLBACKS = (
    "backup_and_restore callback csv_logger early_stopping lambda_callback learning_rate_scheduler model_checkpoint "
    "monitor_callback reduce_lr_on_plateau swap_ema_weights tensorboard terminate_on_nan"
)
_METRICS = (
    "accuracy_metrics confusion_metrics correlation_metrics f_score_metrics hinge_metrics iou_metrics metric "
    "probabilistic_metrics reduction_metrics regression_metrics"
)
_OPTIMIZERS = "sgd rmsprop adam adamw adamax nadam adagrad adadelta lion ftrl optimizer loss_scale_optimizer"
_LAYERS = {
    "core": "dense embedding input_layer lambda_layer",
    "activations": "activation relu leaky_relu prelu elu softmax",
    "convolutional": "conv",
    "pooling": "average_pooling max_pooling global_average_pooling global_max_pooling",
    "normalization": "batch_normalization layer_normalization",
    "regularization": "dropout gaussian_dropout gaussian_noise activity_regularization",
    "reshaping": "flatten reshape zero_padding2d",
    "preprocessing": "normalization rescaling",
}


def _files(folder: str, names: str) -> list[str]:
    return [f"{folder}/{name}_test.py" for name in names.split()]


#: The test files of each area.
AREAS = {
    "training": _files("trainers", "trainer compile_utils epoch_iterator")
    + _files("trainers/data_adapters", _ADAPTERS),
    "callbacks": _files("callbacks", _CALLBACKS),
    "losses": _files("losses", "loss losses"),
    "metrics": _files("metrics", _METRICS),
    "optimizers": _files("optimizers", _OPTIMIZERS),
    "schedules": _files("optimizers/schedules", "learning_rate_schedule"),
    "activations": _files("activations", "activations"),
    "initializers": _files("initializers", "initializer constant_initializers random_initializers"),
    "regularizers": _files("regularizers", "regularizers"),
    "constraints": _files("constraints", "constraints"),
    "layer": _files("layers", "layer"),
    **{f"layers-{folder}": _files(f"layers/{folder}", names) for folder, names in _LAYERS.items()},
    "models": _files("models", "model sequential functional cloning"),
    "random": _files("random", "seed_generator"),
    "saving": _files("saving", "saving_lib saving_api serialization_lib object_registration"),
    "utils": _files("utils", "numerical_utils rng_utils dataset_utils summary_utils"),
    "internals": _files("utils", "naming io_utils"),
}

_QUANTIZED = "quantized weights (int4, int8, float8, GPTQ, AWQ)"
_LORA = "LoRA"
_EXPORT = "export to another format"
_SHARDING = "sharding and distribution"
_REMAT = "rematerialization, a device-memory saving of traced backends"
_SPARSE = "sparse and ragged tensors"
_PRIVATE = "a class, function or attribute that is Keras' own affair, and in no way public"

#: Patterns of ``file::Class::test`` and what these tests are about.
OUT_OF_SCOPE = {
    "*quant*": _QUANTIZED,
    "*[Ii]nt8*": _QUANTIZED,
    "*int4*": _QUANTIZED,
    "*float8*": _QUANTIZED,
    "*gptq*": _QUANTIZED,
    "*awq*": _QUANTIZED,
    "*_lora*": _LORA,
    "*::*lora_*": _LORA,
    "*::test_export*": _EXPORT,
    "*remat*": _REMAT,
    "*test_*_sparse_[tjs]*": _SPARSE,
    "*_scipy_sparse_*": _SPARSE,
    "*_jax_sparse_*": _SPARSE,
    "*_tf_sparse_*": _SPARSE,
    "*ragged*": _SPARSE,
    "*::test_TensorBoard_non_blocking*": "logs that are still being computed elsewhere",
    "*::test_custom_summary*": "summaries that a layer writes through TensorFlow",
    "*MultiWorkerValidation*": _SHARDING,
    "*::test_tf_data_compatibility*": "layers as a step of a TensorFlow graph",
    "*::test_retracing*": "how often a traced backend traces",
}

#: The layers that minifit sets out to have.
LISTED = set(
    """
    Activation ActivityRegularization AveragePooling1D AveragePooling2D BatchNormalization Conv1D Conv2D Dense Dropout
    ELU Embedding Flatten GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D Input InputLayer InputSpec Lambda
    Layer LayerNormalization LeakyReLU MaxPooling1D MaxPooling2D Normalization PReLU ReLU Rescaling Reshape Softmax
    ZeroPadding2D
    """.split()  # noqa: SIM905
)

#: Skips of Keras' own that do not fit an engine in NumPy that trains: these tests run.
RUN_ALL_THE_SAME = (
    "compute_output_spec not supported with numpy",
    "Need to import torch",
    "torch only",
    "Channels-first axis only supported on Torch.",
)


def reason(test: str) -> str | None:
    """Return what a test is about when that is out of scope."""
    name = test.partition("::")[2]
    return next((why for pattern, why in OUT_OF_SCOPE.items() if fnmatchcase("::" + name, pattern)), None)


#: The optimizers that minifit does not set out to have.
UNLISTED = "Adafactor|Lamb|Muon|MultiOptimizer|ScheduleFreeAdamW"

#: What the tests take out of Keras' own modules though nobody is meant to.
_INTERNAL = (
    r"saving\.saving_lib\.((Sharded)?H5IOStore|DiskIOStore|NpzIOStore|safe_get_h5_dataset|_\w+)|backend\.AutocastScope"
    r"|saving\.serialization_lib\.ObjectSharingScope|random\.seed_generator\.global_seed_generator|utils\.io_utils\.\w+"
    r"|utils\.naming\.(get_uid|uniquify|get_object_name)|utils\.numerical_utils\.build_pos_neg_masks"
)

_LACKS_LAYER = re.compile(r"minifit has nothing for keras(?:\.src)?\.layers\.(?:\w+\.)*([A-Za-z]\w*)")
_LACKS = {
    re.compile(r"minifit has nothing for keras(?:\.src)?\.losses\.(?:\w+\.)*(CTC|ctc)"): "the loss CTC",
    re.compile(rf"nothing for keras(?:\.src)?\.optimizers\.(?:\w+\.)*({UNLISTED})"): "an unlisted optimizer",
    re.compile(r"(no \"|Could not locate ')adafactor\b"): "an unlisted optimizer",
    re.compile(r"minifit has nothing for keras(?:\.src)?\.applications\."): "ready-made networks",
    re.compile(r"nothing for keras(?:\.src)?\.quantizers\.|dtype_policies\.DTypePolicyMap|int8_from_"): _QUANTIZED,
    re.compile(r"has no attribute 'overwrite_with_gradient'"): _QUANTIZED,  # what float8 keeps its scales with
    re.compile(r"minifit has nothing for keras\.src\.initializers\.STFT"): "the initializer of a layer of spectrograms",
    re.compile(r"Could not locate '__typespec__'"): "types of TensorFlow",
    re.compile(rf"minifit has nothing for keras\.src\.({_INTERNAL})"): _PRIVATE,
    re.compile(r"does not have the attribute '(_ZIP_\w+|is_remote_path)'"): _PRIVATE,
    re.compile(r"object has no attribute '_(kernel|embeddings|tracker)'"): _PRIVATE,
    re.compile(r"fixture missing at .*test_data"): "a file that does not come with the Keras package",
}


def reason_of_failure(error: str) -> str | None:
    """Return what a failed test needs of Keras that minifit does not set out to have, if it is that."""
    layer = _LACKS_LAYER.search(error)
    if layer and layer[1] not in LISTED:
        return f"the layer {layer[1]}, which is not among minifit's"
    return next((why for pattern, why in _LACKS.items() if pattern.search(error)), None)
