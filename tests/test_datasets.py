"""The data sets that ship: what is in them, and that no half of a file is ever read as a whole one."""

import ast
import gzip
import hashlib
import http.server
import subprocess
import sys
import threading
import urllib.request
import zlib
from pathlib import Path

import numpy as np
import pytest
from make_datasets import CONTENT_SHA256, SHA256, content_digests, fashion_mnist_arrays, npz

from minifit import datasets
from minifit.datasets import cache, digits, fashion_mnist, penguins
from minifit.datasets.split import stratified_split

FOLDER = Path(datasets.__file__).parent
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
needs_debian = pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="needs the original 70,000 images (apt install dataset-fashion-mnist)"
)


def images_of(x):
    return [image.tobytes() for image in x]


# The files


@pytest.mark.parametrize("name", SHA256)
def test_data_file_is_the_published_one(name):
    content = (FOLDER / name).read_bytes()
    if name.endswith(".csv"):  # a checkout on Windows may have changed the ends of its lines
        content = content.replace(b"\r\n", b"\n")
    assert hashlib.sha256(content).hexdigest() == SHA256[name]


def test_data_files_are_small_and_described_with_their_licences():
    assert sum((FOLDER / name).stat().st_size for name in SHA256) < 6_000_000
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for word in (*SHA256, "CC0 1.0", "CC BY 4.0", "BSD 3-Clause", "Copyright © 2017 Zalando SE"):
        assert word in text


@needs_debian
def test_fashion_mnist_file_can_be_made_again_from_the_originals():
    arrays = fashion_mnist_arrays(DEBIAN)
    assert content_digests(arrays) == CONTENT_SHA256
    if zlib.ZLIB_RUNTIME_VERSION == "1.2.13":
        assert hashlib.sha256(npz(arrays)).hexdigest() == SHA256["fashion_mnist.npz"]


def test_modules_need_nothing_beyond_numpy_and_the_standard_library():
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names | {"numpy"} or name.startswith("minifit.datasets")


def test_importing_the_package_reads_no_data():
    program = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import minifit.datasets\n"
        f"print([name for name in opened if name.endswith({tuple(SHA256)!r})])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


@pytest.mark.parametrize("load_data", [fashion_mnist.load_data, penguins.load_data, digits.load_data])
def test_every_call_gives_the_same_values_in_arrays_of_the_callers_own(load_data):
    first = [array for part in load_data() for array in part]
    copies = [array.copy() for array in first]
    for array in first:
        array[:] = 0
    second = [array for part in load_data() for array in part]
    for got, expected in zip(second, copies, strict=True):
        np.testing.assert_array_equal(got, expected)


# Fashion-MNIST, the 12,000


def test_fashion_mnist_shapes_types_range():
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert x_train.shape == (10_000, 28, 28)
    assert x_test.shape == (2_000, 28, 28)
    assert y_train.shape == (10_000,)
    assert y_test.shape == (2_000,)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert x_train.min() == x_test.min() == 0
    assert x_train.max() == x_test.max() == 255


def test_fashion_mnist_is_balanced_and_no_stretch_of_rows_lacks_a_class():
    (_, y_train), (_, y_test) = fashion_mnist.load_data()
    assert np.bincount(y_train).tolist() == [1000] * 10
    assert np.bincount(y_test).tolist() == [200] * 10
    # validation_split takes the last rows.
    for rows in (y_train[:200], y_train[-200:], y_test[-200:]):
        assert np.bincount(rows, minlength=10).min() >= 8
    assert len(fashion_mnist.CLASS_NAMES) == 10


def test_fashion_mnist_has_no_image_twice():
    # Exact repeats were taken out of the original by its authors in 2017; images that are merely alike remain.
    (x_train, _), (x_test, _) = fashion_mnist.load_data()
    assert len(set(images_of(x_train)) | set(images_of(x_test))) == 12_000


@needs_debian
def test_fashion_mnist_subset_comes_from_the_right_halves_with_the_right_labels():
    small = fashion_mnist.load_data()
    full = fashion_mnist.load_data(full=True)
    for (x_some, y_some), (x_all, y_all) in zip(small, full, strict=True):
        labels = dict(zip(images_of(x_all), y_all, strict=True))
        assert all(labels[image] == label for image, label in zip(images_of(x_some), y_some, strict=True))


