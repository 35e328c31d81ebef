"""Write the book's address, `repository.url` of _config.yml, into the set-up cell of every chapter and problem set.

The student versions of the problem sets and the Coursework page are made from the masters: `make address` does both.

`python tests/tools/address.py`. An empty address is written too: the set-up cell then says that there is none.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = re.compile(r"(?:(?:https|ssh|git)://(?:git@)?[\w.-]+(?::\d+)?/[\w./~-]+|[\w.-]+@[\w.-]+:[\w./~-]+)")
LINE = re.compile(r'^BOOK = ".*?"', re.MULTILINE)


def book_address(config):
    """`repository.url` in the text of _config.yml, "" where it is empty; ValueError where it is no git address."""
    section = re.search(r"^repository:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n|[ \t]*#.*\n|\n)*)", config + "\n", re.MULTILINE)
    line = section and re.search(r"^[ \t]+url[ \t]*:(.*)$", section[1], re.MULTILINE)
    if not line:
        raise ValueError("_config.yml has no `url:` under `repository:`")
    address = re.sub(r"\s+#.*$", "", " " + line[1]).strip().strip("\"'")
    if address in ("", "~", "null"):
        return ""
    if not ALLOWED.fullmatch(address):
        raise ValueError(
            f"repository.url in _config.yml is {address!r}: expected an https://, ssh:// or git:// address, "
            "or user@host:path, without a password"
        )
    return address


def with_address(text, address):
    """The notebook `text` (JSON) with `address` in its set-up cell. ValueError where there is no such cell."""
    notebook = json.loads(text)
    setups = [cell for cell in notebook["cells"] if "setup" in cell["metadata"].get("tags", [])]
    if len(setups) != 1:
        raise ValueError(f"expected one cell tagged `setup`, found {len(setups)}")
    source, count = LINE.subn(lambda _: f'BOOK = "{address}"', "".join(setups[0]["source"]))
    if count != 1:
        raise ValueError('the set-up cell has no line `BOOK = "..."`')
    setups[0]["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(root=ROOT):
    """Write the address into all chapters or, when anything is wrong, into none."""
    try:
        address = book_address((root / "_config.yml").read_text(encoding="utf8"))
    except ValueError as error:
        sys.exit(str(error))
    new = {}
    masters = (root / "chapters" / "problem_sets" / "source").glob("*/*.ipynb")
    for path in sorted([*(root / "chapters").glob("*.ipynb"), *masters]):
        try:
            new[path] = with_address(path.read_text(encoding="utf8"), address)
        except (ValueError, KeyError) as error:
            sys.exit(f"{path.relative_to(root)}: {error}. Nothing was written.")
    changed = [path for path, text in new.items() if path.read_text(encoding="utf8") != text]
    for path in changed:
        path.write_text(new[path], encoding="utf8", newline="\n")
    print(f"address {address!r}: {len(changed)} of {len(new)} notebooks changed")


if __name__ == "__main__":
    main()
