"""A kept study of every kind of file opens again with the same pixels, and is recognised."""

import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from app.cases.recognise import merged, recognise, relocated
from app.cases.store import Store
from app.errors import ReadError
from app.reading import open_studies
from app.study import Laterality
from tests.oct_files import bscans, write, write_linked, write_single_frames
from tests.shared_data import SHARED, needs_shared
from tests.vendor_files import e2e_pieces, write_e2e, write_nidek, write_vol

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def multiframe(folder):
    write(folder / "right.dcm", bscans(4), uid="1.2.31")
    write(folder / "left.dcm", bscans(3, seed=9), uid="1.2.32", laterality=Laterality.LEFT)


def single_frames(folder):
    write_single_frames(folder, bscans(5), series="1.2.9")


def localizer(folder):
    write_linked(folder, bscans(4), bscans(1, seed=3)[0])


def pictures(folder):
    for number, frame in enumerate(bscans(4)):
        Image.fromarray(frame).save(folder / f"{number}.png")


def pages(folder):
    first, *others = [Image.fromarray(frame) for frame in bscans(4)]
    first.save(folder / "pages.tif", save_all=True, append_images=others)


def vol(folder):
    write_vol(folder / "a.vol", bscans(4))


def e2e(folder):
    right = e2e_pieces(bscans(4), eye=b"R", series=(7, 1, 1))
    left = e2e_pieces(bscans(3, seed=5), eye=b"L", series=(7, 1, 2))
    write_e2e(folder / "a.e2e", [*right, *left])


def nidek(folder):
    write_nidek(folder, bscans(4))


def archive(folder):
    inside = folder.parent / "inside"
    inside.mkdir()
    multiframe(inside)
    with zipfile.ZipFile(folder / "visit.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in inside.iterdir():
            file.write(path, f"deep/{path.name}")


def check(folder: Path, store: Store) -> None:
    studies = open_studies([folder]).studies
    assert studies
    for study in studies:
        loaded = store.load(store.keep(study, [folder], WHEN))
        assert not loaded.missing
        for volume, was in zip(loaded.study.volumes, study.volumes, strict=True):
            for bscan, before in zip(volume.bscans, was.bscans, strict=True):
                assert (bscan.pixels() == before.pixels()).all()
            if was.localizer is not None:
                assert (volume.localizer.load() == was.localizer.load()).all()

        found = recognise(study, store)
        assert found.kept is not None
        assert merged(found.loaded.study, study, found.changed) is None


@pytest.mark.parametrize(
    "make", [multiframe, single_frames, localizer, pictures, pages, vol, e2e, nidek, archive]
)
def test_that_a_study_opens_again_from_where_it_lies_and_from_where_it_was_moved(tmp_path, make):
    folder = tmp_path / "visit"
    folder.mkdir()
    make(folder)
    with closing(Store(tmp_path / "cases.sqlite")) as store:
        check(folder, store)
        (kept,) = store.cases()
        moved = tmp_path / "elsewhere"
        folder.rename(moved)
        loaded = store.load(kept.number)
        with pytest.raises(ReadError, match="no longer where"):
            loaded.study.volumes[0].bscans[0].pixels()

        (again,) = open_studies([moved]).studies
        study = relocated(loaded.study, again)
        store.relocate(kept.number, study, [moved])
        back = store.load(kept.number).study
        expected = again.volumes[0].bscans[0].pixels()
        assert (back.volumes[0].bscans[0].pixels() == expected).all()


@needs_shared
@pytest.mark.parametrize("kind", ["vol", "xml"])
def test_that_samples_of_devices_open_again(tmp_path, kind):
    with closing(Store(tmp_path / "cases.sqlite")) as store:
        check(SHARED / "samples" / kind, store)
