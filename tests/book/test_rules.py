"""Every check is itself checked: it is silent on a good chapter and speaks up on one that breaks just its rule."""

import pytest
import test_hygiene as hygiene
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbformat.v4 import writes as notebook_text
from notebooks import read
from rules_cells import (
    cell_sizes,
    folded_figures,
    introduced,
    parameters,
    plain_python,
    readable_code,
    reading_minutes,
    sections,
    setup_cell,
    stored_state,
)
from rules_dialect import folds, github_math, html, layout, math_content, math_delimiters, myst
from rules_figures import alt_faults, dangling, figures, outputs
from rules_links import links, mentions, references
from rules_statements import equations, exercises, proofs, solutions_of, statements
from test_statements import marked_statements, unmatched

ALT = "Six column norms against training steps; two stay large and four fall to zero."
FOLD = "<details><summary>{}</summary>\n\n{}\n\n</details>\n\n"
STATEMENT = (
    '<a id="thm-2-{n}"></a>\n\n> **{kind} 2.{n}** (Name {n}; {by}). Let $x = {n}$\n> and so on.\n>\n> $$\n> y\n> $$\n\n'
)
LEMMA = STATEMENT.format(n=1, kind="Lemma", by="proved here")
KNOWN = STATEMENT.format(n=1, kind="Lemma", by="known")
THEOREM = STATEMENT.format(n=1, kind="Theorem", by="proved here")
NOTEBOOK_RULES = (myst, html, folds, math_delimiters, math_content, layout)
CHAPTER_RULES = (
    *NOTEBOOK_RULES, links, references, mentions, statements, proofs, equations, figures, exercises, dangling,
    stored_state, setup_cell, plain_python, cell_sizes, readable_code, parameters, folded_figures, introduced, sections,
)  # fmt: skip


def md(source):
    return new_markdown_cell(source)


def code(source, tags=(), alt=None):
    metadata = {"tags": list(tags)} if tags else {}
    if alt:
        metadata["mystnb"] = {"image": {"alt": alt}}
    return new_code_cell(source, metadata=metadata)


def good_cells():
    """A chapter that breaks no rule, as a list of cells to spoil."""
    lemma = STATEMENT.format(n=2, kind="Lemma", by="known")
    source = "See [Stein](https://doi.org/10.1214/aos/1176345632), and [Lemma 2.2](02_good.ipynb#thm-2-2) again.\n\n"
    plan = "**Prerequisites.** None.\n\n**You will learn** a lot.\n\n**Reading time.** 25 minutes.\n\n"
    plan += "**In this chapter** we see the rotation and the phases.\n\n## What we saw\n\n"
    body = "plain words about $x_1$ and `U`, one after the other, " * 200
    tasks = [
        f"**Exercise 2.{n}** (Name). Show it as in Figure 2.1.\n\n"
        + FOLD.format(f"Solution of Exercise 2.{n}", f"Run it:\n\n```python\nz = y + {n}\n```")
        for n in (1, 2, 3)
    ]
    cells = [
        md("# A title\n\n" + plan + body),
        code("import sys", ["setup", "hide-input"]),
        code("# change these and run again\nSEED, D = 0, 5", ["parameters"]),
        code("from helpers.pruning import prune\n\nranges(D=(D, 2, 9))"),
        md(THEOREM + FOLD.format("Proof of Theorem 2.1", "By Theorem 2.1 with $x < y$, done.")),
        md(lemma + source + "| a | b |\n|---|---|\n| $x$ | 2 |\n"),
    ]
    for n in range(1, 6):
        caption = f"*Figure 2.{n}. What it shows, $x^{n}$ too.*\n\nMore words."
        cells += [code("fig, ax = plt.subplots()", ["hide-input"], ALT), md(caption)]
    cells += [code(f"y = {n}") for n in range(9)]
    cells += [md("`prune(U)` drops columns."), code("prune(y)")]
    return [*cells, md("## Exercises\n\n" + "".join(tasks) + "## Further reading\n\nBooks.")]


