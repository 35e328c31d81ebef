"""What students hand in, and what spreadsheets write, is read without loss: files, encodings, cells, pictures."""

import base64
import json
import os
import sys

import nbformat
import pytest
from coursework import answers, batch
from nbformat.v4 import new_code_cell, new_markdown_cell

sys.path.insert(0, str(answers.CHAPTERS / "problem_sets"))

from grading import collect, restore
from grading.marks_file import read_marks

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG, GIF = b"\xff\xd8\xff\xe0" + bytes(60), b"GIF89a" + bytes(60)


def collected(tmp_path, student="ada", **files):
    """The submission of a student with these files, {path with __ for / and the ending left out: content}."""
    for name, content in files.items():
        path = tmp_path / student / f"{name.replace('__', '/')}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return collect.collect(tmp_path, student, "ps1", restore.handed_out(batch.unsolved()))


def restored(notebook, tmp_path):
    """(notebook, names that wait for a marker, notes) of a submission after its checks were put back."""
    submission = collected(tmp_path, ps1=notebook)
    return restore.restore(answers.master("ps1"), batch.unsolved(), submission.cells)


def text_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def with_answer(text, **more):
    """A solved notebook as JSON text whose open answer is `text`."""
    notebook = batch.solved()
    batch.named(notebook, "open").update(source=text, **more)
    return json.dumps(notebook, ensure_ascii=False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"%PDF-1.7", "not JSON (Expecting value: line 1 column 1 (char 0)), it begins '%PDF-1.7'"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"", "it begins ''"),
        (b" \n\t", "it begins ''"),
        (b"<!DOCTYPE html><html>", "it begins '<!DOCTYPE html>"),
        (b"PK\x03\x04\x14\x00\xff\xfe homework.ipynb", "it begins 'PK"),
        (b'{"cells": [{"cell_type": "code", "sour', "Unterminated string"),
        (b'<<<<<<< mine\n{"cells": []}\n=======\n{}\n>>>>>>> theirs', "it begins '<<<<<<< mine"),
        (b"[1, 2]", "no list of cells"),
        (b'{"worksheets": []}', "no list of cells"),
        (b'{"cells": {"0": 1}}', "no list of cells"),
        (json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 3000}).encode(), "3000 cells"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_reason(content, reason, tmp_path):
    found = collected(tmp_path, ps1=content)
    assert found.status == "unreadable"
    assert reason in found.notes[0]


def test_missing_linked_and_special_files_are_refused_with_a_reason(tmp_path):
    (tmp_path / "ada").mkdir()
    assert collect.collect(tmp_path, "ada", "ps1").notes == ["no file ps1.ipynb: the folder is empty"]
    (tmp_path / "secret").write_text('{"cells": []}')
    (tmp_path / "ada" / "ps1.ipynb").symlink_to(tmp_path / "secret")
    assert "a link or device" in collect.collect(tmp_path, "ada", "ps1").notes[0]
    (tmp_path / "ada" / "ps1.ipynb").unlink()
    (tmp_path / "ada" / "ps1.ipynb").mkdir()
    assert collect.collect(tmp_path, "ada", "ps1").status == "missing"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_every_encoding_of_an_editor_is_read(encoding, tmp_path):
    text = with_answer("Ich würde den Start ändern.").encode(encoding, "replace")
    found = collected(tmp_path, ps1=text)
    assert found.status == "found"
    assert any(cell.source == "Ich würde den Start ändern." for cell in found.cells)
    assert bool(found.notes) == (encoding in ("cp1252", "latin-1"))


