"""Figures with panels side by side are cut into panels; others are left whole."""

import io
import sys

import matplotlib.pyplot as plt
import pytest
from notebooks import CHAPTERS
from small_book import build, notebook

sys.path.insert(0, str(CHAPTERS / "_extensions"))

import panels

ALT = "Two panels, each with a rising line that ends at three."


def drawing(*size, legend=False):
    """The SVG of a figure with rows and columns of panels."""
    figure, axes = plt.subplots(*size, squeeze=False, layout="constrained", figsize=(3 * size[1], 2.5 * size[0]))
    for ax in axes.flat:
        ax.plot([1, 2, 3], label="a line")
        ax.set(xlabel="x", ylabel="a long label")
    if legend:
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center")
    return svg(figure)


def svg(figure):
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    plt.close(figure)
    return stream.getvalue()


@pytest.mark.parametrize("size", [(1, 1), (3, 1)])
def test_a_single_column_stays_whole(size):
    assert panels.cuts(drawing(*size))[1] == []


@pytest.mark.parametrize("columns", [2, 3])
def test_cuts_share_the_figure_and_no_panel_is_cut_in_two(columns):
    text = drawing(1, columns)
    width, parts = panels.cuts(text)
    assert len(parts) == columns
    assert sum(w for _, _, w, _ in parts) == pytest.approx(width)
    for x, _, w, _ in parts:
        inside = [box for box in boxes(text) if x <= box[0] and box[1] <= x + w]
        assert len(inside) == 1


def test_a_grid_of_panels_is_read_row_by_row_and_a_colour_bar_stays_with_its_panel():
    _, parts = panels.cuts(drawing(2, 2))
    (_, _, w, h), *_ = parts
    assert [(x > 0, y > 0) for x, y, _, _ in parts] == [(False, False), (True, False), (False, True), (True, True)]
    assert parts[3][:2] == pytest.approx((w, h))
    figure, axes = plt.subplots(1, 2, layout="constrained", figsize=(6, 4))
    for ax in axes:
        figure.colorbar(ax.imshow([[0, 1], [1, 0]]), ax=ax, orientation="horizontal")
    assert len(panels.cuts(svg(figure))[1]) == 2


def boxes(text):
    root = panels.ElementTree.fromstring(text.encode())
    return [panels.box(group) for group in panels.children(root.find("svg:g", panels.NAMES), "axes")]


def test_a_legend_above_is_a_cut_of_its_own_and_the_panels_begin_below():
    _, parts = panels.cuts(drawing(1, 2, legend=True))
    (_, top, _, height), *rest = parts
    assert top == 0
    assert len(rest) == 2
    assert {y for _, y, _, _ in rest} == {height}


def test_the_page_has_the_whole_figure_and_its_cuts_one_of_them_described(tmp_path):
    text = notebook("# One\n", {"image/svg+xml": drawing(1, 2)}, alt=ALT)
    html = (build(tmp_path, {"chapters/01_one.ipynb": text}) / "chapters" / "01_one.html").read_text(encoding="utf-8")
    assert html.count(f'<img class="whole" alt="{ALT}"') == 1
    assert html.count('<span class="panel"') == 2
    assert html.count(f'"><img alt="{ALT}"') == 1
    assert html.count('"><img alt=""') == 1


def test_pictures_without_axes_are_cut_between_them():
    figure, axes = plt.subplots(1, 2, layout="constrained", figsize=(6, 3))
    for ax in axes:
        ax.imshow([[0, 1], [1, 0]])
        ax.axis("off")
    text = svg(figure)
    _, parts = panels.cuts(text)
    assert len(parts) == 2
    (_, first), (second, _) = boxes(text)
    assert first <= parts[1][0] <= second