def document(cells, folder, name="02_good.ipynb"):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = folder / name
    path.write_text(notebook_text(new_notebook(cells=cells, metadata=metadata)), encoding="utf-8")
    return read(path)


def page(text, folder):
    path = folder / "README.md"
    path.write_text(text, encoding="utf-8")
    return read(path)


@pytest.mark.parametrize("rule", CHAPTER_RULES, ids=lambda rule: rule.__name__)
def test_a_good_chapter_passes(rule, tmp_path):
    assert list(rule(document(good_cells(), tmp_path))) == []


# (rule, Markdown that breaks it, words of the complaint)
BAD_MARKDOWN = [
    (myst, "```{note}\nx\n```", "directive"),
    (myst, ":::{note}\nx\n:::", "directive"),
    (myst, "see {ref}`x`", "role"),
    (myst, "(label)=\n# A", "label"),
    (myst, "the {{ name }}", "substitution"),
    (myst, "% hidden", "comment"),
    (myst, "+++\n\nx", "cell break"),
    (myst, "x[^1]", "footnote"),
    (myst, "[x]{#name}", "attribute"),
    (html, "<div>\nx\n</div>", "fold"),
    (html, "<!-- remark -->", "fold"),
    (html, "a <b>bold</b> word", "portable"),
    (html, "<details><summary>A</summary>\nno blank line\n\n</details>", "blank line"),
    (html, "<details>\n<summary>A</summary>\n\nx\n\n</details>", "blank line"),
    (html, "<details><summary>A</summary>\n\nx\n\n</details>\nno blank line", "blank line"),
    (html, "<details><summary>A $x$</summary>\n\nx\n\n</details>", "plain words"),
    (folds, "<details><summary>A</summary>\n\nno blank line\n</details>", "no blank line before"),
    (folds, "<details><summary>A</summary>\n\nx", "without </details>"),
    (folds, "x\n\n</details>", "without <details>"),
    (folds, "- a\n\n  <details><summary>A</summary>\n\n  x\n\n  </details>", "left margin"),
    (math_delimiters, "costs $x and no more", "lone $"),
    (math_delimiters, "one $ x $ with spaces", "lone $"),
    (math_delimiters, "a \\$5 note", "\\$"),
    (math_delimiters, "so \\(x\\)", "\\("),
    (math_delimiters, "the $k$th", "letter"),
    (math_delimiters, "2$x$", "letter"),
    (math_delimiters, "$x\n= y$", "line end"),
    (math_delimiters, "text\n$$\nx\n$$", "blank"),
    (math_delimiters, "text $$x$$ text", "lone $"),
    (math_delimiters, "$$\nx\n\ny\n$$", "lone $"),
    (math_delimiters, "$$\nx\n$$ (label)", "lone $"),
    (math_delimiters, "$$\nx", "lone $"),
    (math_delimiters, "| a |\n|---|\n| $|x|$ |", "table"),
    (math_delimiters, "\\begin{align}\nx\n\\end{align}", "outside"),
    (math_content, "$\\newcommand{\\R}{x}$", "newcommand"),
    (math_content, "$$\n\\def\\R{x}\n$$", "def"),
    (math_content, "$$\nx \\label{a}\n$$", "label"),
    (math_content, "$$\n\\begin{align*}x\\end{align*}\n$$", "aligned"),
    (math_content, "$$\na\\\\b \\tag{1.1}\n$$", "write \\cr"),
    (math_content, "$a<b$", "HTML tag"),
    (layout, "# One\n\n# Two", "title"),
    (layout, "no title", "title"),
    (layout, "# A\n\n    indented", "four spaces"),
    (links, "[x](missing.ipynb)", "does not exist"),
    (links, '<a id="a"></a>\n\n<a id="a"></a>', "more than once"),
    (links, "[x](02_good.ipynb#nowhere)", "does not have"),
    (links, "[x](#thm-2-1)", "in-page"),
    (links, "[x](my file.md)", "no link"),
    (links, "[x](my%20file.md)", "space"),
    (links, "[x](/me/x.md)", "absolute"),
    (links, "[x](file:///x.md)", "no link"),
    (links, "[x](http://example.org)", "https"),
    (links, "[x](../../../x.md)", "leads out"),
    (links, "![x](missing.png)", "does not exist"),
    (links, "[x](https://github.com/someone/book)", "no address"),
    (links, "clone gitlab.com/someone/book", "no address"),
    (links, "[x](https://arxiv.org/pdf/2303.11453)", "arxiv.org/abs"),
    (links, "[x](https://doi.org/1176345632)", "DOI"),
    (references, "[Theorem 2.2](02_good.ipynb#thm-2-1)", "must lead"),
    (references, "[Theorem 2.1](02_good.ipynb)", "must lead"),
    (references, "[the lemma](02_good.ipynb#thm-2-1)", "must have the words"),
    (references, "[Lemma 2.1](02_good.ipynb#thm-2-1)", "printed as Theorem"),
    (mentions, "by Theorem 2.1 we see", "not a link"),
    (mentions, "by Theorems 2.1 and 2.2", "not a link"),
    (mentions, FOLD.format("Proof of Theorem 2.1", "By Lemma 2.2."), "not a link"),
    (mentions, "> **Theorem 2.1** (A; proved here). x\n\nTheorem 2.1 says", "not a link"),
    (statements, STATEMENT.format(n=2, kind="Lemma", by="proved here"), "should be number 2.1"),
    (statements, STATEMENT.format(n=1, kind="Claim", by="proved here"), "kind must be"),
    (statements, STATEMENT.format(n=1, kind="Lemma", by="obvious"), "open with"),
    (statements, KNOWN, "source"),
    (statements, LEMMA.replace("thm-2-1", "thm-2-7"), "right before"),
    (statements, "> **Theorem 2.1** (A; proved here). x", "right before"),
    (statements, "**Theorem 2.1** (A; proved here). x", "quotation"),
    (statements, LEMMA.replace("2.1**", "3.1**"), "should be number 2.1"),
    (proofs, LEMMA, "has no"),
    (proofs, FOLD.format("Proof of Lemma 2.9", "x"), "proves no statement"),
    (proofs, LEMMA + FOLD.format("Proof of Lemma 2.1", ""), "empty"),
    (equations, "$$\nx \\tag{2.2}\n$$", "should be number 2.1"),
    (equations, "$$\nx \\tag{2.1}\n$$\nand by (2.3) so", "no \\tag{2.3}"),
    (figures, "*Figure 2.1. A caption without a figure.*", "without a figure"),
    (exercises, "**Exercise 2.1** (A). x", "has no"),
    (exercises, "**Exercise 2.1** (A). x", "3 to 5"),
    (exercises, "**Exercise 2.2** (A). x\n\n" + FOLD.format("Solution of Exercise 2.2", "x"), "should be number 2.1"),
    (exercises, "**Exercise 2.1** (A). x\n\n" + FOLD.format("Solution of Exercise 2.2", "x"), "follow its exercise"),
    (exercises, "**Exercise 2.1.** x", "open the exercise"),
    (dangling, "see Figure 2.7", "Figure 2.7"),
    (dangling, "see Exercise 2.7", "Exercise 2.7"),
    (sections, "few words", "Further reading"),
    (sections, "**Reading time.** 55 minutes", "ask for 5"),
    (readable_code, FOLD.format("Solution of Exercise 2.1", f"```python\n{'x' * 90}\n```"), "Exercise 2.1"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "complaint"), BAD_MARKDOWN)