@pytest.mark.parametrize(
    "escape",
    [
        "\\ud83d", "\\udc00", "a\\ud83db", "\\ud83d\\ud83d", "\\ude00\\ud83d", "\\ud83d\\ude00\\ud83d", "\\u0000",
        "\\u2028", "\\ufeff", "\\uffff", "\\u202e", "\\u001b[31m", "\\u007f", "x\\r\\u0085y",
    ],
)  # fmt: skip
def test_every_text_that_json_allows_can_be_stored(escape, tmp_path):
    found = collected(tmp_path, ps1=with_answer("HALF").replace("HALF", escape).encode())
    assert found.status == "found"
    notebook, _, notes = restored_from(found)
    assert notes == []
    json.dumps(notebook, ensure_ascii=False).encode("utf-8")
    assert "\0" not in text_of(notebook)


def restored_from(submission):
    return restore.restore(answers.master("ps1"), batch.unsolved(), submission.cells)


@pytest.mark.parametrize(
    "name", ["a\nb", "=1+1", "[x]*?", "ä ü", "a'b\"c", "%41", "x" * 120, "日本", "a\u202eb", "😀", ".hidden"]
)
def test_every_name_of_a_folder_is_a_student(name, tmp_path):
    submission = collected(tmp_path, student=name, ps1=batch.solved())
    assert submission.status == "found"
    assert collect.students(tmp_path) == [name]
    shown = collect.label(name)
    assert shown.isprintable()


def test_a_name_that_is_no_utf_8_is_shown_by_its_bytes(tmp_path):
    name = b"m\xfcller".decode("utf-8", "surrogateescape")
    assert collected(tmp_path, student=name, ps1=batch.solved()).status == "found"
    assert collect.label(collect.students(tmp_path)[0]) == "m\\udcfcller"


MUCH = "x" * 21_000_000
STREAM = {"output_type": "stream", "name": "stdout", "text": MUCH}


def data(**bundle):
    kinds = {kind.replace("_", "/"): value for kind, value in bundle.items()}
    return [{"output_type": "display_data", "metadata": {}, "data": kinds}]


@pytest.mark.parametrize(
    "outputs",
    [
        [STREAM],
        [{**STREAM, "text": [MUCH[:70] + "\n"] * 300_000}],
        [{**STREAM, "text": "y"}] * 30_000,
        data(image_png="iVBORw0KGgo" + MUCH),
        data(text_html=f"<table>{MUCH}</table>", text_plain="a frame"),
        data(application_pdf=MUCH),
        data(application_json={"points": [0.1] * 300_000}),
        [{"output_type": "error", "ename": "E", "evalue": MUCH, "traceback": []}],
        [{"output_type": "error", "ename": "E", "evalue": "", "traceback": [MUCH]}],
        MUCH,
        [None, 7, [MUCH]],
        {"output_type": MUCH},
    ],
)
def test_outputs_however_large_or_odd_do_not_matter(outputs, tmp_path):
    notebook = batch.solved()
    batch.named(notebook, "figure").update(outputs=outputs)
    found = collected(tmp_path, ps1=notebook)
    assert (found.status, found.notes) == ("found", [])
    assert found.cells == collected(tmp_path / "other", ps1=batch.solved()).cells


@pytest.mark.parametrize("place", ["metadata", "a cell's metadata", "another cell"])
def test_nor_does_what_is_large_elsewhere(place, tmp_path):
    notebook = batch.solved()
    where = {"metadata": notebook, "a cell's metadata": notebook.cells[0], "another cell": new_code_cell("1")}[place]
    where.metadata["widgets"] = {"state": MUCH}
    notebook.cells += [where] * (place == "another cell")
    assert collected(tmp_path, ps1=notebook).status == "found"


@pytest.mark.parametrize(
    "other", ["ps1 (1)", "PS1", "ps1-final", "Kopie von ps1", "ada_ps1", "ps1__ps1__ps1", "homework__ps1"]
)
def test_the_notebook_is_found_under_the_names_that_browsers_and_archives_give_it(other, tmp_path):
    assert collected(tmp_path, **{other: batch.solved()}).status == "found"


@pytest.mark.parametrize(
    "other", ["ps10", "ps12/ps12", "maps1", "ps2", ".ipynb_checkpoints/ps1", "__MACOSX/ps1", "._ps1"]
)
def test_another_sets_notebook_and_an_editors_copy_are_not_taken_for_it(other, tmp_path):
    path = tmp_path / "ada" / f"{other}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert collect.collect(tmp_path, "ada", "ps1").status == "missing"


