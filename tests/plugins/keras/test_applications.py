"""Well-known deep networks with drawn weights.  Most are slow: SNNTK_SLOW=1 runs them all."""

import numpy as np
import pytest

SLOW = pytest.mark.slow
APPLICATIONS = [
    pytest.param("MobileNetV2", 32, {"alpha": 0.35}),
    pytest.param("ResNet50V2", 32, {}, marks=SLOW),
    pytest.param("DenseNet121", 32, {}, marks=SLOW),
    pytest.param("EfficientNetB0", 32, {}, marks=SLOW),
    pytest.param("Xception", 71, {}, marks=SLOW),
    pytest.param("InceptionV3", 75, {}, marks=SLOW),
    pytest.param("NASNetMobile", 32, {}, marks=SLOW),
]


@pytest.mark.parametrize(("name", "size", "options"), APPLICATIONS)
def test_application(keras, compare, name, size, options):
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10, **options)
    batch = np.random.default_rng(0).uniform(0, 1, (1, size, size, 3)).astype(np.float32)
    compare(model, batch=batch, tolerance=1e-3)