def test_bad_markdown_is_reported(rule, text, complaint, tmp_path):
    cells = [md(text)]
    if rule in (links, references):  # something to refer to
        cells.append(md(THEOREM))
    problems = list(rule(document(cells, tmp_path)))
    assert any(complaint in problem for problem in problems), problems


@pytest.mark.parametrize(
    "text",
    [
        "Code keeps its signs: `$x`, `{ref}` and `<b>`.\n\n```text\n$ {{ x }} <div> Theorem 2.1\n```",
        "The $k$-th, ($x$), *$y$*, $\\{1, 2\\}$ and $a < b$.",
        "So\n\n$$\n\\begin{aligned} x &= 1 \\\\ y &= 2 \\end{aligned}\n$$\nand on.",
        '<a id="sec-here"></a>\n\nText\\_with \\* escapes.<br>',
        FOLD.format("A refresher", "- a list\n- with $x$"),
        "| norm | size |\n|---|---|\n| $\\lVert x \\rVert$ | 2 |",
    ],
)  # fmt: skip
def test_good_markdown_is_not_reported(text, tmp_path):
    cells = document([md("# A\n\n" + text)], tmp_path)
    assert [problem for rule in (*NOTEBOOK_RULES, mentions) for problem in rule(cells)] == []


def spoil(cells, index, **changes):
    for name, value in changes.items():
        cells[index][name] = value
    return cells


