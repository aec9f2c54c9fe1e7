"""Data comes from arrays and files in every form people have it in, and is refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest

from snntk_core.data import Data, class_labels, load_data, load_samples
from snntk_core.errors import DataError

X = np.arange(24, dtype=np.float32).reshape(6, 4)
Y = np.array([0, 2, 1, 1, 0, 2])


@pytest.mark.parametrize(
    "labels",
    [Y, Y.tolist(), Y[:, None], Y.astype(float), Y.astype(np.uint8), np.eye(3)[Y], np.eye(3, dtype=bool)[Y]],
)
def test_labels_are_numbers_columns_or_one_hot_rows(labels: object) -> None:
    found = class_labels(np.asarray(labels), 6)
    np.testing.assert_array_equal(found, Y)
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y[:5], "6 samples but 5 labels"),
        (Y - 1, "not class numbers.*: that of sample 0 is -1"),
        (Y + 0.5, "not class numbers.*: that of sample 0 is 0.5"),
        (np.full(6, np.nan), "not class numbers.*: that of sample 0 is nan"),
        (np.eye(3)[Y] * 2, "neither class numbers nor one-hot"),
        (np.ones((6, 3)), "neither class numbers nor one-hot"),
        (np.zeros((6, 2, 2)), "not class numbers"),
        (np.array(list("abcdef")), "are text, not class numbers"),
        (np.array(3), "not class numbers"),
    ],
)
def test_other_labels_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_labels(labels, 6)


def test_data_is_limited_to_the_first_samples() -> None:
    data = Data(X, Y, X).limited(2)
    np.testing.assert_array_equal(data.labels, Y[:2])
    assert (len(data.x), len(data.calibration)) == (2, 6)
    assert len(Data(X).limited(None).x) == 6
    assert Data(X).limited(3).labels is None


def test_samples_that_are_in_both_sets_are_counted() -> None:
    assert Data(X, calibration=X[:2].astype(np.float64)).overlap == 2
    assert Data(X, calibration=X + 100).overlap == 0
    assert Data(X).overlap == 0
    assert Data(np.zeros((3, 0)), calibration=np.zeros((2, 0))).overlap == 1
    assert Data(X.astype(float) + 1e300, calibration=X.astype(float) + 1e300).overlap == 1


def test_overlap_is_counted_quickly() -> None:
    rng = np.random.default_rng(0)
    assert Data(rng.normal(size=(20_000, 4)), calibration=rng.normal(size=(20_000, 4))).overlap == 0


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": X, "y": Y, "calibration": X},
        {"x_test": X, "y_test": Y, "x_norm": X},
        {"x": X, "labels": np.eye(3)[Y], "calibration": X},
    ],
)
def test_one_file_holds_everything(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    data = load_data(tmp_path / "d.npz")
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.labels, Y)
    np.testing.assert_array_equal(data.calibration, X)


def test_a_folder_as_snn_toolbox_wrote_it(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x_test.npz", X)
    assert load_data(tmp_path).labels is None
    np.savez_compressed(tmp_path / "y_test.npz", np.eye(3)[Y])
    np.savez_compressed(tmp_path / "x_norm.npz", X + 1)
    data = load_data(tmp_path)
    np.testing.assert_array_equal(data.labels, Y)
    np.testing.assert_array_equal(data.calibration, X + 1)


def test_samples_alone_and_calibration_from_another_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "train.npz", x=X + 5, y=Y)
    np.savez(tmp_path / "only.npz", whatever=X + 7)
    data = load_data(tmp_path / "x.npy", tmp_path / "train.npz")
    np.testing.assert_array_equal(data.calibration, X + 5)
    np.testing.assert_array_equal(load_samples(tmp_path / "only.npz"), X + 7)


def test_files_that_do_not_fit_are_refused_in_one_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz", a=X, b=X)
    np.savez(tmp_path / "short.npz", x=X, y=Y[:3])
    np.savez(tmp_path / "pickle.npz", x=np.array([{}], dtype=object))
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object))
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("hello")
    whole = (tmp_path / "none.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder").mkdir()
    expected = {
        "none.npz": "has no array 'x'; it holds a, b",
        "short.npz": "6 samples but 3 labels",
        "pickle.npz": "cannot be read: it holds objects, not numbers",
        "pickle.npy": "cannot be read: it holds objects, not numbers",
        "empty.npz": "cannot be read: it is not an .npz or .npy file",
        "text.npz": "cannot be read: it is not an .npz or .npy file",
        "half.npz": "cannot be read",
        "folder": "has no x_test.npz",
        "missing.npz": "There is no file",
    }
    for name, message in expected.items():
        with pytest.raises(DataError, match=message) as caught:
            load_data(tmp_path / name)
        assert "\n" not in str(caught.value), name
        assert str(caught.value).count(name) == 1, name
        assert not str(caught.value).endswith(".."), name


HOLED = np.where(np.arange(24).reshape(6, 4) == 9, np.nan, X)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (HOLED, "samples hold a value that is not finite, first in sample 2"),
        (np.float32(3), "are a single number"),
        (np.array(["a", "b"]), "samples are text; numbers are needed"),
        (X.astype(complex), "samples are complex numbers"),
        (X[:0], "no samples"),
        ([[1, 2], [3]], "do not make one array"),
    ],
)
def test_samples_that_are_none_are_refused_and_named(x: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Data(x)  # type: ignore[arg-type]
    assert "test samples" in str(caught.value)
    with pytest.raises(DataError, match=message) as caught:
        Data(X, calibration=x)  # type: ignore[arg-type]
    assert "calibration samples" in str(caught.value)
    if not isinstance(x, list):
        np.savez(tmp_path / "d.npz", x=x)
        for read in (load_data, load_samples):
            with pytest.raises(DataError, match=message) as caught:
                read(tmp_path / "d.npz")
            assert str(caught.value).startswith(f"{tmp_path / 'd.npz'}: ")


def test_samples_of_two_shapes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "same.npy", X[:, None])
    assert load_data(tmp_path / "x.npy", tmp_path / "same.npy").overlap == 6
    np.save(tmp_path / "c.npy", X[:, :3])
    with pytest.raises(DataError, match=r"x.npy have the shape \(4,\), in .*c.npy \(3,\)"):
        load_data(tmp_path / "x.npy", tmp_path / "c.npy")


def test_a_file_of_labels_alone_is_no_calibration(tmp_path: Path) -> None:
    np.savez(tmp_path / "labels.npz", y=Y)
    with pytest.raises(DataError, match=r"labels.npz has no array 'x' of samples; it holds y"):
        load_samples(tmp_path / "labels.npz")


def test_the_nearest_file_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", X)
    for read in (load_data, load_samples):
        with pytest.raises(DataError, match=r"There is no file .*trane.npy. Did you mean 'train.npy'\?"):
            read(tmp_path / "trane.npy")
