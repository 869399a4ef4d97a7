"""Synthetic OCT volumes of the macula with known lesions.

They show no patient. The demo study is made of them, and tests use them where whole volumes or
lesion masks are needed, which no public labelled set gives.
"""

from ml.phantom.dataset import Size, write_dataset
from ml.phantom.grid import Grid
from ml.phantom.lesions import LESIONS_OF, Lesion
from ml.phantom.volume import Phantom, make_phantom

__all__ = ["LESIONS_OF", "Grid", "Lesion", "Phantom", "Size", "make_phantom", "write_dataset"]
