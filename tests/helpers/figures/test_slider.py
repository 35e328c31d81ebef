"""The figure with a slider: no network, no clash with the rest of the page, words for those who do not see it."""

import re

import matplotlib.pyplot as plt
import pytest

from helpers.figures.slider import slider

ALT = "Three straight lines of different slope, one at a time; the slider chooses the slope."
WORDS = ("flat & low", 'steep, "very"', "steepest </script> of all")


def drawn(name="slopes", start=1, **changes):
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], [0, 0], label="fixed")
    states = [
        (f"slope {i}", [*ax.plot([0, 1], [0, i], "o-"), ax.fill_between([0, 1], 0, i)], WORDS[i]) for i in range(3)
    ]
    options = {"label": "Slope <a>", "alt": ALT, "name": name, "start": start} | changes
    return slider(figure, states, **options).data


@pytest.fixture(scope="module")
def page():
    return drawn()


def test_readers_who_do_not_see_it_learn_what_it_shows(page):
    assert re.search(rf'<svg [^>]*role="img" aria-label="{ALT}"', page)
    knob = re.search(r"<input[^>]*>", page)[0]
    assert 'aria-label="Slope &lt;a&gt;"' in knob
    assert 'aria-valuetext="slope 1"' in knob
    assert re.search(r'<label for="slopes-range">', page)
    assert re.search(r'<p id="slopes-words" aria-live="polite"[^>]*>steep, &quot;very&quot;</p>', page)


def test_one_state_shows_before_the_script_runs(page):
    parts = re.findall(r'<g data-state="(\d)"( style="display: none")?', page)
    assert len(parts) == 6
    assert {(state, bool(hidden)) for state, hidden in parts} == {("0", True), ("1", False), ("2", True)}


def test_it_needs_no_network_and_keeps_to_itself(page):
    assert not re.search(r'(src|href)="http', page)
    assert all(found.startswith("slopes") for found in re.findall(r'\bid="([^"]*)"', page))
    assert all(found.startswith("#slopes-") for found in re.findall(r'href="([^"]*)"', page))
    assert all(found.startswith("slopes-") for found in re.findall(r"url\(#([^)]*)", page))
    assert re.findall(r"<style>([^{]*)\{", page) == ["#slopes svg *"]
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_every_reference_inside_the_drawing_has_its_target(page):
    targets = set(re.findall(r'\bid="([^"]*)"', page))
    assert set(re.findall(r'href="#([^"]*)"', page)) | set(re.findall(r"url\(#([^)]*)", page)) <= targets


def test_texts_cannot_end_the_script(page):
    script = page[page.index("<script>") : page.index("</script>")]
    assert "steepest \\u003c/script\\u003e of all" in script
    assert page.count("</script>") == 1


def test_it_is_the_same_each_time():
    assert drawn() == drawn()


def test_it_scales_to_narrow_screens(page):
    head = re.search(r"<svg [^>]*>", page)[0]
    assert "viewBox" in head
    assert "width: 100%" in head
    assert not re.search(r'\b(width|height)="', head)


def test_the_figure_is_not_shown_a_second_time():
    before = plt.get_fignums()
    drawn()
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"name": "two words"}, ValueError, "name"),
        ({"alt": "short"}, ValueError, "alt"),
        ({"start": 3}, ValueError, "start"),
    ],
)
def test_bad_input_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        drawn(**change)
    plt.close("all")


def test_one_state_is_no_slider():
    figure, ax = plt.subplots()
    with pytest.raises(ValueError, match="two"):
        slider(figure, [("a", ax.plot([0, 1]), "b")], label="x", alt=ALT, name="lone")
    plt.close(figure)
