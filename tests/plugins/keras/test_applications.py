"""Well-known deep networks with drawn weights."""

import numpy as np
import pytest

APPLICATIONS = [
    ("MobileNetV2", 32, {"alpha": 0.35}),
    ("ResNet50V2", 32, {}),
    ("DenseNet121", 32, {}),
    ("EfficientNetB0", 32, {}),
    ("Xception", 71, {}),
    ("InceptionV3", 75, {}),
    ("NASNetMobile", 32, {}),
]


@pytest.mark.parametrize(("name", "size", "options"), APPLICATIONS)
def test_application(keras, compare, name, size, options):
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10, **options)
    batch = np.random.default_rng(0).uniform(0, 1, (1, size, size, 3)).astype(np.float32)
    compare(model, batch=batch, tolerance=1e-3)