@needs_debian
def test_fashion_mnist_full_is_the_original():
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(full=True)
    assert x_train.shape == (60_000, 28, 28)
    assert x_test.shape == (10_000, 28, 28)
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert y_train[:5].tolist() == [9, 0, 0, 3, 0]
    assert y_train.flags.writeable
    assert not set(images_of(x_train)) & set(images_of(x_test))


# Fashion-MNIST, the 70,000, from folders and over the network. The originals are stood in for by small ones.


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """Four small files in the originals' form: content by name, with the checks changed to fit."""
    shapes = {"train-images": (7, 28, 28), "train-labels": (7,), "t10k-images": (3, 28, 28), "t10k-labels": (3,)}
    rng = np.random.default_rng(0)
    contents, table = {}, []
    for word, shape in shapes.items():
        name = f"{word}-idx{len(shape)}-ubyte"
        header = np.array([0x0800 + len(shape), *shape], dtype=">u4").tobytes()
        contents[name] = header + rng.integers(0, 10, shape, dtype=np.uint8).tobytes()
        table.append(fashion_mnist._Original(name, shape, hashlib.sha256(contents[name]).hexdigest()))
    monkeypatch.setattr(fashion_mnist, "_ORIGINALS", tuple(table))
    monkeypatch.setattr(fashion_mnist, "_DEBIAN_FOLDER", tmp_path / "no such folder")
    monkeypatch.setattr(fashion_mnist, "_HOSTS", ())
    monkeypatch.setenv("MINIFIT_HOME", str(tmp_path / "home"))
    return contents


@pytest.fixture
def cached(tmp_path):
    return tmp_path / "home" / "datasets" / "fashion-mnist"


