"""What several tests of the window begin with; a file may have a `window` of its own."""

import pytest

from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import write_visit


@pytest.fixture
def both_eyes(tmp_path):
    """The folder of a visit with a volume of either eye."""
    return write_visit(tmp_path / "visit")


@pytest.fixture
def window(qtbot, both_eyes):
    """The window with that visit analysed, and a reader who has signed."""
    with opened_window(qtbot, [both_eyes], reader="AB") as window:
        wait_until_ended(qtbot, window)
        yield window
