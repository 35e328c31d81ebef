"""The live figures in a real browser: they come to life, answer mouse, finger and keys, say what they show in words,
and do what the chapters say of them."""

import json
import re

import pytest
import torch
from browser import chromium

from helpers import theory
from helpers.digits.sweeps import WidthSweep
from helpers.figures import digits, lab

ALT = "A picture that stands in for the live figure where no script runs."
STILL = f'<img alt="{ALT}" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
SENSING = {"d": 20, "r": 3, "condition": 1.25, "n": 150, "noise": 0.2, "k": 40}
GRID = {"beta": [0.01, 0.1, 1], "strength": [0.12, 0.6, 3]}
CODES = [[int(theory.phase(1.0, strength, beta)) for strength in GRID["strength"]] for beta in GRID["beta"]]
ROWS = {"middle": [[0.5, 0.9], [0.7, 0.8]], "low": [[0.4, 0.8], [0.6, 0.7]], "high": [[0.6, 1.0], [0.8, 0.9]]}
CURVE = {"name": "group Lasso", "color": "blue", "shape": "triangle"} | ROWS
DIGITS = {"keeps": [2, 40], "ticks": [2, 40], "strengths": [0.01, 0.1], "start": 0}
DIGITS |= {"curves": [CURVE], "words": ["First.", "Second."]}
FIGURES = {  # name: parameters as the chapter's cell passes them
    "sensing": SENSING | {"c_lambda": 0.3, "c_beta": 0.03, "steps": 2000},
    "landscape_dial": {"squares": [1.0, 0.4], "smoothing": 0.0067},
    "landscape_phases": GRID | {"codes": CODES, "phases": theory.PHASES},
    "frames": {"r": 2, "k": 100, "c_beta": 0.01, "seed": 0},
    "gap": {"d": 6, "smoothing": 0.03},
    "tuning": {"d": 12, "r": 2, "condition": 1.4, "seed": 0},
    "quadratic": {"k": 30, "beta": 0.01, "seed": 0},
    "digits": DIGITS,
    "untuned_window": {"d": 12, "r": 2, "n": 200, "noise": 0.3, "c_beta": 0.01, "c_lambda": 0.15}
    | {"map": {"c_beta": [0.0006, 0.96], "c_lambda": [0.016, 3]}},
    "untuned": {"d": 12, "r": 2, "n": 200, "noise": 0.3, "weakest": 0.7, "seed": 0},
    "factors": {"rows": 20, "columns": 16, "r": 2, "k": 8, "share": 0.5, "strength": 0.3, "noise": 0.01, "seed": 0},
}
pytestmark = pytest.mark.slow
TALL = 24  # pixels: the least size of what one can press
FRAME = 50  # milliseconds of the processor that a figure may take before the page can answer
PULL = """async () => {
  for (const slider of document.querySelectorAll("input[type=range]")) for (let i = 0; i <= 12; i++) {
    slider.value = Number(slider.min) + (slider.max - slider.min) * i / 12;
    slider.dispatchEvent(new Event("input"));
    await new Promise(requestAnimationFrame);
  }
  for (const handle of document.querySelectorAll(".lab-handle")) for (let i = 0; i < 24; i++) {
    const key = ["ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"][Math.floor(i / 6)];
    handle.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: true }));
    await new Promise(requestAnimationFrame);
  }
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


def opened(browser, *names, **context):
    """A page with these figures; an error on it fails the test."""
    page = browser.new_page(**{"viewport": {"width": 900, "height": 900}} | context)
    page.on("pageerror", lambda error: pytest.fail(f"{names}: {error}"))
    bodies = "".join(lab.page(name, STILL, FIGURES[name]) for name in names)
    page.set_content(f'<!doctype html><html lang="en"><title>t</title><main>{bodies}</main></html>')
    return page


def words(page, pattern=r"\S", moving=True, timeout=60_000):
    """The figure's words, read in the moment in which they match; if not `moving`, once nothing runs any more."""
    read = """([pattern, moving]) => {
      const live = document.querySelector(".lab-live"), said = live.querySelector(".lab-words").textContent;
      return (moving || !live.classList.contains("lab-busy")) && RegExp(pattern).test(said) && said;
    }"""
    return page.wait_for_function(read, arg=[pattern, moving], timeout=timeout).json_value()


