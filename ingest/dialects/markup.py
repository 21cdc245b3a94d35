"""XML of devices and platforms, read without trust: bytes to text in the encodings they really come in, text to a tree within bounds.

Expat cannot read GB2312 or GB18030, so the text is decoded here and its declaration dropped. No document type, no entity of its own and
nothing outside is ever read (`defusedxml`). Names come without namespace and prefix and in lower case: senders get all three wrong.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final
from xml.etree.ElementTree import Element, ParseError  # the types only: defusedxml reads

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ingest.dialects.claims import DEEPEST, LARGEST, Reason, Unreadable

REPAIRED: Final = "xml_repaired"
MISENCODED: Final = "encoding_mismatch"
_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>\s*")
_ENCODING: Final = re.compile(rb"\A\s*<\?xml[^>]{0,150}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_LONE_AMPERSAND: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PREFIX: Final = re.compile(r"(</?)[A-Za-z_][\w.-]{0,40}:(?=[A-Za-z_])")
_SHORT_SEQUENCE: Final = re.compile("[\x80-\u07ff]")  # two bytes in UTF-8, as GB characters are: they may be either
_GB: Final = frozenset({"gb2312", "gbk", "gb18030", "cp936", "x-gbk", "gb_2312-80", "euc-cn"})
_LATIN: Final = {"iso-8859-1": "latin-1", "latin1": "latin-1", "latin-1": "latin-1", "windows-1252": "cp1252"}


def text_of(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a document without its declaration, and a warning where it is not in the encoding that it declares.

    Declared GB2312 and GBK are read as GB18030, of which they are part. What declares nothing or UTF-8 but is not UTF-8 is GB18030. What
    declares GB but holds only whole UTF-8 sequences of three bytes and more is UTF-8: real GB text never does over any length.
    Raises `Unreadable`.
    """
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return _strict(raw, "utf-16"), ()
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    found = _ENCODING.match(raw[:400])
    declared = found[1].decode("ascii").lower() if found else ""
    if raw.isascii():
        return _bare(raw.decode("ascii")), ()
    if declared in _LATIN:
        return _strict(raw, _LATIN[declared]), ()
    utf8 = _tried(raw, "utf-8")
    if declared in _GB or not declared:
        if utf8 is not None and _SHORT_SEQUENCE.search(utf8) is None:
            return _bare(utf8), (MISENCODED,) if declared else ()
        gb = _tried(raw, "gb18030")
        if gb is not None:
            return _bare(gb), ()
        return _strict(raw, "utf-8"), (MISENCODED,) if declared else ()
    if utf8 is not None:
        return _bare(utf8), () if declared in {"utf-8", "utf8", "us-ascii", "ascii"} else (MISENCODED,)
    return _strict(raw, "gb18030"), (MISENCODED,)


def tree_of(raw: bytes) -> tuple[Element, tuple[str, ...]]:
    """The root of a document of at most 64 KiB, and warnings.

    Mended where that cannot change what is said: an unescaped `&`, control characters, an undeclared prefix, bytes after the end.
    Raises `Unreadable`.
    """
    if len(raw) > LARGEST:
        raise Unreadable(Reason.TOO_BIG, f"{len(raw)} bytes of XML; at most {LARGEST} are read")
    text, warnings = text_of(raw)
    try:
        return _checked(_parsed(text)), warnings
    except ParseError:
        mended = _mended(text)
    for candidate in (mended, _PREFIX.sub(r"\1", mended)):
        try:
            return _checked(_parsed(candidate)), (*warnings, REPAIRED)
        except ParseError as error:
            last = error
    raise Unreadable(Reason.BAD_XML, str(last))


def name_of(element: Element) -> str:
    """The name of an element of `tree_of`: in lower case, without namespace."""
    return element.tag


def children(element: Element, name: str) -> list[Element]:
    """The direct children of that name (lower case, no namespace)."""
    return [child for child in element[:] if child.tag == name]


def child(element: Element | None, name: str) -> Element | None:
    """The first direct child of that name, or None."""
    return None if element is None else next((child for child in element[:] if child.tag == name), None)


def said(element: Element | None, *names: str) -> str:
    """The text of the first direct child of one of the names that has one, without the space around it; empty when none has."""
    if element is not None:
        inside = element[:]
        for name in names:
            for found in inside:
                if found.tag == name and found.text and (text := found.text.strip()):
                    return text
    return ""


def every(root: Element, name: str, most: int = 64) -> list[Element]:
    """The first `most` elements of that name in the tree, the root included."""
    return list(islice(root.iter(name), most))


def _parsed(text: str) -> Element:
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise Unreadable(Reason.BAD_XML, f"{type(error).__name__}: no document type or entity is read") from error
    except (ValueError, UnicodeError) as error:
        raise Unreadable(Reason.BAD_XML, str(error)) from error
    return root


def _checked(root: Element) -> Element:
    """The same tree when it is no deeper than we read, its names in lower case and without their namespaces."""
    level = [root]
    for _ in range(DEEPEST):
        below: list[Element] = []
        for element in level:
            element.tag = element.tag.rpartition("}")[2].lower()
            below += element[:]
        if not below:
            return root
        level = below
    raise Unreadable(Reason.TOO_DEEP, f"elements deeper than {DEEPEST} levels")


def _mended(text: str) -> str:
    end = text.rfind(">")
    return _CONTROL.sub("", _LONE_AMPERSAND.sub("&amp;", text[: end + 1]))


def _bare(text: str) -> str:
    return _DECLARATION.sub("", text, count=1)


def _tried(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _strict(raw: bytes, encoding: str) -> str:
    text = _tried(raw, encoding)
    if text is None:
        raise Unreadable(Reason.BAD_TEXT, f"neither UTF-8 nor {encoding}")
    return _bare(text)