SETUP, PARAMETERS, RANGES, DRAWING, PLAIN, NAMED = 1, 2, 3, 6, 16, 25
BAD_CELLS = [
    (stored_state, PLAIN, {"execution_count": 3}, "clear all outputs"),
    (stored_state, PLAIN, {"outputs": [new_output("stream", text="x")]}, "clear all outputs"),
    (setup_cell, SETUP, {"metadata": {"tags": ["setup"]}}, "hide-input"),
    (setup_cell, SETUP, {"metadata": {}}, "0 cells are tagged setup"),
    (setup_cell, PARAMETERS, {"metadata": {}}, "0 cells are tagged parameters"),
    (setup_cell, PLAIN, {"metadata": {"tags": ["parameters"]}}, "2 cells are tagged parameters"),
    (setup_cell, PARAMETERS, {"source": "print(1)"}, "assignments only"),
    (plain_python, PLAIN, {"source": "%pip install x"}, "plain Python"),
    (plain_python, PLAIN, {"source": "!ls"}, "plain Python"),
    (cell_sizes, PLAIN, {"source": "x = 1\n" * 21}, "21 lines"),
    (cell_sizes, PLAIN, {"source": ""}, "empty"),
    (readable_code, PLAIN, {"source": "x = " + "1" * 88}, "a line of 92 characters"),
    (readable_code, PLAIN, {"source": "x = [[b for b in a] for a in y]"}, "nested comprehension"),
    (readable_code, PLAIN, {"source": "x = [b for a in y for b in a]"}, "nested comprehension"),
    (parameters, PARAMETERS, {"source": "SEED, D = 0, 5"}, "must open with"),
    (parameters, PARAMETERS, {"source": "# change these and run again\nD, R = 5, 2"}, "R has no range"),
    (parameters, RANGES, {"source": "x = 1"}, "D has no range"),
    (folded_figures, DRAWING, {"metadata": {"mystnb": {"image": {"alt": ALT}}}}, "hide-input"),
    (introduced, NAMED, {"source": "We drop columns."}, "uses prune"),
    (figures, DRAWING, {"metadata": {}}, "mystnb.image.alt"),
    (figures, DRAWING, {"metadata": {"mystnb": {"image": {"alt": "Column norms."}}}}, "too short"),
    (figures, DRAWING + 1, {"source": "No caption."}, "next cell"),
    (figures, DRAWING + 1, {"source": "*Figure 2.1. What it shows.* More in the same paragraph."}, "one paragraph"),
    (figures, DRAWING + 1, {"source": "*Figure 2.4. What it shows.*"}, "should be number 2.1"),
    (figures, DRAWING + 1, {"source": f"*Figure 2.1. {ALT}*"}, "repeats the caption"),
    (figures, DRAWING + 1, {"source": "*Figure 2.1. Left, what it shows.*"}, "on a phone"),
    (figures, DRAWING + 1, {"source": "*Figure 2.1. On the right the black line.*"}, "on a phone"),
]