def test_of_two_files_the_one_with_answers_counts_and_the_newer_of_two_with_answers(tmp_path):
    found = collected(tmp_path, ps1=batch.solved(), ps1__ps1=batch.unsolved())
    assert found.cells != collected(tmp_path / "other", ps1=batch.unsolved()).cells
    assert found.notes == [
        "2 files lie there, ps1.ipynb and ps1/ps1.ipynb: the newest with an answer, ps1.ipynb, counts"
    ]
    twice = collected(tmp_path / "third", ps1=batch.solved(), ps1__ps1=batch.solved())
    assert twice.notes == [], "the same file twice is no question"
    broken = collected(tmp_path / "fourth", ps1=batch.solved(), ps1__ps1=b"no notebook")
    assert broken.status == "found"


SOLVED, UNSOLVED, BROKEN = "solved", "unsolved", "broken"


@pytest.mark.parametrize(
    ("files", "counts"),
    [  # [(name, content, seconds by which it is older)]: the name of the one that counts, None if there is no question
        ([("ps1", SOLVED, 0), ("ps1 (1)", UNSOLVED, 5)], "ps1"),
        ([("ps1", SOLVED, 5), ("ps1 (1)", UNSOLVED, 0)], "ps1"),
        ([("ps1", "other", 5), ("ps1 (1)", SOLVED, 0)], "ps1 (1)"),
        ([("ps1", SOLVED, 0), ("ps1 (1)", "other", 5), ("ps1/ps1", UNSOLVED, 9)], "ps1"),
        ([("ps1", UNSOLVED, 0), ("ps1/ps1", SOLVED, 5), ("old/ps1", "other", 9)], "ps1/ps1"),
        ([("ps1", BROKEN, 0), ("PS1", SOLVED, 5)], "PS1"),
        ([("ps1", BROKEN, 0), ("ps1-final", UNSOLVED, 5)], "ps1-final"),
        ([("ps1", "", 0), ("ps1/ps1", "other", 5)], "ps1/ps1"),
        ([("ps1", UNSOLVED, 0), ("ps1 (1)", UNSOLVED, 5)], None),
        ([("ps1", SOLVED, 0), (".ipynb_checkpoints/ps1", "other", -5)], None),
        ([("ps1", SOLVED, 5), ("ps10", "other", 0), ("ps2", "other", 0)], None),
    ],
)
def test_the_newest_file_with_an_answer_counts_and_the_message_says_so(files, counts, tmp_path):
    texts = {SOLVED: with_answer("solved"), "other": with_answer("other"), BROKEN: "no notebook", "": "",
             UNSOLVED: json.dumps(batch.unsolved())}  # fmt: skip
    now = 1_700_000_000
    for name, content, older in files:
        path = tmp_path / "ada" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[content], encoding="utf-8")
        os.utime(path, (now - older, now - older))
    found = collected(tmp_path)
    chosen = {name: content for name, content, _ in files}[counts or "ps1"]
    answer = batch.named(restored_from(found)[0], "open").source
    assert answer == (batch.named(batch.unsolved(), "open").source if chosen == UNSOLVED else chosen)
    assert [note.split(", counts")[0].rsplit(": the newest with an answer, ")[1] for note in found.notes] == (
        [f"{counts}.ipynb"] if counts else []
    )


def test_another_sets_notebook_under_this_sets_name_is_told_in_a_sentence(tmp_path):
    other = nbformat.read(answers.RELEASE / "ps8" / "ps8.ipynb", as_version=4)
    found = collected(tmp_path / "one", ps1=other)
    assert found.status == "unreadable"
    assert found.notes == ["ps1.ipynb is problem set 8, not problem set 1: hand in the notebook of problem set 1"]
    both = collected(tmp_path / "two", ps1=other, ps1__ps1=batch.solved())
    assert both.status == "found", "the right one counts where it lies there too"
    untitled = batch.solved()
    del untitled.cells[0]
    assert collected(tmp_path / "three", ps1=untitled).status == "found"