def found(page, pattern):
    """The numbers in the figure's words at the end of what runs, once they match."""
    return tuple(map(float, re.search(pattern, words(page, pattern, moving=False)).groups()))


def put(page, label, value):
    """Move the slider of this label; "min" and "max" are its ends."""
    script = """(e, v) => { e.value = e[v] ?? v; e.dispatchEvent(new Event("input")); }"""
    page.get_by_role("slider", name=re.compile(label)).first.evaluate(script, value)


@pytest.mark.parametrize("name", FIGURES)
def test_comes_to_life_and_leaves_the_picture_for_print(browser, name):
    page = opened(browser, name)
    assert words(page)
    assert page.locator(".lab-live").get_attribute("aria-label") == ALT
    assert (page.locator(".lab-live").is_visible(), page.get_by_alt_text(ALT).is_visible()) == (True, False)
    page.emulate_media(media="print")
    assert (page.locator(".lab-live").is_visible(), page.get_by_alt_text(ALT).is_visible()) == (False, True)
    page.close()


@pytest.mark.parametrize("name", FIGURES)
def test_without_script_the_picture_stands(browser, name):
    page = opened(browser, name, java_script_enabled=False)
    assert page.get_by_alt_text(ALT).is_visible()
    page.close()


@pytest.mark.parametrize("name", FIGURES)
def test_what_one_can_press_is_large_and_has_a_name_on_a_phone(browser, name):
    page = opened(browser, name, viewport={"width": 390, "height": 900}, has_touch=True)
    words(page)
    for control in page.locator(".lab-live :is(input, select, button, [tabindex])").all():
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= TALL, control.evaluate("e => e.outerHTML")
        said = control.evaluate("e => e.ariaLabel || e.textContent || e.labels[0].textContent")
        assert said.strip(), control.evaluate("e => e.outerHTML")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


@pytest.mark.parametrize("name", FIGURES)
def test_a_hand_that_pulls_never_waits(browser, name):
    page = opened(browser, name)
    words(page)
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    page.evaluate(PULL)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    took = [event.get("tdur", 0) / 1000 for event in events if event["name"] in ("FireAnimationFrame", "EventDispatch")]
    assert len(took) > 12
    assert max(took) < FRAME
    page.close()


@pytest.mark.parametrize("name", FIGURES)
def test_two_on_a_page_live_side_by_side_and_again_after_a_redraw(browser, name):
    page = opened(browser, name, name)
    page.wait_for_function("document.querySelectorAll('.lab-live').length === 2")  # one below the window waits
    page.evaluate("""() => {
      const root = document.querySelector("[data-lab]"), code = root.querySelector("script").textContent;
      root.classList.remove("lab-on");
      root.querySelector(".lab-live").remove();
      document.head.append(Object.assign(document.createElement("script"), { textContent: code }));
    }""")
    assert page.locator(".lab-live").count() == 2
    page.close()


def test_sensing_does_what_chapter_1_says(browser):
    page = opened(browser, "sensing")
    count = (
        r"(\d+) of 40 columns above .* Error ([\d.]+) trained, ([\d.]+) pruned, ([\d.]+) fine.*oracle ([\d.]+\d)"
    )
    kept, _, _, tuned, oracle = found(page, count)
    assert kept == 3
    assert tuned == pytest.approx(oracle, rel=0.02)
    put(page, "strength", "min")
    assert found(page, count)[0] > 3
    put(page, "strength", "max")
    assert found(page, count)[0] < 3
    put(page, "strength", -1.2)
    assert found(page, count)[0] == 3
    page.get_by_label("penalty").select_option("no penalty")
    kept, _, _, tuned, oracle = found(page, count)
    assert kept > 30
    assert tuned > 2 * oracle
    page.close()