@pytest.mark.parametrize(("rule", "index", "changes", "complaint"), BAD_CELLS)
def test_bad_cells_are_reported(rule, index, changes, complaint, tmp_path):
    problems = list(rule(document(spoil(good_cells(), index, **changes), tmp_path)))
    assert any(complaint in problem for problem in problems), problems


def test_reading_takes_longer_with_more_words_lines_and_formulas(tmp_path):
    few = reading_minutes(document([md("word " * 500)], tmp_path))
    assert few == 5
    assert reading_minutes(document([md("word " * 500), code("x = 1\n" * 50)], tmp_path)) == 10
    assert reading_minutes(document([md("word " * 500 + "\n\n$$\nx\n$$\n\n" * 20)], tmp_path)) == 10
    folded = FOLD.format("Proof of x", "word " * 999)
    assert reading_minutes(document([md("word " * 500 + "\n\n" + folded)], tmp_path)) == few


def test_another_kernel_is_reported(tmp_path):
    chapter = document(good_cells(), tmp_path)
    chapter.metadata["kernelspec"]["name"] = "ir"
    assert "python3" in next(stored_state(chapter))


def test_a_proof_far_from_its_statement_is_reported(tmp_path):
    lemma = md(LEMMA)
    proof = md(FOLD.format("Proof of Lemma 2.1", "x"))
    assert list(proofs(document([lemma, proof], tmp_path))) == []
    assert "next Markdown cell" in next(proofs(document([lemma, md("text"), proof], tmp_path)))


@pytest.mark.parametrize(
    "alt",
    [
        "Too short a text.",
        ALT.lower(),
        ALT[:-1],
        f"A $x$ {ALT}",
        "Fivewords thatarelong butstill makenosentence atall.",
    ],
)
def test_alt_text_that_is_no_sentence_is_reported(alt):
    assert list(alt_faults(alt))
    assert not list(alt_faults(ALT))


def test_statements_and_tests_are_matched_both_ways():
    source = '@pytest.mark.statement("2.1", "2.3")\ndef test_x(): ...\n\npytestmark = [pytest.mark.statement("2.4")]\n'
    marked = marked_statements({"test_x.py": source})
    assert set(marked) == {"2.1", "2.3", "2.4"}
    problems = unmatched({"2.1": "Lemma 2.1", "2.2": "Lemma 2.2", "2.3": "Theorem 2.3"}, marked)
    assert len(problems) == 2
    assert "Lemma 2.2 has no test" in problems[0]
    assert "'2.4') names no statement" in problems[1]