@pytest.fixture
def host(monkeypatch):
    """A web server: returns (addresses, what it answers by path, which paths were asked for)."""
    monkeypatch.setenv("no_proxy", "*")
    answers: dict[str, tuple[int, int, bytes]] = {}
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, promised_bytes, content = answers.get(self.path, (404, 0, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(promised_bytes))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", answers, asked
        server.shutdown()


def write(folder, contents, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)


def offer(answers, contents, path="/"):
    for name, content in contents.items():
        packed = gzip.compress(content)
        answers[f"{path}{name}.gz"] = (200, len(packed), packed)


def assert_loaded(loaded, contents):
    arrays = [array for part in loaded for array in part]
    for array, content in zip(arrays, contents.values(), strict=True):
        assert array.tobytes() == content[4 + 4 * array.ndim :]
        assert array.flags.writeable


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("as_type", [str, Path])
def test_full_reads_the_users_folder(tmp_path, originals, packed, as_type):
    write(tmp_path / "mine", originals, packed)
    loaded = fashion_mnist.load_data(full=True, folder=as_type(tmp_path / "mine"))
    assert [array.shape for part in loaded for array in part] == [(7, 28, 28), (7,), (3, 28, 28), (3,)]
    assert_loaded(loaded, originals)


def test_full_prefers_debians_folder_then_the_cache_to_the_network(tmp_path, originals, cached, monkeypatch):
    write(cached, originals)
    assert_loaded(fashion_mnist.load_data(full=True), originals)
    for path in cached.iterdir():
        path.unlink()
    write(tmp_path / "debian", originals)
    monkeypatch.setattr(fashion_mnist, "_DEBIAN_FOLDER", tmp_path / "debian")
    assert_loaded(fashion_mnist.load_data(full=True), originals)


def test_full_downloads_once_and_keeps_the_files(originals, cached, host, monkeypatch, capsys):
    address, answers, asked = host
    offer(answers, originals)
    monkeypatch.setattr(fashion_mnist, "_HOSTS", (address,))
    assert_loaded(fashion_mnist.load_data(full=True), originals)
    assert sorted(path.name for path in cached.iterdir()) == sorted(f"{name}.gz" for name in originals)
    assert str(cached) in capsys.readouterr().out
    assert_loaded(fashion_mnist.load_data(full=True), originals)
    assert len(asked) == 4
    assert capsys.readouterr().out == ""


def test_hosts_are_asked_over_https():
    assert all(host.startswith("https://") for host in fashion_mnist._HOSTS)


def test_second_host_is_asked_when_the_first_gives_something_else(originals, host, monkeypatch):
    address, answers, _ = host
    offer(answers, dict.fromkeys(originals, b"a page that asks you to log in"), path="/first/")
    offer(answers, originals, path="/second/")
    monkeypatch.setattr(fashion_mnist, "_HOSTS", (f"{address}first/", f"{address}second/"))
    assert_loaded(fashion_mnist.load_data(full=True), originals)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda packed: (404, 0, b""), "404"),
        (lambda packed: (200, len(packed), packed[: len(packed) // 2]), "bytes|IncompleteRead"),
        (lambda packed: (200, len(packed) // 2, packed[: len(packed) // 2]), "bytes unpacked and holds"),
        (lambda packed: (200, len(packed), b"\x1f\x8b" + bytes(len(packed) - 2)), "damaged"),
        (lambda packed: (200, 50_000, bytes(50_000)), "more than the"),
        (lambda packed: (200, 5516, bytes(5516)), "bytes unpacked|SHA-256"),
    ],
    ids=["missing", "cut short", "short", "damaged", "too long", "other content"],
)
def test_failed_download_leaves_nothing_behind_and_says_what_to_do(
    originals, cached, host, monkeypatch, damage, reason
):
    address, answers, _ = host
    offer(answers, originals)
    broken = "t10k-images-idx3-ubyte.gz"
    answers[f"/{broken}"] = damage(answers[f"/{broken}"][2])
    monkeypatch.setattr(fashion_mnist, "_HOSTS", (address,))
    with pytest.raises(ConnectionError, match=reason) as caught:
        fashion_mnist.load_data(full=True)
    assert f"{address}{broken}" in str(caught.value)
    assert "load_data(full=True, folder=...)" in str(caught.value)
    # The two files before it arrived whole and stay; of this one there is no trace.
    assert sorted(path.name for path in cached.iterdir()) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    offer(answers, originals)
    assert_loaded(fashion_mnist.load_data(full=True), originals)


def test_download_interrupted_from_the_keyboard_leaves_nothing_behind(originals, cached, monkeypatch):
    class Response:
        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def read(self, size):
            raise KeyboardInterrupt

    monkeypatch.setattr(fashion_mnist, "_HOSTS", ("https://example.invalid/",))
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Response())
    with pytest.raises(KeyboardInterrupt):
        fashion_mnist.load_data(full=True)
    assert list(cached.iterdir()) == []


def test_disk_that_fills_up_leaves_nothing_behind(tmp_path, monkeypatch):
    def write_half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="No space left"):
        cache.write_whole(tmp_path / "file", b"whole")
    assert list(tmp_path.iterdir()) == []


def test_cache_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path, originals, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MINIFIT_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(fashion_mnist, "_HOSTS", ("https://example.invalid/",))
    with pytest.raises(OSError, match=r"Cannot write .*file.* MINIFIT_HOME"):
        fashion_mnist.load_data(full=True)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda packed: packed[:-100], "bytes unpacked and holds"),
        (lambda packed: b"", "and holds 0"),
        (lambda packed: packed[:20] + bytes(40) + packed[60:], "damaged|SHA-256"),
        (lambda packed: gzip.compress(gzip.decompress(packed)[:-1] + b"\xff"), "SHA-256"),
        (lambda packed: gzip.compress(gzip.decompress(packed) + b"\x00"), "holds more"),
    ],
    ids=["cut short", "empty", "overwritten", "one pixel", "too long"],
)
def test_corrupted_file_is_detected_and_named(originals, cached, damage, reason):
    write(cached, originals)
    path = cached / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=reason) as caught:
        fashion_mnist.load_data(full=True)
    assert str(path) in str(caught.value)
    assert "Delete it" in str(caught.value)


def test_folder_that_does_not_exist(tmp_path, originals):
    with pytest.raises(FileNotFoundError, match=r"folder='.*nowhere'\) expects .*no such folder"):
        fashion_mnist.load_data(full=True, folder=tmp_path / "nowhere")