def test_the_window_does_what_chapter_8_says(browser):
    page = opened(browser, "untuned_window")
    text = (
        r"^(.*)\. After \d+ steps (\d+) columns above the threshold ([\d.]+), (\d+) not zero; .*"
        r"No column below ([\d.]+) can stay\. κ = ([\d.]+\d), ν = ([\d.]+\d)"
    )

    def ended(wanted):
        where, *numbers = re.search(text, words(page, wanted, moving=False)).groups()
        return where, *map(float, numbers)

    _, _, threshold, _, gap, kappa, nu = ended("Inside.* 2 columns.*2 not zero")
    assert gap > threshold
    assert 1 < kappa < theory.curvature_bound(12, 200)
    assert nu == pytest.approx(theory.noise_level(0.3, 12, 200), rel=0.5)
    assert gap == pytest.approx(theory.gap_edge(0.15 / 2**0.5, kappa, 0.005), abs=2e-3)
    put(page, "noise", "max")
    _, count, *_ = ended("Too weak for this noise.*columns")
    assert count > 2
    put(page, "noise", 0.3)
    put(page, "^strength", "max")
    _, count, *_ = ended("Too strong")
    assert count < 2
    put(page, "^strength", -2.5)
    handle = page.get_by_role("slider", name="smoothing and strength")
    for _ in range(4):
        handle.press("Shift+ArrowRight")
    _, _, threshold, _, gap, *_ = ended("Too smooth")
    assert gap < threshold
    page.close()


def test_frames_does_what_chapter_3_says(browser):
    page = opened(browser, "frames")
    pattern = r"Cut at ([\d.]+) of the largest norm: (\d+) of (\d+) columns stay and ([\d.]+) %"
    handle = page.get_by_role("slider", name="Cut")
    at, stay, k, lost = found(page, pattern)
    assert (at, k) == (0.5, 100)
    for _ in range(3):
        handle.press("Shift+ArrowRight")
    further, fewer, _, more = found(page, pattern)
    assert further > at
    assert fewer < stay
    assert more > lost
    assert handle.get_attribute("aria-valuetext") == f"{further} of the largest norm, {fewer:.0f} columns stay"
    shares = []
    for width in ("min", "max"):
        put(page, "Columns", width)
        _, stay, k, _ = found(page, pattern)
        shares.append(stay / k)
    assert shares[1] < shares[0]
    put(page, "Columns", 4.5)
    page.get_by_role("button", name="Turn").click()
    words(page, r": 2 of \d+ columns stay and 0 %.*the same as before")
    page.close()


def test_tuning_does_what_chapter_5_says(browser):
    page = opened(browser, "tuning")
    pattern = r"shrinks by ([\d.]+) a step, predicted ([\d.]+):.* it is ([\d.]+) after 400"
    handle = page.get_by_role("slider", name="Step size")
    rates = []
    for _ in range(10):
        rate, predicted, crawl = found(page, pattern)
        assert rate == pytest.approx(predicted, abs=0.005)
        rates.append(rate)
        handle.press("Shift+ArrowRight")
    assert min(rates) < rates[0]
    assert rates[-1] > min(rates)
    put(page, "Superfluous", 9)
    _, _, more = found(page, pattern)
    assert 2.5 < more / crawl < 4
    for _ in range(10):
        handle.press("Shift+ArrowRight")
    words(page, "the truth repels")
    page.close()


