"""What a reader of a PDF sees: its pages as text and as pictures."""

import numpy as np
import pypdfium2


def texts(pdf: bytes) -> list[str]:
    """The text of every page, as it would be copied."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


def pictures(pdf: bytes, dots_per_inch: float = 60) -> list[np.ndarray]:
    """Every page rendered, shape (rows, columns, 3)."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=dots_per_inch / 72).to_numpy()[..., :3] for page in document]
    finally:
        document.close()


def metadata(pdf: bytes) -> dict[str, str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return document.get_metadata_dict()
    finally:
        document.close()
