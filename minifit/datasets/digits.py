"""Handwritten digits: 1,797 images of 8 x 8 pixels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifit.datasets.split import stratified_split

_FILE = Path(__file__).with_name("digits.csv.gz")


def load_data() -> tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Load the digits, split into 1,438 to train on and 359 to test with.

    Each pixel counts the ink in a 4 x 4 block of a 32 x 32 scan. The split holds out a fifth of every
    digit, is drawn with seed 0 and never changes. The 13 people who wrote the digits occur in both parts.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : arrays, the caller's own
        x: (N, 8, 8) uint8, from 0 (paper) to 16 (ink). y: (N,) uint8, the digit, 0 to 9.

    Notes
    -----
    Source: the 1,797 test images of *Optical Recognition of Handwritten Digits*, E. Alpaydin and C. Kaynak,
    1998, https://doi.org/10.24432/C50P49, in the file that scikit-learn ships.
    Licence: CC BY 4.0 for the data, BSD 3-Clause for scikit-learn's file.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_train.dtype, x_test.shape, int(x_train.max())
    ((1438, 8, 8), dtype('uint8'), (359, 8, 8), 16)
    >>> np.bincount(y_test)
    array([36, 36, 35, 37, 36, 36, 36, 36, 35, 36])
    """
    rows = np.loadtxt(_FILE, delimiter=",", dtype=np.uint8)
    x, y = rows[:, :64].reshape(-1, 8, 8), rows[:, 64]
    train, test = stratified_split(y, test_fraction=0.2, seed=0)
    return (x[train], y[train]), (x[test], y[test])
