"""Long formulas come in parts that fit a phone, whole otherwise, and stay with their punctuation."""

import sys

import pytest
from notebooks import CHAPTERS
from small_book import build

sys.path.insert(0, str(CHAPTERS / "_extensions"))

import formulas

WHOLE = [r"\kappa = 3", r"u_1, \dots, u_k", r"\begin{cases} aaaaaaaaaaaaaaa = b \end{cases}", "a" * 40]


@pytest.mark.parametrize("tex", WHOLE)
def test_short_formulas_and_those_without_a_place_to_break_stay_whole(tex):
    assert formulas.pieces(tex) == [tex]


@pytest.mark.parametrize(
    ("tex", "parts"),
    [
        (r"f(X) = \frac1n\lVert\mathcal{A}(X) - y\rVert^2", ["f(X) ={}", r" \frac1n\lVert\mathcal{A}(X) - y\rVert^2"]),
        ("aaaaaaaa, bbbbbbbb", [r"aaaaaaaa,\,", " bbbbbbbb"]),
        ("aaaaaaaaaaaaaaa = -bbbbbbbb", ["aaaaaaaaaaaaaaa ={}", " -bbbbbbbb"]),
        (r"\frac{aaaaaaaa = b}{ccccccccc = d}", [r"\frac{aaaaaaaa = b}{ccccccccc = d}"]),
        ("x_{=} aaaaaaaaaaaaaaaa_+ b", ["x_{=} aaaaaaaaaaaaaaaa_+ b"]),
        ("aaaaaaaaaaaa + bbbbbbbbbbbb", ["aaaaaaaaaaaa +{}", " bbbbbbbbbbbb"]),
        (r"aaaaaaaaaaaa(bbbbbbbbbbb + ccccccccc)", ["aaaaaaaaaaaa(bbbbbbbbbbb +{}", " ccccccccc)"]),
        (r"aaaaaaaa\left(b = c\right)aaaaaa", [r"aaaaaaaa\left(b = c\right)aaaaaa"]),
    ],
)
def test_formulas_break_where_tex_breaks_them(tex, parts):
    assert formulas.pieces(tex) == parts


def test_a_formula_keeps_the_punctuation_it_touches(tmp_path):
    text = "# One\n\nFor $x$, all ($y$) and $z$-th; $f(X) = aaaaaaaaaaaaa$. Then $w$ on.\n"
    html = (build(tmp_path, {"chapters/one.md": text}) / "chapters" / "one.html").read_text(encoding="utf-8")
    assert r"\(x\)</span>,</span>" in html
    assert r'<span class="together">(<span class="math notranslate nohighlight">\(y\)</span></span>)</span>' in html
    assert r"\(z\)</span>-th</span>;" in html
    assert r"\( aaaaaaaaaaaaa\)</span>.</span>" in html
    assert '<span class="together"><span class="math notranslate nohighlight">\\(w' not in html
