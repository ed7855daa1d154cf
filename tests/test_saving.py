"""Files of weights and models: every container, what does not fit, what is broken, what is hostile."""

import io
import json
import os
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit.files import is_plain, read_tree, write_tree

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)).astype("float32"), RNG.normal(size=(20, 2)).astype("float32")
ENDINGS = ["npz", "weights.h5", "safetensors"]


def network(hidden: int = 3, last: int = 2) -> Any:
    layers = [keras.Input((4,)), keras.layers.Dense(hidden, activation="relu"), keras.layers.BatchNormalization()]
    model = keras.Sequential([*layers, keras.layers.Dense(last)])
    model.set_weights([RNG.normal(size=w.shape) for w in model.get_weights()])
    return model


def trained(optimizer: Any = "adam") -> Any:
    model = network()
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    return model


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


class Tree(keras.Model):
    """Layers as attributes of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.zed = keras.layers.Dense(3)
        self.block = [keras.layers.Dense(3), [keras.layers.Dense(3)]]
        self.named = {"one": keras.layers.Dense(3)}
        self._private = keras.layers.Dense(2)
        self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        for layer in (self.zed, self.block[0], self.block[1][0], self.named["one"]):
            x = layer(x) * self.scale
        return self._private(x)


# --- weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_of_any_attribute_come_back(tmp_path: Path, ending: str) -> None:
    one, other = Tree(), Tree()
    one(X), other(X)
    one.save_weights(tmp_path / f"w.{ending}")
    assert not same(one, other)
    other.load_weights(tmp_path / f"w.{ending}")
    assert same(one, other)


def test_paths_are_those_of_attributes(tmp_path: Path) -> None:
    model = Tree()
    model(X)
    model.save_weights(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as table:
        owners = sorted({name.rpartition("vars/")[0].rstrip("/") for name in table.files})
    # What comes after "layers" in the alphabet is found under it first.
    assert owners == [
        "",
        "block/container/dense",
        "block/dense",
        "layers/dense",
        "layers/dense_4",
        "layers/dense_3",
    ] or (owners[:3] == ["", "block/container/dense", "block/dense"] and len(owners) == 6)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_optimizer_goes_along(tmp_path: Path, ending: str) -> None:
    one, other = trained(), trained()
    one.save_weights(tmp_path / f"w.{ending}")
    other.load_weights(tmp_path / f"w.{ending}")
    again = [m.fit(X, Y, epochs=2, shuffle=False, verbose=0).history for m in (one, other)]
    assert again[0] == again[1]


def test_weights_are_loaded_from_a_whole_model(tmp_path: Path) -> None:
    one, other = trained(), network()
    one.save(tmp_path / "m.keras")
    other.load_weights(tmp_path / "m.keras")
    assert same(one, other)


def test_what_does_not_fit_is_refused_or_skipped(tmp_path: Path) -> None:
    network(last=5).save_weights(tmp_path / "w.npz")
    model = network()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"w\.npz: layers/dense_1/vars/0 has shape \(3, 5\).*\(3, 2\).*must match"):
        model.load_weights(tmp_path / "w.npz")
    assert all(map(np.array_equal, before, model.get_weights()))
    with pytest.warns(UserWarning, match="layers/dense_1"):
        model.load_weights(tmp_path / "w.npz", skip_mismatch=True)
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert np.array_equal(before[-1], model.get_weights()[-1])


def test_layers_too_many_or_too_few_are_told(tmp_path: Path) -> None:
    network().save_weights(tmp_path / "w.npz")
    longer = keras.Sequential([*network().layers, keras.layers.Dense(2)])
    longer.build((None, 4))
    with pytest.raises(ValueError, match="received 0 variables"):
        longer.load_weights(tmp_path / "w.npz")
    shorter = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"The model has no layers/batch_normalization"):
        shorter.load_weights(tmp_path / "w.npz")


def test_objects_may_be_left_out(tmp_path: Path) -> None:
    one, other = network(), network()
    one.save_weights(tmp_path / "w.npz", objects_to_skip=[one.layers[0]])
    other.load_weights(tmp_path / "w.npz", objects_to_skip=[other.layers[0]])
    equal = [np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)]
    assert equal == [False, False, *[True] * (len(equal) - 2)]


def test_names_and_arguments_are_checked(tmp_path: Path) -> None:
    model = network()
    with pytest.raises(ValueError, match=r"must end in `\.weights\.h5`"):
        model.save_weights(tmp_path / "w.txt")
    with pytest.raises(ValueError, match="File format not supported"):
        model.load_weights(tmp_path / "w.txt")
    with pytest.raises(FileNotFoundError, match="no such file"):
        model.load_weights(tmp_path / "w.npz")
    model.save_weights(tmp_path / "w.npz")
    with pytest.raises(ValueError, match="Invalid keyword"):
        model.load_weights(tmp_path / "w.npz", by_nme=True)
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "w.npz", by_name=True)
    with pytest.raises(ValueError, match="not yet been built"):
        keras.Sequential([keras.layers.Dense(1)]).save_weights(tmp_path / "w.npz")


@pytest.mark.parametrize("by_name", [False, True])
def test_weights_in_the_older_form_of_keras_are_read(tmp_path: Path, by_name: bool) -> None:
    one, other = network(), network()
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in one.layers]
        for layer in one.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{v.name}:0" for v in (*layer.trainable_weights, *layer.non_trainable_weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, (*layer.trainable_weights, *layer.non_trainable_weights), strict=True):
                group[name] = variable.numpy()
    if by_name:
        for layer, known in zip(other.layers, one.layers, strict=True):
            layer.name = known.name
    other.load_weights(tmp_path / "old.h5", by_name=by_name)
    assert same(one, other)


# --- whole models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: "adam",
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        lambda: keras.optimizers.AdamW(keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.5), use_ema=True),
    ],
    ids=["adam", "momentum", "schedule"],
)
def test_a_model_trains_on_as_if_never_saved(tmp_path: Path, ending: str, optimizer: Any) -> None:
    model = trained(optimizer())
    model.save(tmp_path / f"m.{ending}")
    loaded = keras.saving.load_model(tmp_path / f"m.{ending}")
    assert same(model, loaded)
    again = [m.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0).history for m in (model, loaded)]
    assert again[0] == again[1]
    assert same(model, loaded)


def test_the_archive_is_as_keras_has_it(tmp_path: Path) -> None:
    trained().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert set(json.loads(archive.read("metadata.json"))) == {"keras_version", "date_saved"}
        config = json.loads(archive.read("config.json"))
    assert {"module", "class_name", "config", "build_config", "compile_config"} <= set(config)


def test_without_h5py_the_weights_are_in_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minifit.saving.has_h5py", lambda: False)
    model = trained()
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert "model.weights.npz" in archive.namelist()
    assert same(model, keras.saving.load_model(tmp_path / "m.keras"))


def test_models_go_into_open_files_and_folders(tmp_path: Path) -> None:
    model, file = trained(), io.BytesIO()
    keras.saving.save_model(model, file)
    file.seek(0)
    assert same(model, keras.saving.load_model(file))
    model.save(tmp_path / "folder", zipped=False)
    assert same(model, keras.saving.load_model(tmp_path / "folder"))


def test_compiling_can_be_left_out(tmp_path: Path) -> None:
    trained().save(tmp_path / "m.keras")
    assert not keras.saving.load_model(tmp_path / "m.keras", compile=False).compiled


def test_a_lambda_is_only_run_if_allowed(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=False)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), 2 * X)


def test_own_layers_come_from_custom_objects(tmp_path: Path) -> None:
    class Twice(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return 2 * inputs

    keras.Sequential([keras.Input((4,)), Twice()]).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="custom_objects"):
        keras.saving.load_model(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", custom_objects={"Twice": Twice})
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), 2 * X)


def test_own_files_of_a_layer_go_along(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("test_saving")
    class Words(keras.layers.Layer):
        words = "none"

        def call(self, inputs: Any) -> Any:
            return inputs

        def save_assets(self, folder: str) -> None:
            Path(folder, "words.txt").write_text(self.words)

        def load_assets(self, folder: str) -> None:
            self.words = Path(folder, "words.txt").read_text()

    model = keras.Sequential([keras.Input((4,)), Words()])
    model.layers[0].words = "two words"
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").layers[0].words == "two words"


def test_names_of_models_are_checked(tmp_path: Path) -> None:
    model = trained()
    for name, match in (("m.png", "Invalid filepath extension"), ("m", "Invalid filepath extension")):
        with pytest.raises(ValueError, match=match):
            model.save(tmp_path / name)
    with pytest.raises(ValueError, match="should not end in"):
        model.save(tmp_path / "m.keras", zipped=False)
    with pytest.raises(ValueError, match="not supported"):
        model.save(tmp_path / "m.keras", signatures=None)
    with pytest.raises(ValueError, match="File not found"):
        keras.saving.load_model(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="File format not supported"):
        keras.saving.load_model(tmp_path / "m.pkl")


def test_a_save_that_fails_leaves_the_old_model(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()
    model.layers[0].save_own_variables = None
    with pytest.raises(TypeError):
        model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == before
    assert os.listdir(tmp_path) == ["m.keras"]


# --- broken and hostile files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [*ENDINGS, "keras"])
def test_files_cut_off_anywhere_are_refused_and_nothing_is_set(tmp_path: Path, ending: str) -> None:
    model = trained()
    (model.save if ending == "keras" else model.save_weights)(tmp_path / f"w.{ending}")
    whole = (tmp_path / f"w.{ending}").read_bytes()
    before = model.get_weights()
    for share in (0.0, 0.1, 0.5, 0.9):
        (tmp_path / f"cut.{ending}").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match=rf"cut\.{ending}"):
            model.load_weights(tmp_path / f"cut.{ending}")
        if ending == "keras":
            with pytest.raises(ValueError, match=r"cut\.keras"):
                keras.saving.load_model(tmp_path / "cut.keras")
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("ending", [*ENDINGS, "keras"])
def test_files_with_a_changed_byte_never_crash(tmp_path: Path, ending: str) -> None:
    model = trained()
    (model.save if ending == "keras" else model.save_weights)(tmp_path / f"w.{ending}")
    whole = bytearray((tmp_path / f"w.{ending}").read_bytes())
    for place in RNG.integers(0, len(whole), 60):
        changed = bytearray(whole)
        changed[place] ^= int(RNG.integers(1, 256))
        (tmp_path / f"c.{ending}").write_bytes(changed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:  # noqa: SIM105 - some bytes change a number, or nothing
                model.load_weights(tmp_path / f"c.{ending}")
            except ValueError:
                pass


def safetensors(header: Any, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


HOSTILE = {
    "a header that is longer than the file": struct.pack("<Q", 1 << 60) + b"{}",
    "a tensor beyond the end": safetensors({"vars/0": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}),
    "a tensor of no length": safetensors({"vars/0": {"dtype": "F32", "shape": [1 << 60], "data_offsets": [0, 0]}}),
    "a negative offset": safetensors({"vars/0": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"1234"),
    "an unknown type": safetensors({"vars/0": {"dtype": "Q7", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
    "no offsets": safetensors({"vars/0": {"dtype": "F32", "shape": [1]}}, b"1234"),
    "a list": safetensors([1, 2]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_safetensors_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match=r"w\.safetensors cannot be read"):
        network().load_weights(tmp_path / "w.safetensors")


def test_half_precision_of_another_kind_is_read(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5], "float32")
    body = (values.view("u4") >> 16).astype("<u2").tobytes()
    told = {"layers/dense/vars/0": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [0, 4]}}
    (tmp_path / "w.safetensors").write_bytes(safetensors(told, body))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(model.get_weights()[0][:, 0], values)


def npy(shape: tuple[int, ...], descr: str = "<f4", data: bytes = b"") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    "content", [npy((1 << 40,)), npy((3,), "|O", b"c__builtin__\nprint\n."), npy((-1,)), b"", b"no array"]
)
def test_hostile_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("layers/dense/vars/0.npy", content)
    with pytest.raises(ValueError, match=r"w\.npz cannot be read"):
        network().load_weights(tmp_path / "w.npz")


def test_archives_that_would_swell_are_refused(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("config.json", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="bomb"):
        keras.saving.load_model(tmp_path / "m.keras")


def test_data_sets_that_would_swell_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", (1 << 33,), "f4", chunks=(1 << 20,), compression="gzip")
    with pytest.raises(ValueError, match="bomb"):
        network().load_weights(tmp_path / "w.weights.h5")


def test_links_out_of_a_file_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(48))
    network().save_weights(tmp_path / "other.weights.h5")
    with h5py.File(tmp_path / "soft.h5", "w") as file:
        file["a"] = h5py.SoftLink("/b")
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "other.weights.h5"), "/layers")
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file.create_dataset("vars/0", (12,), "f4", external=[(str(tmp_path / "secret"), 0, 48)])
    for name, match in (("soft", "SoftLink"), ("external", "ExternalLink"), ("outside", "another file")):
        with pytest.raises(ValueError, match=match):
            network().load_weights(tmp_path / f"{name}.h5")


@pytest.mark.parametrize(
    "config", [b"{", b"[]", b"3", b'{"class_name": "Dense"}', b'{"class_name": "print", "config": {}}']
)
def test_archives_that_hold_no_model_are_refused(tmp_path: Path, config: bytes) -> None:
    trained().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive, zipfile.ZipFile(tmp_path / "n.keras", "w") as other:
        other.writestr("config.json", config)
        other.writestr("model.weights.h5", archive.read("model.weights.h5"))
    with pytest.raises((ValueError, TypeError)):
        keras.saving.load_model(tmp_path / "n.keras")


def test_files_of_an_archive_do_not_leave_their_folder(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("test_saving")
    class Looks(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

        def load_assets(self, folder: str) -> None:
            self.found = sorted(os.listdir(folder))

    keras.Sequential([keras.Input((4,)), Looks()]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as archive:
        archive.writestr("assets/layers/looks/../../../evil.txt", b"evil")
        archive.writestr("assets/layers/looks/good.txt", b"good")
    assert keras.saving.load_model(tmp_path / "m.keras").layers[0].found == ["good.txt"]


# --- nested data -----------------------------------------------------------------------------------------------------


def test_nested_data_come_back_bit_by_bit(tmp_path: Path) -> None:
    tree = {
        "numbers": [1, 2**80, -0.0, float("inf"), True, None],
        3: (np.arange(6, dtype="uint8").reshape(2, 3), np.float32(0.1)),
        "empty": [(), {}, [], ""],
    }
    write_tree(tmp_path / "t.npz", tree)
    back = read_tree(tmp_path / "t.npz")
    assert repr(back) == repr(tree)
    assert type(back[3][1]) is np.float32


def test_what_is_no_plain_data_is_told_apart() -> None:
    assert is_plain({"a": [1, (None, np.zeros(2))]})
    assert not any(map(is_plain, (print, {1, 2}, object(), [open], np.array([None]))))


# --- states as nested dicts ------------------------------------------------------------------------------------------


def test_the_state_of_a_model_goes_out_and_in_by_paths() -> None:
    model = network()
    model.compile(keras.optimizers.Adam(name="adam"), "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    tree = model.get_state_tree()
    assert tree["optimizer_variables"]["adam"]["iteration"] == 1
    assert {name.rstrip("_0123456789") for name in tree["metrics_variables"]} == {"loss", "mean_absolute_error"}
    numbers = model.get_state_tree("numpy_array")["non_trainable_variables"]
    (norm,) = next(iter(numbers.values())).values()
    assert set(norm) == {"moving_mean", "moving_variance"}
    assert isinstance(norm["moving_mean"], np.ndarray)

    path = model.trainable_variables[0].path.split("/")
    model.set_state_tree({"trainable_variables": {path[0]: {path[1]: {path[2]: np.full((4, 3), 7.0)}}}})
    assert (model.get_weights()[0] == 7).all()
    with pytest.raises(ValueError, match="Unknown variable name: 'weights'"):
        model.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="value_format"):
        model.get_state_tree("lists")


def test_a_state_with_one_path_twice_is_refused() -> None:
    x = keras.Input((2,))
    inner = [keras.Sequential([keras.layers.Dense(1, name="dense")], name="same") for _ in range(2)]
    model = keras.Model(x, [part(x) for part in inner])
    with pytest.raises(ValueError, match="found twice"):
        model.get_state_tree()


# --- other types, and what JSON makes of them ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["weights.h5", "keras"])
def test_bfloat16_is_exchanged_with_every_float_type(tmp_path: Path, ending: str) -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    path = tmp_path / f"net.{ending}"
    for dtype in ("bfloat16", "float32"):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype=dtype)])
        (model.save if ending == "keras" else model.save_weights)(path)
        for other in ("bfloat16", "float16", "float64"):
            loaded = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype=other)])
            loaded.load_weights(path)
            expected = model.get_weights()[0].astype(bfloat16 if other == "bfloat16" else other)
            np.testing.assert_array_equal(loaded.get_weights()[0], expected)


def test_a_part_of_a_symbol_comes_back_from_json() -> None:
    x = keras.Input((3, 4))
    model = keras.Model(x, x[:, 1, 1:])
    again = keras.models.model_from_json(model.to_json())
    np.testing.assert_array_equal(again.predict(np.ones((2, 3, 4)), verbose=0), np.ones((2, 3)))


def test_a_registered_function_is_written_under_its_full_name() -> None:
    @keras.saving.register_keras_serializable("tests")
    def twice(x: Any) -> Any:
        return 2 * x

    described = keras.saving.serialize_keras_object(twice)
    assert described["config"] == "tests>twice"
    assert keras.saving.deserialize_keras_object(described) is twice
    assert keras.saving.deserialize_keras_object({**described, "config": "twice"}) is twice
