"""Write the book's address wherever it stands: `make address URL=https://github.com/NAME/REPOSITORY`.

`python tests/tools/address.py [URL] [--site ADDRESS]` puts the address of the repository into _config.yml, the set-up
cell of every chapter and problem set (which are all made like chapter 1's), the Colab buttons of README.md and
CITATION.cff; and the address of the pages, by default where GitHub shows a repository's pages, into _config.yml, from
where the build takes the canonical addresses and the site map. Without a URL it takes the one that stands in
_config.yml; an empty one ("") takes all of them out again. Where anything is wrong nothing is written. Twice is once.

The student versions of the problem sets and the Coursework page are made from the masters: `make address` does both.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = re.compile(r"(?:(?:https|ssh|git)://(?:git@)?[\w.-]+(?::\d+)?/[\w./~-]+|[\w.-]+@[\w.-]+:[\w./~-]+)")
SITE = re.compile(r"https://[\w.-]+(?::\d+)?(?:/[\w./~-]*)?")
LINE = re.compile(r'^BOOK = ".*?"', re.MULTILINE)
BUTTONS = re.compile(r"(<!-- buttons: made by `make address` -->\n).*?(<!-- end -->)", re.DOTALL)
COLAB = "https://colab.research.google.com"


def setting(section, key):
    """The pattern of `key:` under `section:` in _config.yml: what stands before its value, the value, what follows."""
    above = rf"^{section}:[^\n]*\n(?:(?:[ \t][^\n]*)?\n)*?[ \t]+"
    return re.compile(rf"({above}{key}[ \t]*:)([^\n#]*?)([ \t]*(?:#[^\n]*)?)$", re.MULTILINE)


def value(config, section, key):
    """The text of one setting, "" where it is empty; ValueError where there is no such line."""
    found = setting(section, key).search(config + "\n")
    if not found:
        raise ValueError(f"_config.yml has no `{key}:` under `{section}:`")
    text = found[2].strip().strip("\"'")
    return "" if text in ("~", "null") else text


def with_value(config, section, key, text):
    """The text of _config.yml with another value of one setting; its comment stays."""
    return setting(section, key).sub(lambda found: f'{found[1]} "{text}"{found[3]}', config, count=1)


def checked(address):
    """`address`, if it is a git address or empty; else ValueError."""
    if address and not ALLOWED.fullmatch(address):
        raise ValueError(
            f"the address is {address!r}: expected an https://, ssh:// or git:// address, or user@host:path, "
            "without a password"
        )
    return address


def book_address(config):
    """`repository.url` in the text of _config.yml, "" where it is empty; ValueError where it is no git address."""
    return checked(value(config, "repository", "url"))


def on_github(address):
    """(owner, repository) of a GitHub address, None of any other."""
    found = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+?)(?:\.git)?/?", address)
    return found and (found[1], found[2])


def pages_of(address):
    """Where GitHub shows the pages of its repository `address`; "" of any other."""
    place = on_github(address)
    return f"https://{place[0].lower()}.github.io/{place[1]}/" if place else ""


def with_setup(text, master, address):
    """The notebook `text` (JSON) with the set-up cell `master` and `address` in it; ValueError where it has none."""
    notebook = json.loads(text)
    cell = setup_cell(notebook)
    source, count = LINE.subn(lambda _: f'BOOK = "{address}"', master)
    if count != 1:
        raise ValueError('the set-up cell has no line `BOOK = "..."`')
    cell["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def setup_cell(notebook):
    """The cell tagged `setup`; ValueError unless there is exactly one."""
    cells = [cell for cell in notebook["cells"] if "setup" in cell["metadata"].get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"expected one cell tagged `setup`, found {len(cells)}")
    return cells[0]


def with_buttons(readme, address, branch, names):
    """README.md with a Colab button for each chapter `names`, or none where the address is not on GitHub."""
    place, lines = on_github(address), ""
    if place:
        path = f"{COLAB}/github/{place[0]}/{place[1]}/blob/{branch}/chapters"
        button = f"{COLAB}/assets/colab-badge.svg"
        lines = "".join(f"- [![Open chapter {int(n[:2])} in Colab]({button})]({path}/{n})\n" for n in names)
    if not BUTTONS.search(readme):
        raise ValueError("README.md has no place for the Colab buttons")
    return BUTTONS.sub(lambda found: found[1] + lines + found[2], readme)


def with_citation(citation, address, site):
    """CITATION.cff with `repository-code` and `url`, or without where they are empty."""
    lines = [line for line in citation.splitlines() if not re.match(r"(repository-code|url):", line)]
    place = next(i for i, line in enumerate(lines) if line.startswith("license:"))
    web = address if address.startswith("https://") else ""
    lines[place:place] = [f'{key}: "{text}"' for key, text in (("repository-code", web), ("url", site)) if text]
    return "\n".join(lines) + "\n"


def changes(root, url=None, site=None):
    """{path: new text} of everything that holds an address; ValueError with the file's name where one cannot."""
    config = (root / "_config.yml").read_text(encoding="utf8")
    if url is None:
        url = book_address(config)
        site = value(config, "html", "baseurl") if site is None else site
    site = pages_of(checked(url)) if site is None else site
    if site and not SITE.fullmatch(site):
        raise ValueError(f"the pages' address is {site!r}: expected https://...")
    new = {root / "_config.yml": with_value(with_value(config, "repository", "url", url), "html", "baseurl", site)}
    chapters = sorted((root / "chapters").glob("[0-9][0-9]_*.ipynb"))
    master = "".join(setup_cell(json.loads(chapters[0].read_text(encoding="utf8")))["source"])
    masters = (root / "chapters" / "problem_sets" / "source").glob("*/*.ipynb")
    for path in [*chapters, *sorted(masters)]:
        try:
            new[path] = with_setup(path.read_text(encoding="utf8"), master, url)
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path.relative_to(root)}: {error}") from None
    branch, names = value(config, "repository", "branch"), [path.name for path in chapters]
    readme, citation = root / "README.md", root / "CITATION.cff"
    new[readme] = with_buttons(readme.read_text(encoding="utf8"), url, branch, names)
    new[citation] = with_citation(citation.read_text(encoding="utf8"), url, site)
    return new


def main(root=ROOT, arguments=None):
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("url", nargs="?")
    words.add_argument("--site")
    given = words.parse_args(arguments)
    try:
        new = changes(root, given.url, given.site)
    except ValueError as error:
        sys.exit(f"{error}. Nothing was written.")
    changed = [path for path, text in new.items() if path.read_text(encoding="utf8") != text]
    for path in changed:
        path.write_text(new[path], encoding="utf8", newline="\n")
    address = book_address(new[root / "_config.yml"])
    print(f"address {address!r}: {len(changed)} of {len(new)} files changed")


if __name__ == "__main__":
    main()