def test_what_lies_in_no_students_folder_is_named(tmp_path):
    collected(tmp_path, ps1=batch.solved())
    (tmp_path / "bob_ps1.ipynb").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "ada")
    assert collect.ignored(tmp_path) == ["bob_ps1.ipynb", "link"]


def test_odd_cells_are_taken_as_far_as_they_are_text(tmp_path):
    odd = [1, None, {"cell_type": "raw", "source": "raw"}, {"cell_type": "code"}]
    odd.append({"cell_type": "code", "source": ["a", 1, "b"]})
    odd.append({"cell_type": "markdown", "source": "c", "metadata": {"nbgrader": 7}})
    assert [cell.source for cell in collected(tmp_path, ps1={"cells": odd}).cells] == ["raw", "ab", "c"]


@pytest.mark.parametrize(("kind", "data"), [("image/png", PNG), ("image/jpeg", JPEG), ("image/gif", GIF)])
def test_attached_pictures_are_kept(kind, data, tmp_path):
    attachments = {"page1.x": {kind: base64.b64encode(data).decode()}}
    notebook, _, notes = restored(
        json.loads(with_answer("![p](attachment:page1.x)", attachments=attachments)), tmp_path
    )
    assert notes == []
    cell = batch.named(notebook, "open")
    assert list(cell.attachments.values()) == list(attachments.values())
    assert f"attachment:{next(iter(cell.attachments))}" in cell.source


@pytest.mark.parametrize(
    "text", ["![](page1.png)", "<img src='page1.png' width=300>", '![a]( <page1.png>  "t")', "![](<page1.png>)"]
)
def test_pictures_beside_the_notebook_are_kept(text, tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "page1.png").write_bytes(PNG)
    notebook, _, _ = restored(json.loads(with_answer(text)), tmp_path)
    assert len(batch.named(notebook, "open").attachments) == (0 if text.startswith("![a]( ") else 1)


@pytest.mark.parametrize(
    ("text", "attachments"),
    [
        ("![](attachment:page1.png)", {}),
        ("![](attachment:page1.png)", {"page1.png": {"image/png": "iVBORw0KGgo="}}),
        ("![](attachment:page1.png)", {"page1.png": {"image/png": "no base64!"}}),
        ("![](attachment:page1.png)", {"page1.png": {"image/png": 7}}),
        ("![](attachment:page1.png)", {"page1.png": "x"}),
        ("![](attachment:page1.png)", [1, 2]),
        ("![](attachment:page1.png)", {"page1.png": {"text/html": "PGI+"}}),
        ("![](page1.png)", {}),
        ('<img src="page1.png">', {}),
        ("![](../../page1.png)", {}),
    ],
)
def test_a_lost_picture_is_named_and_stops_nothing(text, attachments, tmp_path):
    (tmp_path / "page1.png").write_bytes(PNG)  # out of the student's folder: not theirs
    submission = collected(tmp_path / "class", ps1=json.loads(with_answer(text, attachments=attachments)))
    assert submission.status == "found"
    assert "page1.png" in submission.notes[0]
    assert "missing or broken" in text_of(restored_from(submission)[0])


def test_an_untouched_or_solved_notebook_is_restored_without_remarks(tmp_path):
    assert restored(batch.unsolved(), tmp_path / "a")[1:] == ([], [])
    assert restored(batch.solved(), tmp_path / "b")[1:] == (["derivation", "figure", "open"], [])


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.replace("\n", "\r\n"),
        lambda s: s + "\n\n",
        lambda s: s.replace("\n", "  \n"),
        lambda s: s.replace("\n", "\r"),
    ],
)
def test_line_endings_are_no_edit(edit, tmp_path):
    for notebook in (batch.unsolved(), batch.solved()):
        for cell in notebook.cells:
            cell.source = edit(cell.source)
        assert restored(notebook, tmp_path)[2] == []


