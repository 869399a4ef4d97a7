"""Single values of a header, quickly.

A folder may hold ten thousand files, and asking pydicom for an attribute by keyword takes longer
than reading the element. Most are plain ASCII or a number of two bytes, which are taken here from
the element as it was read; everything else goes pydicom's way.
"""

from collections.abc import Sequence
from functools import cache
from typing import cast

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from app.reading.dicom.header import PARSE_ERRORS

_ESCAPE = 0x1B  # begins a change of character set (PS3.5 6.1.2.5)


@cache
def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return BaseTag(tag)


def value_of(dataset: Dataset, keyword: str) -> object:
    """The value as pydicom has it, None where it is absent.

    Raises:
        Any of `PARSE_ERRORS`: If it is broken.
    """
    tag = _tag(keyword)
    return dataset[tag].value if dataset.get_item(tag) is not None else None


def sequence_of(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence; none where it is absent."""
    items = value_of(dataset, keyword)
    return cast("Sequence[Dataset]", items) if items else ()


def text_of(dataset: Dataset, keyword: str) -> str:
    """An attribute in words, several values joined by spaces; "" where it is absent or broken."""
    element = dataset.get_item(_tag(keyword), keep_deferred=True)
    if element is None:
        return ""
    if isinstance(element, RawDataElement):
        raw = element.value
        # Below 0x80 all character sets are alike, until one is changed to.
        if isinstance(raw, bytes) and raw.isascii() and _ESCAPE not in raw:
            parts = raw.decode("ascii").split("\\")
            return " ".join(part.strip(" \0") for part in parts).strip()
    try:
        value = dataset[_tag(keyword)].value
        if value is None:
            return ""
        if isinstance(value, str):
            return value.strip(" \0")
        if hasattr(value, "__iter__"):
            return " ".join(str(each) for each in value).strip()
        return str(value).strip(" \0")
    except PARSE_ERRORS:
        return ""


def whole_of(dataset: Dataset, keyword: str, default: int) -> int:
    """A whole number, `default` where it is absent or empty.

    Raises:
        Any of `PARSE_ERRORS`: If it is none.
    """
    element = dataset.get_item(_tag(keyword), keep_deferred=True)
    if isinstance(element, RawDataElement) and element.VR == "US" and element.length == 2:
        raw = element.value
        if isinstance(raw, bytes) and len(raw) == 2:
            return int.from_bytes(raw, "little" if element.is_little_endian else "big")
    value = value_of(dataset, keyword)
    return default if value is None or value == "" else int(cast("int", value))
