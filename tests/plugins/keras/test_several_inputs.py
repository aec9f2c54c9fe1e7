"""Models with several inputs: one network that reads them joined, equal to what Keras gives for each apart."""

import numpy as np
import pytest

from snntk_core.joining import JoinedInputs
from snntk_keras import KerasParser

CASES = {
    "maps": ([(5, 4, 2), (5, 4, 3)], "joined along axis 2"),
    "an image and numbers": ([(5, 4, 2), (3,)], "flattened, one after the other"),
    "vectors of one model inside": ([(4,), (4,), (4,)], "joined along axis 0"),
}


def network(keras, case):
    layers, shapes = keras.layers, CASES[case][0]
    inputs = [keras.Input(shape, name=f"part{index}") for index, shape in enumerate(shapes)]
    if case == "maps":
        both = [layers.Conv2D(3, 3, padding="same", activation="relu")(value) for value in inputs]
        last = layers.Flatten()(layers.Concatenate()(both))
    elif case == "an image and numbers":
        last = layers.Concatenate()([layers.Flatten()(layers.Conv2D(2, 3)(inputs[0])), inputs[1]])
    else:
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        inner = keras.Model([a, b], layers.Subtract(name="inner")([a, b]))
        last = inner([inner([inputs[2], inputs[0]]), inputs[1]])
    return keras.Model(inputs, layers.Dense(6)(last))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["live", "m.keras", "m.h5"])
@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_the_joined_network_gives_what_keras_gives(request, drawn, compare, tmp_path, library, case, kind):
    if library == "tf_keras" and kind == "m.keras":
        pytest.skip("tf_keras keeps its models in HDF5")
    model = drawn(network(request.getfixturevalue(library), case))
    shapes, said = CASES[case]
    parts = [np.random.default_rng(i).normal(size=(3, *shape)).astype(np.float32) for i, shape in enumerate(shapes)]
    truth = np.asarray(model.predict_on_batch(parts))
    source = model
    if kind != "live":
        model.save(tmp_path / kind)
        source = tmp_path / kind
    joined = JoinedInputs(tuple("abc"[: len(shapes)]), tuple(shapes))
    graph = compare(source, batch=joined.join(parts), expected=lambda batch: truth)
    assert said in graph.meta["inputs"]
    assert graph.input_shape == joined.shape
    assert all(f"part{index}" in graph for index in range(len(shapes)))
    parser = KerasParser()
    np.testing.assert_allclose(parser.predict(parser.load(source), joined.join(parts)), truth, rtol=1e-5, atol=1e-6)