def test_checks_set_up_and_order_are_put_back_and_own_cells_stay(tmp_path):
    order = [c.metadata.nbgrader.grade_id for c in answers.master("ps1").cells if "nbgrader" in c.metadata]
    students = (
        "hostile-edits-tests",
        "right-reordered",
        "broken-deleted-cells",
        "right-own-cells",
        "broken-names-lost",
    )
    for student in students:
        notebook, _, notes = restored(batch.submissions()[student][0], tmp_path / student)
        there = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
        assert list(there) == order
        masters = answers.cells("ps1")
        assert [n for n, c in there.items() if c.metadata.nbgrader.locked and c.source != masters[n].source] == []
        assert sum(c.metadata.nbgrader.get("points", 0) for c in there.values()) == 20
        assert bool(notes) == (student != "right-own-cells")
        assert any("def halves" in c.source for c in notebook.cells) == (student == "right-own-cells")


def sources(notebook, kind="code"):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def split(notebook, name, *parts):
    """The named cell in parts that all carry its name, as an editor splits a cell."""
    i = notebook.cells.index(batch.named(notebook, name))
    pieces = [
        nbformat.from_dict({**notebook.cells[i], "source": part, "id": f"part-{k}"}) for k, part in enumerate(parts)
    ]
    notebook.cells[i : i + 1] = pieces
    return notebook


def test_the_parts_of_a_split_cell_all_run_in_their_order(tmp_path):
    notebook, _, notes = restored(split(batch.solved(), "gradient", "a = 1", "b = 2", "c = 3"), tmp_path)
    places = [sources(notebook).index(part) for part in ("a = 1", "b = 2", "c = 3")]
    assert places == list(range(places[0], places[0] + 3))
    assert "all run: gradient" in notes[0]


def test_an_untouched_copy_of_an_answer_cell_does_not_undo_the_answer(tmp_path):
    stub = batch.named(batch.unsolved(), "gradient").source
    for parts in (("a = 1", stub), (stub, "a = 1"), ("a = 1", "")):
        notebook = restored(split(batch.solved(), "gradient", *parts), tmp_path / str(len(parts[0])))[0]
        assert batch.named(notebook, "gradient").source == "a = 1"
        assert stub not in sources(notebook)


ANSWER = batch.named(batch.solved(), "gradient").source
MISFIT = "def misfit(A, y, U):\n    return torch.einsum('iab,ab->i', A, U @ U.T) - y"
USES = "def gradient(A, y, U):\n    return 4 / len(y) * torch.einsum('i,iab->ab', misfit(A, y, U), A) @ U"


