"""Distil teachers into a student, and make the model package that the program runs.

python -m ml.distill --config ml/configs/desk.toml [--resume]

The teachers are named by their runs' files, and so is a run whose weights the student goes on from;
one that is not trained yet is trained first, on the student's own split. If the file names a
package, the student is then calibrated, exported, proved against the network it came from, and put
where the program finds it. Stopped anywhere, the same command with `--resume` goes on.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from app.errors import UsageError
from ml.assemble import (
    Division,
    divide,
    on_same_data,
    require_exportable,
    require_sound_data,
    trainer,
)
from ml.command import arguments_of, carry_out, print_scores, require_finished_of
from ml.config import Distill, Run, keep_run, load_run
from ml.data import Batch, largest
from ml.earlier import earlier
from ml.losses import distillation_loss, softened
from ml.predict import Trained, load_trained
from ml.processes import is_first
from ml.splits import require_same_split
from ml.teach import pretrain, teach
from ml.teachers import Teacher, cross, on_each_fold, unknown_to
from ml.validation import Scores


class Distillation:
    """Learn from teachers and labels together.

    The teachers see the very view that the student sees (real-time distillation). With replay,
    what they said of a view is kept by (sample, view) and read back when the view comes again.
    """

    def __init__(
        self, distill: Distill, teachers: Sequence[Teacher], samples: int, views: int
    ) -> None:
        self._distill, self._teachers = distill, teachers
        classes = len(teachers[0].classes)
        self._said = torch.full((samples, views if distill.replay else 0, classes), torch.nan)

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        teacher = self.targets(batch).to(logits.device)
        total, soft, hard = distillation_loss(
            logits, teacher, batch.labels.to(logits.device), self._distill
        )
        return total, {"loss": total.item(), "soft": soft.item(), "hard": hard.item()}

    def targets(self, batch: Batch) -> Tensor:
        """The teachers' log-probabilities at the temperature, (n, classes)."""
        if not self._distill.replay:
            return self._ask(batch)
        known = self._said[batch.samples, batch.views]
        new = torch.isnan(known[:, 0])
        if new.any():
            known[new] = self._ask(batch.take(new))
            self._said[batch.samples, batch.views] = known
        return known

    @torch.inference_mode()
    def _ask(self, batch: Batch) -> Tensor:
        # Always in full precision and one at a time in any order of batches: what is read back
        # later must be what would have been said then.
        each = [teacher.logits(batch.frames, batch.samples) for teacher in self._teachers]
        return softened(each, self._distill.temperature).cpu().clone()

    def tensors(self) -> dict[str, Tensor]:
        return {"said": self._said} if self._distill.replay else {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        if "said" in tensors:
            self._said = tensors["said"]


def trained_teachers(run: Run, division: Division, out: Path, *, resume: bool) -> list[Teacher]:
    """Load the teachers of a run, training those that are not finished.

    Raises:
        UsageError: If a teacher has other classes, was trained on another split or otherwise than
            its file says, or sees another part of the frame.
    """
    distill = cast("Distill", run.distill)
    for config in distill.teachers:
        _require_same_crop(config, run)  # before any of them is trained
    if not distill.cross:
        return [
            Teacher([_trained(config, run, division.split.sha256, resume=resume)])
            for config in distill.teachers
        ]
    path = out / "cross.json"
    file = cross(run, division, distill.cross, path)
    runs = on_each_fold(run, file, path)
    unknown = unknown_to(division.train, file.folds)
    return [
        Teacher([_trained(config, each, file.sha256, resume=resume) for each in runs], unknown)
        for config in distill.teachers
    ]


def _trained(config: Path, run: Run, split_sha256: str, *, resume: bool) -> Trained:
    """A teacher for a student on the data of `run`."""
    teacher = load_trained(_earlier(config, run, resume=resume))
    if teacher.run.data.classes != run.data.classes:
        raise UsageError(
            f"The teacher {config.stem} knows {', '.join(teacher.run.data.classes)}, the "
            f"student is to learn {', '.join(run.data.classes)}. They must be the same."
        )
    require_same_split(teacher.split_sha256, split_sha256)
    if teacher.run.data.fold != run.data.fold:
        raise UsageError(
            f"The teacher in {teacher.folder} was trained on fold {teacher.run.data.fold}, the "
            f"student is to learn on fold {run.data.fold}: it would know some test patients."
        )
    return teacher


def _require_same_crop(config: Path, run: Run) -> None:
    """Verify that a teacher and the student see the same part of a frame, at whatever size.

    Raises:
        UsageError: If they do not: one view cannot serve both.
    """
    theirs, own = load_run(config).input.crop, run.input.crop
    if theirs != own:
        raise UsageError(
            f"The teacher {config.stem} sees the frame cut to “{theirs}”, the student to “{own}”, "
            "but both are shown the same views. Set input.crop alike in both files."
        )


def _earlier(config: Path, run: Run, *, resume: bool) -> Path:
    """The folder of a run that `run` builds on, trained on the same data if it is not finished.

    Raises:
        UsageError: If it is finished, but was not made as its file says now.
    """
    own = on_same_data(load_run(config), run)
    return earlier(config, own, distil if own.distill else teach, resume=resume)


def require_teachers(run: Run) -> Distill:
    """The section that names a run's teachers.

    Raises:
        UsageError: If it names no teachers.
    """
    if run.distill is None or not run.distill.teachers:
        raise UsageError("The run has no [distill] section with teachers. Use python -m ml.teach.")
    return run.distill


def distil(run: Run, out: Path, *, resume: bool = False) -> Scores:
    """Train the student; the chosen weights come to stand in `out/model.safetensors`.

    Raises:
        UsageError: If the run names no teachers, or theirs is another split.
    """
    distill = require_teachers(run)
    division = divide(run)
    teachers = trained_teachers(run, division, out, resume=resume)
    if run.model.continues:
        _earlier(run.model.continues, run, resume=resume)
    pretrain(run, resume=resume)
    task = Distillation(distill, teachers, len(division.train), run.augment.views)
    views = largest((run.input, *(teacher.spec for teacher in teachers)))
    return trainer(run, task, division, out, views).fit(resume=resume)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = arguments_of("Distil teachers into a student.")
    parser.add_argument(
        "--package",
        metavar="ID",
        help="the package to make, if not the file's; an empty name for none",
    )
    options = parser.parse_args(arguments)
    if options.package is not None:
        options.overrides.append(f"package={json.dumps(options.package)}")

    def work(run: Run, out: Path) -> None:
        if options.resume and (out / "model.safetensors").exists():
            require_finished_of(run, out)
            if is_first():
                keep_run(run, out)
        else:
            if run.package:
                require_exportable(run)
            require_sound_data(run)
            print_scores(out, distil(run, out, resume=options.resume))
        if run.package and is_first():
            from ml.export import described, make_package

            print(described(make_package(out, run.package)))

    return carry_out(options, work, require_teachers)


if __name__ == "__main__":
    raise SystemExit(main())
