"""What a run says of itself as it goes: a table, TensorBoard, and a line for the terminal."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from app.errors import StorageError
from app.files import whole_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One epoch."""

    epoch: int  # from 1
    lr: float
    train_loss: float
    val_loss: float
    val_accuracy: float
    val_balanced_accuracy: float


class RunLog:
    """`log.csv`, `times.csv` and `tensorboard/` of a run's folder."""

    def __init__(self, folder: Path) -> None:
        self._table, self._times = folder / "log.csv", folder / "times.csv"
        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def add(self, row: Row, seconds: float, parts: Mapping[str, float]) -> None:
        """Write an epoch's row, and the time it took into a table of its own.

        TensorBoard also shows the parts of the training loss. What a killed run had written of the
        epoch already is replaced. Times are apart because they alone are not the same in every run.
        """
        _replace(self._table, asdict(row))
        _replace(self._times, {"epoch": row.epoch, "seconds": round(seconds, 3)})
        self._writer.add_scalar("seconds", seconds, row.epoch)
        parted = {f"train_loss/{name}": value for name, value in parts.items()}
        for name, value in {**asdict(row), **parted}.items():
            self._writer.add_scalar(name, value, row.epoch)
        tqdm.write(
            f"epoch {row.epoch}: training loss {row.train_loss:.4f}, validation loss "
            f"{row.val_loss:.4f}, accuracy {row.val_accuracy:.4f}, "
            f"balanced {row.val_balanced_accuracy:.4f}"
        )

    def close(self) -> None:
        self._writer.close()


def write_table(path: Path, text: str) -> None:
    """Write a table for people.

    Raises:
        StorageError: If it cannot be written.
    """
    try:
        with whole_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def rows_of(table: Path) -> list[dict[str, str]]:
    """The rows of a run's table so far."""
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def _replace(table: Path, row: Mapping[str, object]) -> None:
    """Put a row in the place of its epoch's and later ones."""
    earlier = [each for each in rows_of(table) if int(each["epoch"]) < int(str(row["epoch"]))]
    text = StringIO()
    writer = csv.DictWriter(text, list(row))
    writer.writeheader()
    writer.writerows([*earlier, row])
    with whole_file(table) as file:
        file.write(text.getvalue().encode())
