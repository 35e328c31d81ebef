"""Bind the printed parts of the volume into one PDF: their places, links, bookmarks and tags become one.

Chromium keeps a place only where a link of the same printing leads to it. So a part ends with sheets that do not belong
to the volume, from the place ASIDE on: they lead to what other parts name. A link to another part is an address that
begins with ELSEWHERE.
"""

import io

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, Fit, NameObject, NullObject, NumberObject, TextStringObject

ELSEWHERE = "https://elsewhere.invalid/#"
ASIDE = "aside"


class Part:
    """A printed part: `pages`, its own, and `sheets`, {id: number of the sheet, from 0} of every place led to."""

    def __init__(self, pdf):
        self.reader = PdfReader(io.BytesIO(pdf))
        self.root = self.reader.trailer["/Root"]
        self.places = {name.lstrip("/"): place for name, place in self.root["/Dests"].items()}
        numbers = {page.indirect_reference.idnum: number for number, page in enumerate(self.reader.pages)}
        self.sheets = {name: numbers[place[0].idnum] for name, place in self.places.items()}
        self.pages = self.reader.pages[: self.sheets[ASIDE]]


def bound(parts, title, author):
    """The PDF of all parts in order; it opens with its bookmarks shown. Raises ValueError for a link into nothing."""
    writer, out = PdfWriter(), io.BytesIO()
    places, tags = DictionaryObject(), Tags(writer)
    for part in parts:
        copies = [writer.add_page(page) for page in part.pages]
        tags.add(part, copies)
        for name, place in part.places.items():
            if part.sheets[name] < len(copies):
                places[NameObject(f"/{name}")] = place.clone(writer)
        _bookmarks(writer, part, part.reader.outline, len(writer.pages) - len(copies))
    for page in writer.pages:
        for link in page.get("/Annots", ()):
            _lead(link.get_object(), places)
    root = writer.root_object
    for key in ("/MarkInfo", "/ViewerPreferences", "/Lang"):
        root[NameObject(key)] = part.root[key].clone(writer)
    root[NameObject("/Dests")] = writer._add_object(places)
    root[NameObject("/StructTreeRoot")] = tags.written()
    writer.add_metadata({"/Title": title, "/Author": author})
    writer.page_mode = "/UseOutlines"
    writer.write(out)
    return out.getvalue()


def _lead(link, places):
    address = link.get("/A", {}).get("/URI", "")
    if address.startswith(ELSEWHERE):
        name = NameObject("/" + address.removeprefix(ELSEWHERE))
        if name not in places:
            raise ValueError(f"a link of the volume leads to {name}, which is not in it")
        del link["/A"]
        link[NameObject("/Dest")] = name


def _bookmarks(writer, part, outline, first, above=None):
    last = above
    for item in outline:
        if isinstance(item, list):
            _bookmarks(writer, part, item, first, last)
        else:
            sheet = first + part.reader.get_destination_page_number(item)
            top = Fit.xyz(item.left, item.top)
            last = writer.add_outline_item(title=item.title, page_number=sheet, parent=above, fit=top, is_open=False)


class Tags:
    """The tags of several PDFs, what a screen reader follows, as one tree."""

    def __init__(self, writer):
        self.writer, self.kids, self.numbers, self.names, self.part = writer, ArrayObject(), ArrayObject(), {}, 0
        self.whole = DictionaryObject({NameObject("/Type"): NameObject("/StructElem")})
        self.whole[NameObject("/S")] = NameObject("/Document")
        self.place = writer._add_object(self.whole)

    def add(self, part, copies):
        """Take over the tags of a part, but for its sheets aside; copies: its pages in the new PDF."""
        self.part += 1
        tree = part.root["/StructTreeRoot"]
        whole, numbers = tree.raw_get("/K"), tree["/ParentTree"]["/Nums"]
        tags = {numbers[at]: numbers[at + 1] for at in range(0, len(numbers), 2)}
        named = {}
        self._stays(whole, {page.indirect_reference.idnum for page in part.pages}, named)
        whole.get_object()[NameObject("/P")] = NullObject()  # or its copy takes the old tree along
        copy = whole.clone(self.writer)
        copy.get_object().update({NameObject("/P"): self.place, NameObject("/S"): NameObject("/Part")})
        self.kids.append(copy)
        self.names.update({name: tag.clone(self.writer) for name, tag in named.items()})
        for old, new in zip(part.pages, copies, strict=True):
            self._number(old, new, "/StructParents", tags)
            for link, its_copy in zip(old.get("/Annots", ()), new.get("/Annots", ()), strict=True):
                self._number(link.get_object(), its_copy.get_object(), "/StructParent", tags)

    def _number(self, old, new, key, tags):
        """A number of the volume for a page or link, by which its tags are found."""
        if key in old:
            new[NameObject(key)] = NumberObject(len(self.numbers) // 2)
            self.numbers += [new[key], tags[old[key]].clone(self.writer)]

    def _stays(self, place, own, named, sheet=None):
        """Whether a tag has anything on the sheets `own`, or nothing on any; what has not is taken out from below it.

        Names, by which cells of tables know their headers, are made the part's own; named: {name: place of its tag}.
        """
        tag = place.get_object()
        if not isinstance(tag, NumberObject) and "/Pg" in tag:
            sheet = tag.raw_get("/Pg").idnum
        if isinstance(tag, NumberObject) or "/S" not in tag:  # something on a sheet
            return sheet in own
        if "/ID" in tag:
            tag[NameObject("/ID")] = self._own(tag["/ID"])
            named[tag["/ID"]] = place
        for attributes in tag.get("/A", ()):
            if "/Headers" in attributes:
                attributes[NameObject("/Headers")] = ArrayObject(map(self._own, attributes["/Headers"]))
        if "/K" not in tag:
            return True
        below = tag["/K"] if isinstance(tag["/K"], ArrayObject) else [tag.raw_get("/K")]
        kept = ArrayObject(item for item in below if self._stays(item, own, named, sheet))
        tag[NameObject("/K")] = kept
        return bool(kept)

    def _own(self, name):
        return TextStringObject(f"{self.part}-{name}")

    def written(self):
        """The place of the tree of all parts."""
        tree = DictionaryObject({NameObject("/Type"): NameObject("/StructTreeRoot"), NameObject("/K"): self.place})
        names = ArrayObject(item for name in sorted(self.names) for item in (name, self.names[name]))
        for key, inner, values in (("/ParentTree", "/Nums", self.numbers), ("/IDTree", "/Names", names)):
            tree[NameObject(key)] = self.writer._add_object(DictionaryObject({NameObject(inner): values}))
        tree[NameObject("/ParentTreeNextKey")] = NumberObject(len(self.numbers) // 2)
        known = {NameObject(tag): NameObject("/Span") for tag in ("/Strong", "/Em")}  # of PDF 2, not in every reader
        tree[NameObject("/RoleMap")] = DictionaryObject(known)
        above = self.writer._add_object(tree)
        self.whole.update({NameObject("/P"): above, NameObject("/K"): self.kids})
        return above