def test_quadratic_does_what_chapter_6_says(browser):
    page = opened(browser, "quadratic", has_touch=True)
    put(page, "Strength", "0.18")
    words(page, r"^2 of 30 .*longest (1\.22 and 0\.69\d); Theorem 6\.5 says two, \1\.")
    handle = page.get_by_role("slider", name="second unit")
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y + 10, steps=3)
    page.mouse.up()
    before = handle.get_attribute("aria-valuetext")
    assert not before.startswith("60 degrees")
    page.touchscreen.tap(x + 40, y + 60)
    assert handle.get_attribute("aria-valuetext") != before
    page.get_by_label("Penalty").select_option("no penalty")
    page.get_by_role("button", name="Start again").click()
    words(page, r"The function is (0|\S*10⁻)")
    assert found(page, r"^(\d+) of 30 units are longer than the threshold")[0] > 5
    page.close()


def test_digits_shows_what_chapter_7_measured(browser):
    random, split, keeps = torch.Generator().manual_seed(0), None, (2, 6, 10, 40)
    sweeps = {}
    for name, strengths in {"no penalty": [0.0], "weight decay": [0.01, 0.1], "group Lasso": [0.01, 0.1]}.items():
        test = torch.rand(len(keeps), len(strengths), 5, generator=random)
        sweeps[name] = WidthSweep(split, torch.tensor(strengths), keeps, None, test, test)
    page = browser.new_page()
    page.set_content(digits.strength_slider(sweeps, alt=ALT).data)
    for state, slide in enumerate(("min", "max")):
        put(page, "strength", slide)
        for name, sweep in sweeps.items():
            mean = sweep.test[:, min(state, len(sweep.strengths) - 1)].mean(-1)
            numbers = ", ".join(f"{100 * mean[i]:.0f}" for i in (3, 2, 1))
            assert f"{name} {numbers}" in words(page)


def test_the_dial_does_what_chapter_2_says(browser):
    page = opened(browser, "landscape_dial", has_touch=True)
    shape = r"θ = (\d+)°: norms ([\d.]+) and ([\d.]+), cosine ([\d.]+)\. .*moves by (0|.*10⁻¹\S)\."

    def reading(wanted=r"\S"):
        return [float(x) for x in re.search(shape, words(page, wanted, moving=False)).groups()[:4]]

    put(page, "angle", 45)
    _, first, second, _ = reading("^θ = 45")
    assert first == second
    put(page, "angle", 40)
    page.get_by_role("button", name="Let go").tap()
    reading("^θ = 0°|^θ = 180°.*cosine 0")
    put(page, "exponent", 4)
    put(page, "angle", 20)
    page.get_by_role("button", name="Let go").tap()
    _, first, second, _ = reading("^θ = 4[45]")
    assert first == pytest.approx(second, abs=0.02)
    put(page, "angle", 20)
    put(page, "exponent", 2)
    page.get_by_role("button", name="Let go").tap()
    assert reading()[0] == 20
    tip = page.get_by_role("slider", name="first column")
    tip.focus()
    page.keyboard.press("ArrowRight")
    assert reading("^θ = 22")[0] == 22
    plane = page.locator("svg").first
    middle = 46 + (plane.bounding_box()["width"] - 56) / 2  # between the margins of the plot
    plane.tap(position={"x": middle, "y": 40})
    assert reading("^θ = (89|9[01])")
    page.close()


def test_no_run_ends_in_the_gap_as_chapter_4_says(browser):
    page = opened(browser, "gap")
    words(page, r"predicted")
    least, edge = theory.g_min(0.297, 0.03), theory.gap_edge(0.297, 1.0, 0.03) / 0.03**0.5
    for mu, lives in ((0.8, True), (0.5, True), (round(least + 0.02, 2), True), (round(least - 0.02, 2), False)):
        put(page, "weak eigenvalue", mu)
        fate = r"has norm ([\d.]+), predicted \1\d?\." if lives else "is zero: its eigenvalue"
        said = words(page, f"μ₂ = {mu:g}.*{fate}", moving=False)
        assert f"between 0 and {edge:.2f}" in said
        if lives:
            assert float(re.search(r"has norm ([\d.]+\d)", said)[1]) > edge
    handle = page.get_by_role("slider", name="level")
    before = handle.get_attribute("aria-valuetext")
    for _ in range(8):
        handle.press("ArrowUp")
    assert handle.get_attribute("aria-valuetext") != before
    words(page, "outside of it")
    page.close()


