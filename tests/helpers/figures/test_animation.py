"""The player of animations: described, named, small, and the same each time; and the scene of chapter 2."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from helpers.figures import landscape as figures
from helpers.figures.animation import player
from helpers.penalties import GroupLasso
from helpers.problems import Population
from helpers.training import gaussian_init, train

ALT = "A bar that grows from one frame to the next until it is as high as the axes."


@pytest.fixture
def page():
    plt.close("all")  # what another test, in whatever order, has left open
    figure, ax = plt.subplots(figsize=(2, 2))
    bar = ax.bar([0], [0])[0]
    ax.set_ylim(0, 3)
    return player(figure, lambda i: bar.set_height(i), 4, alt=ALT, name="growing", dpi=50).data


def frames(page):
    found = re.findall(r'frames\[\d+\] = "data:image/webp;base64,([^"]*)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(frame))) for frame in found]


def test_readers_who_do_not_see_it_learn_what_it_shows(page):
    assert f'alt="{ALT}"' in page
    assert re.search(r'<input[^>]*type="range"[^>]*aria-label="Frame"', page)
    buttons = re.findall(r"<button ([^>]*)>([^<]*)</button>", page)
    assert len(buttons) == 9
    assert all("aria-label=" in attributes and text.strip() for attributes, text in buttons)


def test_it_needs_no_network_and_is_the_same_each_time(page):
    assert not re.search(r"https?://", page)
    assert 'id="_anim_imggrowing"' in page
    assert page.startswith("<div><style>")
    assert not re.search(r"[0-9a-f]{32}", re.sub(r"base64,[^\"]*", "", page))


def test_frames_differ_and_the_last_one_shows_before_the_script_runs(page):
    found = frames(page)
    assert len(found) == 4
    assert found[0].size == (100, 100)
    assert re.search(r'<img [^>]*width="200"', page)  # 100 to the inch, however fine the frames
    assert (np.asarray(found[0].convert("RGB")) != np.asarray(found[3].convert("RGB"))).any()
    assert re.search(r'<img [^>]*src="data:image/webp;base64,([^"]*)"', page)[1] in page.split("frames[3] =")[1]


def test_a_frame_shows_what_differs_from_the_first_which_lies_behind(page):
    behind = re.search(r"url\(data:image/webp;base64,([^)]*)\)", page)[1]
    first = Image.open(io.BytesIO(base64.b64decode(behind))).convert("RGBA")
    nothing, *_, last = (frame.convert("RGBA") for frame in frames(page))
    assert first.getextrema()[3] == (255, 255)
    assert nothing.getextrema()[3] == (0, 0)
    grown = np.asarray(Image.alpha_composite(first, last))
    assert (grown[30, 60] != np.asarray(first)[30, 60]).any()  # inside the bar
    assert (grown[:10] == np.asarray(first)[:10]).all()  # above the axes
    # two pixels around what changed hide the first, or its edges show through where a browser scales the two
    rows, columns = (np.abs(grown.astype(int) - np.asarray(first)).max(-1) > 64).nonzero()  # not by a shade of the few
    seen = np.asarray(last)[..., 3] > 0
    assert all(seen[rows + down, columns].all() for down in (-2, 2))


def test_the_figure_is_closed(page):
    assert not plt.get_fignums()


@pytest.mark.parametrize("wrong", [{"name": "two words"}, {"alt": 'a "quoted" word'}, {"alt": ""}, {"frames": 0}])
def test_bad_arguments_are_named(wrong):
    arguments = {"frames": 2, "alt": ALT, "name": "bad"} | wrong
    figure = plt.figure()
    with pytest.raises(ValueError, match=next(iter(wrong))):
        player(figure, lambda i: None, **arguments)
    plt.close(figure)


def test_the_scene_of_chapter_2_follows_the_run():
    problem = Population(torch.tensor([1.0, 0.4], dtype=torch.float64).sqrt().diag())
    penalty = GroupLasso(0.07, 0.01)
    run = train(problem, gaussian_init(2, 4, scale=0.3), penalty=penalty, steps=20, record=5, keep_iterates=True)
    figure, draw = figures.column_scene(run, [0.9, 0.6], threshold=penalty.threshold)
    draw(3)
    plane, bars = figure.axes
    arrows = plane.collections[0]
    assert np.allclose([arrows.U, arrows.V], run.iterates[3].numpy())
    assert np.allclose([bar.get_height() for bar in bars.patches], run.column_norms[3].numpy())
    assert f"(a) step {run.steps[3]}" in (plane.get_title(), plane.get_title(loc="left"))
    plt.close(figure)
