"""Make the data files of minifit/datasets from their published sources, byte for byte.

    pip download --no-deps palmerpenguins==0.1.6 scikit-learn==1.9.1
    python tests/make_datasets.py --fashion-mnist FOLDER --penguins palmerpenguins-*.whl \
        --digits scikit_learn-*.whl --output minifit/datasets

FOLDER holds the four files train-images-idx3-ubyte.gz and so on, as minifit.datasets.fashion_mnist knows them.
Two of the data files are copied from the wheels unchanged. The third is made here, of images chosen without any
random number: within each class, in the original's train and test files separately, those whose pixels have the
smallest SHA-256. Rows are in the order of that SHA-256 read backwards, which is as good as shuffled; read forwards,
the last rows would lack the classes that were complete first.
"""

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from minifit.datasets import fashion_mnist

SHA256 = {
    "fashion_mnist.npz": "a29a0edc7178386d8fe412d72ed2c32b9996099fb30c7765ff3940ae6ec94a31",
    "penguins.csv": "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
    "digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
}
"""Of the files that ship."""

CONTENT_SHA256 = {
    "x_train": "c261b0e6a7c326977c2283b659c36f9bcfa646a33d17649e789036b5d4fe9fd3",
    "y_train": "3b77c236f09f7e73d2640ad5967b6081b08cafc09abfeff57dd6b5c4100d6ebe",
    "x_test": "52b664ce96bab7de4c157eedde0cee8a91f5bfd43fec65c5d5aee3be8b358d75",
    "y_test": "95dfdb31a17d3720e694c24f440351b851f7790709957550cb7a3d4ee06bee04",
}
"""Of the arrays in fashion_mnist.npz, which was packed with zlib 1.2.13; other versions may give other bytes."""


def smallest_digests(x, y, per_class):
    """Row numbers of `per_class` images of every class, shuffled; x (N, 28, 28), y (N,)."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in x]
    taken = dict.fromkeys(range(10), 0)
    rows = []
    for row in sorted(range(len(x)), key=digests.__getitem__):
        if taken[y[row]] < per_class:
            taken[y[row]] += 1
            rows.append(row)
    return sorted(rows, key=lambda row: digests[row][::-1])


def fashion_mnist_arrays(folder):
    """The four arrays of the subset, by name."""
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(full=True, folder=folder)
    train, test = smallest_digests(x_train, y_train, 1000), smallest_digests(x_test, y_test, 200)
    return {
        "x_train": x_train[train],
        "y_train": y_train[train],
        "x_test": x_test[test],
        "y_test": y_test[test],
    }


def npz(arrays):
    """What np.savez_compressed would write, but smaller and without the time of day in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.create_system = 3
            archive.writestr(entry, member.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return file.getvalue()


def content_digests(arrays):
    """SHA-256 of every array's bytes, by name."""
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def main():
    """Make the files that the command line gives a source for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fashion-mnist", metavar="FOLDER")
    parser.add_argument("--penguins", metavar="WHEEL")
    parser.add_argument("--digits", metavar="WHEEL")
    parser.add_argument("--output", metavar="FOLDER", type=Path, required=True)
    options = parser.parse_args()
    made = {}
    if options.fashion_mnist:
        made["fashion_mnist.npz"] = npz(fashion_mnist_arrays(options.fashion_mnist))
    if options.penguins:
        with zipfile.ZipFile(options.penguins) as wheel:
            made["penguins.csv"] = wheel.read("palmerpenguins/data/penguins.csv")
    if options.digits:
        with zipfile.ZipFile(options.digits) as wheel:
            made["digits.csv.gz"] = wheel.read("sklearn/datasets/data/digits.csv.gz")
    for name, content in made.items():
        digest = hashlib.sha256(content).hexdigest()
        verdict = "as shipped" if digest == SHA256[name] else f"NOT as shipped, which has {SHA256[name]}"
        (options.output / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes, SHA-256 {digest}, {verdict}")


if __name__ == "__main__":
    main()
