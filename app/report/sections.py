"""The parts of the report that a reader may leave out.

Whose it is, the call, the notes and the limits of use stand on every report; no choice removes
them.
"""

from enum import StrEnum


class Section(StrEnum):
    EVIDENCE = "evidence"  # the deciding B-scans with and without their heat maps
    METHOD = "method"  # rule, thresholds, model and measured figures
    SIGNATURE = "signature"  # the form for the reader's own assessment


ALL_SECTIONS = frozenset(Section)
