"""A fixed split into train and test rows that keeps every class in proportion."""

import numpy as np
from numpy.typing import NDArray


def stratified_split(
    labels: NDArray[np.integer], test_fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers of the train part and of the test part, both in a shuffled order.

    Of each class, ``round(test_fraction * count)`` rows go to the test part.

    Parameters
    ----------
    labels : (N,) integers
        The class of every row.
    test_fraction : float
        Share of every class that is held out, between 0 and 1.
    seed : int
        Decides the order; the same seed gives the same split on every machine.

    Returns
    -------
    train, test : two arrays of row numbers
        Together they hold every number from 0 to N - 1 once.

    Examples
    --------
    >>> train, test = stratified_split(np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), 0.5, seed=0)
    >>> len(train), len(test), sorted(int(i) for i in np.concatenate([train, test])) == list(range(10))
    (5, 5, True)
    """
    # Raw bits of a bit generator are the only random numbers that NumPy promises to keep
    # from release to release; permutation() and shuffle() carry no such promise.
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    in_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        in_test[rows[: round(test_fraction * len(rows))]] = True
    return order[~in_test[order]], order[in_test[order]]
