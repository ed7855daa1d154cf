"""The picture of the loop: every part can be lit, it shows once, and its text is where it can be read."""

import xml.etree.ElementTree as ElementTree
from functools import cache

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from autograder.picture import PARTS, STATIONS, loop_picture, save_picture


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


@cache
def coloured(*lit):
    """The share of pixels that are neither white nor grey."""
    image = pixels(loop_picture(lit))[..., :3].astype(int)
    return float((np.ptp(image, axis=-1) > 60).mean())


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_lit_and_looks_different_from_every_calm_one(part):
    assert coloured() < coloured(part) < coloured(*PARTS)


def test_calm_picture_has_no_colour():
    assert coloured() < 1e-4


def test_several_parts_are_lit_by_a_list():
    assert coloured("loss", "gradients") > max(coloured("loss"), coloured("gradients"))


def test_nothing_said_is_the_whole_machine():
    assert (pixels(loop_picture()) == pixels(loop_picture(PARTS))).all()


def test_unknown_part_offers_the_nearest_and_lists_all():
    with pytest.raises(ValueError, match=r"metrics, validation.*'upadte'. Did you mean \"update\""):
        loop_picture("upadte")


def test_no_text_leaves_the_card_or_overlaps_another():
    figure = loop_picture()
    pixels(figure)
    (ax,) = figure.axes
    boxes = [text.get_window_extent() for text in ax.texts]
    width, height = figure.bbox.width, figure.bbox.height
    assert len(boxes) == 2 * len(STATIONS) + 1
    assert all(b.x0 > 12 and b.y0 > 12 and b.x1 < width - 12 and b.y1 < height - 12 for b in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_outside_the_card_is_transparent_and_inside_is_white():
    image = pixels(loop_picture("loss"))
    assert image[0, 0, 3] == 0
    assert tuple(image[40, 200]) == (255, 255, 255, 255)


def test_lit_text_can_be_read_on_white():
    # WCAG asks for 4.5 of text; the icons are white on these colours, for which it asks for 3.
    for station in STATIONS.values():
        levels = to_rgb(station.color)
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in levels]
        luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
        assert 1.05 / (luminance + 0.05) > 3


def test_picture_is_no_open_figure_of_pyplot_so_a_notebook_shows_it_once():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    picture = loop_picture("loss")
    assert plt.get_fignums() == before
    png, size = picture._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size["width"] > size["height"]


def test_text_form_names_what_is_lit():
    assert repr(loop_picture(["update", "data"])) == "The training loop: data, update"


def test_saved_picture_is_the_same_file_every_time(tmp_path):
    first = save_picture(tmp_path / "loop.svg").read_bytes()
    assert save_picture(tmp_path / "again.svg").read_bytes() == first
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.svg", "loop.svg"]


def test_ending_that_says_no_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.svg, \.png or \.pdf; got 'loop\.jpx'"):
        save_picture(tmp_path / "loop.jpx")
    assert not list(tmp_path.iterdir())