@pytest.mark.parametrize(
    "parts",
    [
        (MISFIT, USES), (ANSWER, "gradient"), ("x = 1", ANSWER), (ANSWER, ""), ("", ANSWER), (ANSWER, "# a note"),
        ("import math", MISFIT, USES), (ANSWER, ANSWER), (ANSWER, "\n\n"), (MISFIT, USES, "# done", ""),
        ("%matplotlib inline", ANSWER), (ANSWER.replace("4 /", "2 /"), ANSWER),
    ],
)  # fmt: skip
def test_a_right_answer_in_several_cells_is_right(parts, tmp_path):
    notebook, _, _ = restored(split(batch.solved(), "gradient", *parts), tmp_path)
    namespace, names = {}, [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    for cell in notebook.cells[: names.index("gradient-check") + 1]:
        if cell.cell_type == "code" and not cell.source.startswith("%"):
            exec(compile(cell.source, "split", "exec"), namespace)


def test_both_halves_of_a_split_text_are_shown_and_wait_for_a_marker(tmp_path):
    notebook, waiting, _ = restored(split(batch.solved(), "derivation", "first half", "second half"), tmp_path)
    assert "first half" in text_of(notebook)
    assert "second half" in text_of(notebook)
    assert "derivation" in waiting


@pytest.mark.parametrize("name", ["derivation", "figure", "open"])
@pytest.mark.parametrize("place", ["before", "after", "end", "raw", "other kind", "in the question"])
def test_an_answer_beside_its_untouched_cell_waits_for_a_marker(name, place, tmp_path):
    notebook = batch.unsolved()
    cell = batch.named(notebook, name)
    index = notebook.cells.index(cell)
    own = new_markdown_cell("my answer") if cell.cell_type == "markdown" else new_code_cell("plt.plot([1, 2])")
    if place == "in the question":
        notebook.cells[index - 1].source += "\n\nmy answer"
    elif place == "other kind":
        notebook.cells[index] = nbformat.from_dict({"cell_type": "code" if cell.cell_type == "markdown" else "markdown",
                                                    "source": own.source, "metadata": cell.metadata})  # fmt: skip
    elif place == "raw":
        notebook.cells.insert(index + 1, nbformat.v4.new_raw_cell("my answer"))
    else:
        notebook.cells.insert({"before": index, "after": index + 1, "end": len(notebook.cells)}[place], own)
    found, waiting, notes = restored(notebook, tmp_path)
    assert name in waiting
    assert "a person has to look" in notes[-1]
    assert own.source in text_of(found) or "my answer" in text_of(found)


def test_an_answer_that_no_check_finds_is_named(tmp_path):
    notebook = batch.unsolved()
    check = notebook.cells.index(batch.named(notebook, "adjoint-check"))
    notebook.cells.insert(check, new_code_cell(batch.named(batch.solved(), "adjoint").source))
    notebook.cells.append(new_code_cell(batch.named(batch.solved(), "gradient").source))
    notes = restored(notebook, tmp_path)[2]
    assert "answers outside their cells, no check finds them, move them there: gradient" in notes


def test_an_own_version_of_a_locked_cell_runs_before_it(tmp_path):
    notebook = batch.solved()
    batch.named(notebook, "imports").source += "\nimport numpy as np"
    found, _, notes = restored(notebook, tmp_path)
    runs = sources(found)
    assert runs.index(batch.named(notebook, "imports").source) < runs.index(answers.cells("ps1")["imports"].source)
    assert "your version runs before it: imports" in notes[0]


def test_answers_whose_names_an_editor_has_lost_are_checked_all_the_same(tmp_path):
    notebook = batch.solved()
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
    found, waiting, notes = restored(notebook, tmp_path)
    runs = [cell.source for cell in found.cells]
    for problem in answers.coding_problems("ps1"):
        check = runs.index(answers.cells("ps1")[f"{problem}-check"].source)
        assert runs.index(batch.named(batch.solved(), problem).source) < check
    assert waiting == ["derivation", "figure", "open"]
    assert "deleted cells were put back" in notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<iframe src=//x></iframe>",
        "<b onclick=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "[x](javascript:alert(1))",
        "<SCRIPT\n>alert(1)</SCRIPT>",
        "<details open ontoggle=alert(1)>",
        "<math><mi xlink:href='javascript:alert(1)'>",
        "![x](javascript:alert(1))",
        "<!--><script>alert(1)</script>-->",
        '![a" onerror="alert(1)](http://x/y.png)',
        "$<script>alert(1)</script>$",
        "<https://x/<script>alert(1)</script>>",
        "[a]: javascript:alert(1)\n\n[a]",
        "[x](java&#115;cript:alert(1))",
        "[x](javascript\\:alert(1))",
        "[x](<java&Tab;script:alert(1)>)",
        "```<script>\nalert(1)\n```",
    ],
)
def test_no_script_of_a_student_runs_in_the_browser_of_who_marks(text, tmp_path):
    exporters = pytest.importorskip("nbconvert.exporters")
    bs4 = pytest.importorskip("bs4")
    notebook, _, _ = restored(json.loads(with_answer(text)), tmp_path)
    notebook.cells = [batch.named(notebook, "open")]
    page, _ = exporters.HTMLExporter(template_name="classic").from_notebook_node(notebook)
    body = bs4.BeautifulSoup(page, "html.parser").body
    assert body.find_all(["iframe", "svg", "object", "embed"]) == []
    assert [tag for tag in body.find_all("script") if "alert" in tag.text] == []
    attributes = [(key, value) for tag in body.find_all(True) for key, value in tag.attrs.items()]
    assert [key for key, _ in attributes if key.startswith("on")] == []
    assert [value for key, value in attributes if key in ("href", "src") and value.startswith("javascript")] == []


