"""Files of libraries that are not installed here, written by hand: Keras 1, pruning wrappers, snn_toolbox's layers."""

import json

import h5py
import numpy as np


def write_legacy(path, layers, version="2.2.4", backend="tensorflow", shape=(None, 6)):
    """Write a Sequential .h5; ``layers``: (class, config, {weight name: array})."""
    entries = [
        {"class_name": kind, "config": {"name": f"l{i}", **config}} for i, (kind, config, _) in enumerate(layers)
    ]
    entries[0]["config"]["batch_input_shape"] = list(shape)
    config = {"class_name": "Sequential", "config": entries if version[0] == "1" else {"layers": entries, "name": "m"}}
    with h5py.File(path, "w") as file:
        file.attrs.update({"keras_version": version, "backend": backend, "model_config": json.dumps(config)})
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [f"l{i}".encode() for i in range(len(layers))]
        for i, (_, _, weights) in enumerate(layers):
            own = group.create_group(f"l{i}")
            own.attrs["weight_names"] = [name.encode() for name in weights]
            for name, array in weights.items():
                own.create_dataset(name, data=np.asarray(array, np.float32))
    return path
