"""What an error tells whoever reads it."""

import pytest

from app.errors import system_says


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/a/b"), "Permission denied"),
        (OSError("cannot decode"), "cannot decode"),
        (OSError(), "OSError"),
    ],
)
def test_that_a_reason_is_never_none(error, said):
    assert system_says(error) == said
