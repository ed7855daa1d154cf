"""Fashion-MNIST: grey images of 28 x 28 pixels of clothes, shoes and bags, in ten classes."""

import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minifit.datasets.cache import cache_folder, fetch

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Names by label, as the data set's authors give them."""


class _Original(NamedTuple):
    """One of the four files in which the data set was published."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    """Of the unpacked file: the same images are in circulation compressed in several ways."""

    @property
    def header_bytes(self) -> int:
        return 4 + 4 * len(self.shape)

    @property
    def n_bytes(self) -> int:
        return self.header_bytes + math.prod(self.shape)


_ORIGINALS = (
    _Original(
        "train-images-idx3-ubyte",
        (60000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    _Original(
        "train-labels-idx1-ubyte",
        (60000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    _Original(
        "t10k-images-idx3-ubyte",
        (10000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    _Original(
        "t10k-labels-idx1-ubyte",
        (10000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)

# The authors' bucket, and the copy in their repository.
_HOSTS = (
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
_DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_SUBSET = Path(__file__).with_name("fashion_mnist.npz")


def load_data(
    full: bool = False, folder: str | os.PathLike[str] | None = None
) -> tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Load 12,000 images from the package, or the original 70,000.

    Without arguments: 10,000 images to train on and 2,000 to test with, 1,000 and 200 of every class, in a
    shuffled order, read from the package in a tenth of a second with no network. They were taken from the
    original's train and test files respectively; no image occurs twice.

    Parameters
    ----------
    full : bool
        Load the 60,000 and 10,000 of the original, in its order. They are read from `folder` if you name one,
        else from Debian's package dataset-fashion-mnist if that is installed, else from the cache folder, and if
        they are in none of these downloaded there once (30 MB, over https). Their SHA-256 is checked every time.
        The cache folder is ``$MINIFIT_HOME/datasets/fashion-mnist`` if that variable is set, else
        ``minifit/datasets/fashion-mnist`` in the platform's cache folder, such as ``~/.cache``.
    folder : str or path, optional
        A folder with the four original files, ``train-images-idx3-ubyte.gz`` and so on, packed or unpacked. Only
        with ``full=True``.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : arrays, the caller's own
        x: (N, 28, 28) uint8, from 0 (background) to 255. y: (N,) uint8, 0 to 9, named by ``CLASS_NAMES``.

    Raises
    ------
    ValueError
        If a file is not the published one, as when a download was cut short or the files are those of MNIST's
        digits, which have the same names; or if `folder` is given without ``full=True``.
    FileNotFoundError
        If `folder` does not hold the four files.
    ConnectionError
        If they have to be downloaded and cannot be.

    Notes
    -----
    Source: H. Xiao, K. Rasul, R. Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms, arXiv:1708.07747, https://github.com/zalandoresearch/fashion-mnist.
    Licence: MIT, copyright 2017 Zalando SE.
    Keras' function of the same name always loads the 70,000.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_train.dtype, x_test.shape
    ((10000, 28, 28), dtype('uint8'), (2000, 28, 28))
    >>> np.bincount(y_train)
    array([1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000])
    >>> CLASS_NAMES[y_train[0]]
    'Pullover'
    """
    if not isinstance(full, bool):
        raise TypeError(
            f"load_data(full=...) expects True or False; got {full!r}. To read the 70,000 images from a folder, "
            "call load_data(full=True, folder=...)."
        )
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise TypeError(f"load_data(folder=...) expects a path; got {folder!r}.")
    if not full:
        if folder is not None:
            raise ValueError(
                f"load_data(folder={os.fspath(folder)!r}) expects full=True with it: the 12,000 images come from "
                "the package, the 70,000 from a folder."
            )
        with np.load(_SUBSET) as arrays:
            return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    x_train, y_train, x_test, y_test = (
        _read(path, original) for path, original in zip(_locate(folder), _ORIGINALS, strict=True)
    )
    return (x_train, y_train), (x_test, y_test)


def _locate(folder: str | os.PathLike[str] | None) -> list[Path]:
    """Paths of the four original files, downloaded first if they are nowhere."""
    if folder is not None:
        paths = _present(Path(folder).expanduser())
        missing = [f"{original.name}.gz" for original in _ORIGINALS if original.name not in paths]
        if missing:
            exists = Path(folder).expanduser().is_dir()
            raise FileNotFoundError(
                f"load_data(folder={os.fspath(folder)!r}) expects a folder with the four files of Fashion-MNIST; "
                + (f"this one lacks {', '.join(missing)}." if exists else "there is no such folder.")
                + "\nThey are at https://github.com/zalandoresearch/fashion-mnist, in data/fashion. Without them, "
                "load_data() gives the 12,000 images of the package."
            )
    else:
        paths = _present(_DEBIAN_FOLDER)
        if len(paths) < len(_ORIGINALS):
            cache = cache_folder() / "fashion-mnist"
            for original in _ORIGINALS:
                if original.name not in _present(cache):
                    _download(original, cache)
            paths = _present(cache)
    return [paths[original.name] for original in _ORIGINALS]


def _present(folder: Path) -> dict[str, Path]:
    found = {}
    for original in _ORIGINALS:
        for path in (folder / original.name, folder / f"{original.name}.gz"):
            if path.is_file():
                found[original.name] = path
    return found


def _download(original: _Original, folder: Path) -> None:
    file = f"{original.name}.gz"
    print(f"Downloading Fashion-MNIST's {file} to {folder}", flush=True)
    advice = (
        "Without a network, load_data() gives the 12,000 images of the package, and load_data(full=True, "
        "folder=...) reads the four files from a folder to which you copied them (on Debian and Ubuntu: "
        "apt install dataset-fashion-mnist)."
    )
    try:
        fetch(
            [host + file for host in _HOSTS],
            folder / file,
            check=lambda content: _unpack(content, original),
            # Some hosts send the files unpacked, and noise grows a little when it is compressed.
            limit=original.n_bytes + 4096,
        )
    except ConnectionError as error:
        raise ConnectionError(f"Cannot download {file}:\n{error}\n{advice}") from None
    except OSError as error:
        raise OSError(
            f"Cannot write {folder / file} ({error.strerror or error}). Set the environment variable MINIFIT_HOME to "
            f"a folder that you may write to. {advice}"
        ) from error


def _read(path: Path, original: _Original) -> NDArray[np.uint8]:
    try:
        content = _unpack(path.read_bytes(), original)
    except ValueError as error:
        raise ValueError(
            f"{path} is not Fashion-MNIST's {original.name}: {error}.\nDelete it and call load_data again, or copy "
            "the right file there. (The files of MNIST's digits have the same names.)"
        ) from None
    # A copy, since an array over bytes cannot be written to.
    return np.frombuffer(content, np.uint8, offset=original.header_bytes).reshape(original.shape).copy()


def _unpack(content: bytes, original: _Original) -> bytes:
    """The file's content, unpacked if need be; ValueError with the reason if it is another file's."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = zlib.decompressobj(wbits=31).decompress(content, original.n_bytes + 1)
        except zlib.error as error:
            raise ValueError(f"it is damaged and cannot be unpacked ({error})") from None
    if len(content) != original.n_bytes:
        size = f"{len(content):,}" if len(content) < original.n_bytes else "more"
        raise ValueError(f"it should hold {original.n_bytes:,} bytes unpacked and holds {size}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != original.sha256:
        raise ValueError(f"its content should have SHA-256 {original.sha256} and has {digest}")
    return content
