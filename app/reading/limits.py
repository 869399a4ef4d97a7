"""What no scanner makes is refused before anything of that size is allocated."""

from app.errors import DamagedFile
from app.language import fill

LARGEST_SIDE = 1 << 14  # pixels
LARGEST_FRAME = 1 << 26  # pixels
SMALLEST_SIDE = 8  # pixels
MOST_FRAMES = 20_000


def check_size(rows: int, columns: int, frames: int = 1) -> None:
    """Refuse frames that show nothing, and more of them or larger ones than there can be.

    Raises:
        DamagedFile: If it is so, with the numbers.
    """
    if frames < 1:
        raise DamagedFile("It holds no frames.")
    if max(rows, columns) > LARGEST_SIDE or rows * columns > LARGEST_FRAME or frames > MOST_FRAMES:
        raise DamagedFile(
            fill(
                "It says that it holds {frames} frames of {rows} x {columns} pixels, more than "
                "any scanner makes; it is not opened.",
                frames=frames,
                rows=rows,
                columns=columns,
            )
        )
    if min(rows, columns) < SMALLEST_SIDE:
        raise DamagedFile(
            fill(
                "Its frames of {rows} x {columns} pixels show nothing.", rows=rows, columns=columns
            )
        )