def test_the_phase_diagram_does_what_chapter_2_says(browser):
    page = opened(browser, "landscape_phases")
    put(page, "smoothing", -3.2)
    for strength, phase in ((0.2, 0), (0.8, 1), (1.25, 2), (2.0, 3)):
        page.get_by_role("slider", name="strength λ").evaluate(
            "(e, v) => { e.value = Math.log(v); e.dispatchEvent(new Event('input')); }", strength
        )
        assert theory.phase(1.0, strength, 0.0408) == phase
        words(page, f"λ = {strength:g}: {theory.PHASES[phase]}")
    page.get_by_role("slider", name="strength λ").evaluate(
        "e => { e.value = Math.log(0.8); e.dispatchEvent(new Event('input')); }"
    )
    barrier = float(re.search(r"barrier is at ([\d.]+\d)", words(page, "barrier", moving=False))[1])
    assert theory.g(barrier, 0.8, 0.0408) == pytest.approx(1, abs=0.02)
    put(page, "start", round(barrier / 2, 3))
    words(page, "dead after")
    put(page, "start", round(barrier * 2, 3))
    words(page, r"now 0\.7")
    handle = page.get_by_role("slider", name="smoothing and strength")
    before = handle.get_attribute("aria-valuetext")
    handle.hover()
    page.mouse.down()
    page.mouse.move(200, 60, steps=5)
    page.mouse.up()
    assert handle.get_attribute("aria-valuetext") != before
    handle.press("ArrowUp")
    words(page, theory.PHASES[3])
    page.close()


def test_the_cover_plays_pauses_and_shows_only_the_end_where_motion_is_unwanted(browser, monkeypatch):
    monkeypatch.setitem(FIGURES, "sensing", FIGURES["sensing"] | {"k": 24, "steps": 400, "playing": True})
    page = opened(browser, "sensing")
    words(page, "^Train, step [1-9]")
    page.get_by_role("button", name="Pause").click()
    before = page.locator(".lab-words").text_content()
    page.evaluate(f"new Promise(done => {3 * 'requestAnimationFrame(() => '} done() {3 * ')'})")
    assert page.locator(".lab-words").text_content() == before
    assert page.locator(".lab-busy").count() == 0
    page.get_by_role("button", name="Play").click()
    words(page, "^Prune: 3 of 24 columns are left; M has rank 3")
    page.close()
    still = opened(browser, "sensing", reduced_motion="reduce")
    words(still, "^Prune: 3 of 24")
    assert still.get_by_role("button", name="Play").is_visible()
    still.close()


def test_factors_does_what_chapter_9_says(browser):
    page = opened(browser, "factors")
    pattern = r"^(\d) of 8 pairs were kept .* not seen is ([\d.]+) % of their size, before pruning ([\d.]+) %"
    kept, after, before = found(page, pattern)
    assert kept == 2
    assert after < before
    put(page, "Share", "min")
    _, few, _ = found(page, pattern)
    assert few > 2 * after
    page.close()


def test_untuned_does_what_chapter_8_says(browser):
    page = opened(browser, "untuned")
    pattern = r"At level ([\d.]+) there are (\d+) columns; .*takes (\d+) columns; the truth has 2"
    level, _, chosen = found(page, pattern)
    assert chosen == 2
    handle = page.get_by_role("slider", name="Level")
    handle.press("ArrowRight")  # one key, one level
    above, *_ = found(page, r"At level ([\d.]+)")
    assert above == pytest.approx(4 / 3 * level, rel=0.1)
    handle.press("ArrowDown")
    assert found(page, r"At level ([\d.]+)")[0] == level
    put(page, "Noise", "max")
    words(page, r"takes [01] columns?; the truth has 2")
    page.close()