def test_mathematics_and_plain_marks_pass_unchanged(tmp_path):
    text = "For $a<b$: *x* < y, <b>bold</b><br>\n\n<details>\n<summary>more</summary>\n\nx\n\n</details>"
    assert batch.named(restored(json.loads(with_answer(text)), tmp_path)[0], "open").source == text.replace(
        "a<b$", "a< b$"
    )


def shown(data):
    """(what the page gets of an output, the kinds that the message names)."""
    sandbox = pytest.importorskip("grading.sandbox", reason="psutil is not installed; `make check` installs it")
    lost = set()
    return sandbox._output({"output_type": "display_data", "data": data}, lost).data, lost


BASE64 = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    ("data", "kind", "part"),
    [
        ({"image/png": BASE64, "text/plain": "<Figure>"}, "image/png", BASE64),
        ({"image/png": BASE64[:40] + "\n" + BASE64[40:]}, "image/png", BASE64),
        ({"image/jpeg": base64.b64encode(JPEG).decode()}, "image/jpeg", ""),
        ({"image/gif": base64.b64encode(GIF).decode()}, "text/html", "data:image/gif;base64,"),
        ({"image/webp": base64.b64encode(b"RIFF" + bytes(60)).decode()}, "text/html", "data:image/webp;base64,"),
        ({"image/svg+xml": "<svg onload='alert(1)'/>"}, "text/html", "data:image/svg+xml;base64,"),
        ({"application/pdf": "JVBERi0=", "image/png": BASE64}, "image/png", BASE64),
        ({"text/markdown": "**bold** <script>alert(1)</script>"}, "text/markdown", "< script"),
        ({"text/latex": "$x^2$"}, "text/markdown", "$x^2$"),
        ({"text/plain": "a frame"}, "text/plain", "a frame"),
    ],
)
def test_figures_of_every_format_are_shown(data, kind, part):
    got, lost = shown(data)
    assert part in got[kind]
    assert lost <= {"application/pdf"}
    assert "onload" not in str(got)


@pytest.mark.parametrize(
    "data",
    [
        {"image/png": BASE64[:20]},
        {"image/png": "no base64!"},
        {"image/png": None},
        {"image/png": "A" * 14_000_000},
        {"image/png": base64.b64encode(JPEG).decode()},
        {"application/pdf": "JVBERi0="},
        {"application/vnd.plotly.v1+json": {"data": []}},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}},
        {"text/html": None},
        {"application/javascript": "alert(1)"},
        {"video/mp4": "AAAA"},
        {"image/tiff": BASE64},
    ],
)
def test_what_is_not_shown_is_named(data):
    got, lost = shown({"text/plain": "a figure", **data})
    assert lost == set(data)
    assert got == {"text/plain": "a figure"}


MARKS = [("ada", "ps1", "derivation", 3.5, "nice"), ("bob", "ps1", "open", 0.0, "")]


