"""Palmer penguins: 344 birds of three species, measured near Palmer Station, Antarctica."""

import csv
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from minifit.datasets.split import stratified_split

CLASS_NAMES = ("Adelie", "Chinstrap", "Gentoo")
"""Species by label."""

FEATURE_NAMES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
"""Columns of x in the order in which ``load_data`` has them; the unit ends the name."""

_TEXT_COLUMNS = ("species", "island", "sex")
_FILE = Path(__file__).with_name("penguins.csv")


def load_data() -> tuple[tuple[NDArray[np.float64], NDArray[np.uint8]], tuple[NDArray[np.float64], NDArray[np.uint8]]]:
    """Load the four measurements of every bird and its species, as they are: unscaled, with gaps.

    275 birds to train on and 69 to test with. The split holds out a fifth of every species, is drawn with
    seed 0 and never changes. Two birds were not measured, one in each part: their four values are NaN, and
    so is every loss computed from them.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : arrays, the caller's own
        x: (N, 4) float64 in the order of ``FEATURE_NAMES``: bill length 32.1 to 59.6 mm, bill depth 13.1 to
        21.5 mm, flipper length 172 to 231 mm, body mass 2700 to 6300 g; NaN where missing.
        y: (N,) uint8, 0 to 2, named by ``CLASS_NAMES``; 152 Adelie, 68 Chinstrap, 124 Gentoo in all.

    See Also
    --------
    load_table : the same rows with island, sex and year.

    Notes
    -----
    Source: K. B. Gorman, T. D. Williams, W. R. Fraser (2014), PLoS ONE 9(3) e90081, and Palmer Station LTER;
    A. M. Horst, A. P. Hill, K. B. Gorman (2020), palmerpenguins, https://doi.org/10.5281/zenodo.3960218.
    Licence: CC0 1.0.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_train.dtype, x_test.shape
    ((275, 4), dtype('float64'), (69, 4))
    >>> np.isnan(x_train).sum(axis=0)
    array([1, 1, 1, 1])
    >>> [CLASS_NAMES[label] for label in y_train[5:8]]
    ['Adelie', 'Adelie', 'Gentoo']
    """
    table = load_table()
    x = np.stack([table[name] for name in FEATURE_NAMES], axis=1)
    y = np.searchsorted(CLASS_NAMES, table["species"]).astype(np.uint8)
    train, test = _split(table)
    return (x[train], y[train]), (x[test], y[test])


def load_table(part: Literal["all", "train", "test"] = "all") -> dict[str, NDArray]:
    """Load the whole table by column, categories included.

    Parameters
    ----------
    part : {"all", "train", "test"}
        "all": the 344 rows in the order of the source, sorted by species. "train" and "test": the rows of
        ``load_data``, in its order.

    Returns
    -------
    dict of (N,) arrays, the caller's own
        "species" (Adelie, Chinstrap, Gentoo), "island" (Biscoe, Dream, Torgersen) and "sex" (female, male):
        text, empty where missing, as the sex of 11 birds is. The four of ``FEATURE_NAMES``: float64, NaN
        where missing. "year": int64, 2007 to 2009.

    Raises
    ------
    ValueError
        If `part` is none of the three.

    Examples
    --------
    >>> table = load_table("train")
    >>> list(table)
    ['species', 'island', 'bill_length_mm', 'bill_depth_mm', 'flipper_length_mm', 'body_mass_g', 'sex', 'year']
    >>> {str(sex): int((table["sex"] == sex).sum()) for sex in np.unique(table["sex"])}
    {'': 9, 'female': 137, 'male': 129}
    """
    if part not in ("all", "train", "test"):
        raise ValueError(f'load_table(part=...) expects "all", "train" or "test"; got {part!r}.')
    with open(_FILE, newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    table = {name: _column(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    if part == "all":
        return table
    chosen = _split(table)[0 if part == "train" else 1]
    return {name: values[chosen] for name, values in table.items()}


def _column(name: str, values: tuple[str, ...]) -> NDArray:
    if name in _TEXT_COLUMNS:
        return np.array(["" if value == "NA" else value for value in values])
    if name == "year":
        return np.array(values, dtype=np.int64)
    return np.array(["nan" if value == "NA" else value for value in values], dtype=np.float64)


def _split(table: dict[str, NDArray]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return stratified_split(np.unique(table["species"], return_inverse=True)[1], test_fraction=0.2, seed=0)
