"""`make address`: one command puts the book's address wherever it stands, checked, and twice is once."""

import json
import shutil

import pytest
from notebooks import ROOT, chapter_paths
from tools import address

URL = "https://github.com/Example/a-book"


@pytest.fixture
def book(tmp_path):
    """A copy of what holds an address: two chapters, two problem sets, and the files beside them."""
    for name in ("_config.yml", "README.md", "CITATION.cff"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    masters = sorted((ROOT / "chapters" / "problem_sets" / "source").glob("*/*.ipynb"))[:2]
    for path in [*chapter_paths()[:2], *masters]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


def texts(book):
    return {path: path.read_text(encoding="utf8") for path in sorted(book.rglob("*")) if path.is_file()}


def test_an_address_goes_everywhere_and_away_again(book):
    before = texts(book)
    address.main(book, [URL])
    with_it = texts(book)
    config = with_it[book / "_config.yml"]
    assert f'  url: "{URL}"\n' in config
    assert '  baseurl: "https://example.github.io/a-book/"' in config
    for path in book.rglob("*.ipynb"):
        assert f'BOOK = "{URL}"' in "".join(address.setup_cell(json.loads(with_it[path]))["source"])
    readme = with_it[book / "README.md"]
    assert readme.count("colab.research.google.com/github/Example/a-book/blob/main/chapters/0") == 2
    assert f'repository-code: "{URL}"\nurl: "https://example.github.io/a-book/"' in with_it[book / "CITATION.cff"]
    address.main(book, [])
    address.main(book, [URL])
    assert texts(book) == with_it
    address.main(book, [""])
    assert texts(book) == before


def test_pages_may_stand_elsewhere_and_other_hosts_have_no_buttons(book):
    address.main(book, ["https://git.example.org/book.git", "--site", "https://book.example.org/"])
    now = texts(book)
    assert 'baseurl: "https://book.example.org/"' in now[book / "_config.yml"]
    assert "colab.research" not in now[book / "README.md"]
    address.main(book, [])
    assert texts(book) == now, "without arguments both addresses stay"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://example.org/book"], "the address is 'http://example.org/book': expected"),
        (["https://me:secret@example.org/book"], "without a password"),
        ([URL, "--site", "ftp://x"], "the pages' address is 'ftp://x'"),
    ],
)
def test_bad_addresses_change_nothing(book, arguments, message):
    before = texts(book)
    with pytest.raises(SystemExit, match="Nothing was written") as stopped:
        address.main(book, arguments)
    assert message in str(stopped.value)
    assert texts(book) == before


def test_a_notebook_without_setup_cell_stops_it_by_name(book):
    path = book / "chapters" / "02_benign_landscape.ipynb"
    notebook = json.loads(path.read_text(encoding="utf8"))
    notebook["cells"] = [c for c in notebook["cells"] if "setup" not in c["metadata"].get("tags", [])]
    path.write_text(json.dumps(notebook), encoding="utf8")
    before = texts(book)
    with pytest.raises(SystemExit, match=r"02_benign_landscape\.ipynb: expected one cell tagged `setup`, found 0"):
        address.main(book, [URL])
    assert texts(book) == before