@pytest.mark.parametrize(
    "text",
    [
        "student,set,problem,points,comment\nada,ps1,derivation,3.5,nice\nbob,ps1,open,0,\n",
        "student;set;problem;points;comment\nada;ps1;derivation;3,5;nice\nbob;ps1;open;0;\n",
        "student\tset\tproblem\tpoints\tcomment\nada\tps1\tderivation\t3,5\tnice\nbob\tps1\topen\t0\t\n",
        "Student;Set;Problem;Points;Comment\r\nada;ps1;derivation;3,50;nice\r\nbob;ps1;open;0,0;\r\n",
        " STUDENT , set,problem , Points,comment\nada , ps1,derivation, 3.5 ,nice\nbob,ps1,open,0,\n",
        'sep=;\nstudent;set;problem;points;comment\nada;ps1;derivation;"3,5";nice\nbob;ps1;open;0;\n',
        'student,set,problem,points,comment\nada,ps1,derivation,"3,5",nice\nbob,ps1,open,0,\n',
        "points,problem,set,student,comment,mark\n3.5,derivation,ps1,ada,nice,x\n0,open,ps1,bob,,y\n",
        "\n\nstudent,set,problem,points,comment\n\nada,ps1,derivation,3.5,nice\n,,,,\nbob,ps1,open,0\ncy,ps1,open,,later\n",
        "student,set,problem,points,comment\n'ada,ps1,derivation,3.5,nice\nbob,ps1,open,\u00a00\u00a0,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marks_are_read_from_what_spreadsheets_write(text, encoding, tmp_path):
    (tmp_path / "marks.csv").write_bytes(text.encode(encoding))
    assert [mark[1:] for mark in read_marks(tmp_path / "marks.csv")] == MARKS


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"student,set,problem\nada,ps1,open\n", "lacks the column points"),
        (b"name;set;problem;points\n", "lacks the column student; its first line names name, set, problem, points"),
        (b"", "lacks the column student, set, problem, points; its first line names none"),
        (b"PK\x03\x04 workbook", "save it as CSV"),
        (b"student,set,problem,points,points\nada,ps1,open,1,2\n", "two columns points"),
        (b"student,set,problem,points\nada,ps1,open,two\n", "line 1 with points in marks.csv: points 'two'"),
        (b"student,set,problem,points\nada,ps1,open,03. Mai\n", "'03. Mai'"),
        (b"student,set,problem,points\nada,ps1,open,nan\n", "'nan'"),
        (b"student,set,problem,points\nada,ps1,open,1e1\n", "'1e1'"),
        (b"student,set,problem,points\nada,ps1,open,-1\n", "'-1'"),
        (b'student,set,problem,points\nada,ps1,open,"1.234,5"\n', "'1.234,5'"),
        (b"student;set;problem;points\nada;ps1;open;2/4\n", "'2/4'"),
    ],
)
def test_a_marks_file_that_cannot_be_read_is_told_why(content, sentence, tmp_path):
    (tmp_path / "marks.csv").write_bytes(content)
    with pytest.raises(ValueError, match=sentence.replace("(", "\\(")):
        read_marks(tmp_path / "marks.csv")


def test_letters_of_old_spreadsheets_are_read(tmp_path):
    (tmp_path / "marks.csv").write_bytes("student;set;problem;points\nMüller;ps1;open;1\n".encode("cp1252"))
    assert read_marks(tmp_path / "marks.csv")[0][1] == "Müller"


def test_a_check_counts_when_its_token_comes_out_and_no_error():
    notebook, _, _ = restore.restore(answers.master("ps1"), batch.unsolved(), [])
    cells, tokens = restore.to_run(notebook)
    assert len(set(tokens.values())) == len(answers.coding_problems("ps1"))
    assert all(token in source.splitlines()[-1] for _, source, token in cells if token)
    first, second, third, *_ = tokens

    def stream(text, name="stdout"):
        return {"output_type": "stream", "name": name, "text": text}

    error = {"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}
    outputs = {first: [stream("warning", "stderr"), stream(f"{tokens[first]}")], second: [stream("passed")],
               third: [stream(tokens[third]), error]}  # fmt: skip
    said = restore.take_outputs(notebook, outputs, tokens, "why not")
    assert sorted(said.values()) == ["", "E: e", *["NotGraded: why not"] * (len(tokens) - 2)]
    assert tokens[first] not in str(notebook), "the token is not kept"
