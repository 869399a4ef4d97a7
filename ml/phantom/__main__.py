"""python -m ml.phantom: write the demo study or a data set of phantoms."""

import argparse
import sys
from pathlib import Path

from app.errors import AppError
from ml.phantom.dataset import write_dataset
from ml.phantom.demo import write_demo


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ml.phantom", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--demo", type=Path, metavar="DIR", help="write the demo study as DICOM")
    what.add_argument("--dataset", type=Path, metavar="DIR", help="write labelled B-scans as PNG")
    parser.add_argument("--patients", type=int, default=10, help="of each class (data set)")
    parser.add_argument("--frames", type=int, default=3, help="of each patient (data set)")
    parser.add_argument("--seed", type=int, default=0, help="(data set)")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.demo:
            for path in write_demo(chosen.demo):
                print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
        else:
            print(
                write_dataset(
                    chosen.dataset,
                    patients=chosen.patients,
                    frames=chosen.frames,
                    seed=chosen.seed,
                )
            )
    except (AppError, OSError, ValueError) as error:
        print(f"python -m ml.phantom: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
