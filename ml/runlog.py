"""What a run says of itself as it goes: a table, TensorBoard, and a line for the terminal."""

import csv
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

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
    """`log.csv` and `tensorboard/` of a run's folder."""

    def __init__(self, folder: Path) -> None:
        self._table = folder / "log.csv"
        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def add(self, row: Row) -> None:
        """Write an epoch's row. One that a killed run had written already is replaced."""
        rows = [each for each in self._rows() if int(each["epoch"]) < row.epoch]
        text = StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Row)])
        table.writeheader()
        table.writerows([*rows, asdict(row)])
        with whole_file(self._table) as file:
            file.write(text.getvalue().encode())
        for name, value in asdict(row).items():
            self._writer.add_scalar(name, value, row.epoch)
        tqdm.write(
            f"epoch {row.epoch}: training loss {row.train_loss:.4f}, validation loss "
            f"{row.val_loss:.4f}, accuracy {row.val_accuracy:.4f}, "
            f"balanced {row.val_balanced_accuracy:.4f}"
        )

    def close(self) -> None:
        self._writer.close()

    def _rows(self) -> list[dict[str, str]]:
        if not self._table.exists():
            return []
        with self._table.open(newline="") as file:
            return list(csv.DictReader(file))
