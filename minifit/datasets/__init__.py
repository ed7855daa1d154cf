"""Small real data sets that ship with the package, each with ``load_data()``.

``fashion_mnist``
    12,000 grey images of clothes in 10 classes; the 70,000 on request.
``penguins``
    344 penguins, 4 measurements and 4 further columns, some values missing.
``digits``
    1,797 handwritten digits of 8 x 8 pixels.

A data file is read when ``load_data()`` is called, not before, and anew at every call: the arrays are the
caller's to change. Sources and licences: ``README.md`` in this folder.

Examples
--------
>>> from minifit.datasets import digits
>>> (x_train, y_train), (x_test, y_test) = digits.load_data()
>>> x_train.shape, y_train.shape
((1438, 8, 8), (1438,))
"""

from minifit.datasets import digits, fashion_mnist, penguins

__all__ = ["digits", "fashion_mnist", "penguins"]