WIDE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 300"><g id="figure_1">
<g transform="translate(1 2) scale(0.1 -0.1)"/></g></svg>"""


def image(kind="image/png", data="x"):
    return new_output("display_data", data={kind: data})


@pytest.mark.parametrize(
    ("shown", "alt", "complaint"),
    [
        ([image(), image()], ALT, "shows 2 figures"),
        ([image()], None, "give it the metadata"),
        ([image("text/html", "<img src=x>")], None, "give it the metadata"),
        ([image("text/html", "<img src=x>")], ALT, "has no alt"),
        ([image("text/html", f'<img alt="{ALT}"><input type="range">')], ALT, "aria-label"),
        ([image("text/html", f'<svg aria-label="{ALT}"></svg>')], ALT, 'no role="img"'),
        ([image("text/html", f'<p data-lab="a"><img alt="{ALT}">' + 60_000 * "x")], ALT, "simpler still picture"),
        ([image("text/html", '<svg role="img" aria-label="a curve"></svg>')], ALT, "at least 40"),
        ([image("image/svg+xml", WIDE)], ALT, "6.5 pixels on a phone"),
        ([new_output("stream", text="no figure")], ALT, "shows no figure"),
        ([new_output("stream", name="stderr", text="x.py:1: UserWarning: beware")], None, "warns"),
    ],
)
def test_bad_outputs_are_reported(shown, alt, complaint, tmp_path):
    cell = code("x", alt=alt)
    cell.outputs = shown
    problems = list(outputs(document([cell], tmp_path)))
    assert any(complaint in problem for problem in problems), problems


def test_good_outputs_are_not_reported(tmp_path):
    cells = [code("x", alt=ALT), code("x", alt=ALT), code("x"), code("x", alt=ALT)]
    cells[0].outputs = [new_output("stream", text="words"), image()]
    cells[1].outputs = [image("text/html", f'<img alt="{ALT}"><input type="range" aria-label="Frame">')]
    cells[2].outputs = [image("text/html", "<table><tr><td>1</td></tr></table>")]
    cells[3].outputs = [image("text/html", f'<svg role="img" aria-label="{ALT}"></svg>')]
    assert list(outputs(document(cells, tmp_path))) == []


def test_solutions_are_found(tmp_path):
    chapter = document(good_cells(), tmp_path)
    assert solutions_of(chapter) == {f"2.{n}": [f"z = y + {n}\n"] for n in (1, 2, 3)}


def test_pages_are_checked_like_notebooks(tmp_path):
    document([md(THEOREM)], tmp_path)
    good = "(here)=\n# A title\n\n[x](#a-title) [y](README.md#here) [Theorem 2.1](02_good.ipynb#thm-2-1)"
    assert [*links(page(good, tmp_path)), *references(page(good, tmp_path))] == []
    assert "does not have" in next(links(page("[x](README.md#nowhere)", tmp_path)))
    assert "does not exist" in next(links(page("```{note}\n[x](missing.md)\n```", tmp_path)))
    assert "printed as" in next(references(page("[Lemma 2.1](02_good.ipynb#thm-2-1)", tmp_path)))


@pytest.mark.parametrize("text", ["$\\{x\\}$", "$$\nx \\\\ y\n$$", "$\\operatorname{tr} X$", "non-$x$"])
def test_math_that_github_spoils_is_reported(text, tmp_path):
    assert list(github_math(page(text, tmp_path)))
    assert not list(github_math(page("$\\lbrace x \\rbrace$, $\\mathrm{tr} X$", tmp_path)))


def test_bad_habits_in_code_are_found():
    imports = "from helpers.stack import x\nimport helpers.figures.style\nfrom helpers import networks\nfrom .theory import y"  # noqa: E501
    assert hygiene.imported_modules(imports) == ["stack", "figures", "networks", "theory"]
    assert list(hygiene.upward_imports({"figures": {"theory", "digits"}, "objective": set()})) == []
    for wrong in ({"theory": {"training"}}, {"pruning": {"stack"}}, {"theory": {"unheard"}}, {"unheard": set()}):
        assert list(hygiene.upward_imports(wrong))
    bad = ["torch.manual_seed(0)", "torch.randn(3)", "np.random.rand(3)", "torch.set_default_dtype(torch.float32)"]
    assert hygiene.global_draws("\n".join(bad)) == bad
    assert hygiene.global_draws("torch.randn(3, generator=g)\nnp.random.default_rng(0)\ng.manual_seed(0)") == []
    assert hygiene.clocks("import time") == ["time"]
    assert hygiene.clocks("from time import perf_counter") == ["perf_counter", "time"]
    assert hygiene.clocks("x = run.steps") == []
    assert hygiene.MACHINE.search("/" + "home/me/book")
    assert hygiene.MACHINE.search("cd ../" + ".hidden")
    assert not hygiene.MACHINE.search("https://docs.python.org/3/home/x and chapters/_static")
    assert hygiene.VAGUE.fullmatch("utils")
    assert not hygiene.VAGUE.fullmatch("problems")