def test_folder_that_lacks_a_file_is_told_which(tmp_path, originals):
    write(tmp_path, originals)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"folder='.*'\) expects .* lacks t10k-labels-idx1-ubyte\.gz\.\n"):
        fashion_mnist.load_data(full=True, folder=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"folder": "images"}, ValueError, "full=True"),
        ({"full": "images"}, TypeError, r"expects True or False; got 'images'"),
        ({"full": True, "folder": 3}, TypeError, r"expects a path; got 3"),
    ],
)
def test_arguments_that_make_no_sense(arguments, error, words):
    with pytest.raises(error, match=words):
        fashion_mnist.load_data(**arguments)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "~/.cache/minifit/datasets"),
        ("linux", {"XDG_CACHE_HOME": "/c"}, "/c/minifit/datasets"),
        ("darwin", {}, "~/Library/Caches/minifit/datasets"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/minifit/datasets"),
        ("win32", {}, "~/AppData/Local/minifit/datasets"),
        ("linux", {"MINIFIT_HOME": "/m", "XDG_CACHE_HOME": "/c"}, "/m/datasets"),
        ("linux", {"MINIFIT_HOME": "~/m"}, "~/m/datasets"),
    ],
)
def test_cache_folder(monkeypatch, platform, variables, expected):
    for name in ("MINIFIT_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.cache_folder() == Path(expected).expanduser()


# Penguins


def test_penguins_shapes_types_and_proportions():
    (x_train, y_train), (x_test, y_test) = penguins.load_data()
    assert x_train.shape == (275, 4)
    assert x_test.shape == (69, 4)
    assert x_train.dtype == x_test.dtype == np.float64
    assert y_train.dtype == y_test.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [122, 54, 99]
    assert np.bincount(y_test).tolist() == [30, 14, 25]
    x = np.concatenate([x_train, x_test])
    assert np.nanmin(x, axis=0).tolist() == [32.1, 13.1, 172, 2700]
    assert np.nanmax(x, axis=0).tolist() == [59.6, 21.5, 231, 6300]


def test_penguins_lack_values_in_both_parts():
    for x, _ in penguins.load_data():
        assert np.isnan(x).all(axis=1).sum() == np.isnan(x).any(axis=1).sum() == 1
    assert (penguins.load_table()["sex"] == "").sum() == 11
    assert (penguins.load_table("test")["sex"] == "").sum() == 2


def test_penguins_table_has_every_column_in_the_order_of_the_source():
    table = penguins.load_table()
    assert list(table) == ["species", "island", *penguins.FEATURE_NAMES, "sex", "year"]
    assert {len(values) for values in table.values()} == {344}
    assert [str(table[name][0]) for name in table] == [
        *("Adelie", "Torgersen", "39.1", "18.7", "181.0", "3750.0", "male", "2007")
    ]
    assert np.isnan(table["body_mass_g"][3])
    assert np.unique(table["island"]).tolist() == ["Biscoe", "Dream", "Torgersen"]
    assert np.unique(table["sex"]).tolist() == ["", "female", "male"]
    assert table["year"].dtype == np.int64


def test_penguins_parts_of_the_table_are_the_rows_of_the_arrays():
    for (x, y), part in zip(penguins.load_data(), ("train", "test"), strict=True):
        table = penguins.load_table(part)
        for column, name in zip(x.T, penguins.FEATURE_NAMES, strict=True):
            np.testing.assert_array_equal(column, table[name])
        assert [penguins.CLASS_NAMES[label] for label in y] == table["species"].tolist()


def test_penguins_no_bird_is_in_both_parts():
    rows = [list(zip(*penguins.load_table(part).values(), strict=True)) for part in ("train", "test")]
    # The two unmeasured birds hold NaN, which equals nothing, so texts are compared.
    train, test = ({str(row) for row in part} for part in rows)
    assert len(train) == 275
    assert not train & test


def test_penguins_unknown_part():
    with pytest.raises(ValueError, match='expects "all", "train" or "test"; got \'validation\''):
        penguins.load_table("validation")


# Digits


def test_digits_shapes_types_range_and_proportions():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1438, 8, 8)
    assert x_test.shape == (359, 8, 8)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert x_train.min() == 0
    assert x_train.max() == 16
    counts = np.bincount(y_train) + np.bincount(y_test)
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(y_test).tolist() == np.round(counts * 0.2).tolist()


def test_digits_has_no_image_twice():
    (x_train, _), (x_test, _) = digits.load_data()
    assert len(set(images_of(x_train)) | set(images_of(x_test))) == 1797


# The split


def test_split_never_changes():
    # Recorded; models in the course are compared on these rows.
    train, test = stratified_split(np.repeat([0, 1], 6), test_fraction=0.34, seed=0)
    assert (train.tolist(), test.tolist()) == ([1, 6, 0, 7, 4, 10, 5, 9], [11, 3, 2, 8])


def test_split_keeps_proportions_and_loses_no_row():
    labels = np.array([3] * 50 + [7] * 25 + [1] * 10)
    train, test = stratified_split(labels, test_fraction=0.2, seed=5)
    assert sorted([*train, *test]) == list(range(85))
    assert {label: int((labels[test] == label).sum()) for label in (1, 3, 7)} == {1: 2, 3: 10, 7: 5}
    assert np.any(np.diff(train) < 0)
