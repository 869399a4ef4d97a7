"""Stored values become one fixed 8-bit intensity, whatever their form."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from app.reading.grey import AS_STORED, Lookup, Tone, Window, to_grey
from app.study import Volume
from tests.oct_files import bscans, failure_of, pixels_of, the_volume, write

DEEP = [frame.astype(np.uint16) * 256 + 128 for frame in bscans(2)]


def stored_as(
    values: list[np.ndarray], *, allocated: int = 16, stored: int = 16, **elements: object
) -> Callable[[Dataset], None]:
    """Return a change that stores other values, and sets other elements, in a volume."""

    def change(dataset: Dataset) -> None:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
        data = b"".join(each.tobytes() for each in values)
        dataset.PixelData = data + b"\0" * (len(data) % 2)
        dataset["PixelData"].VR = "OW" if allocated > 8 else "OB"
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)

    return change


def read(tmp_path: Path, change: Callable[[Dataset], None]) -> Volume:
    return the_volume(write(tmp_path / "a.dcm", bscans(2), change=change))


def test_16_bits_are_shown_over_their_whole_range(tmp_path: Path):
    volume = read(tmp_path, stored_as(DEEP))
    assert np.array_equal(pixels_of(volume), np.rint(np.stack(DEEP) / 257).astype(np.uint8))
    assert volume.notes == ()


def test_overlay_bits_above_12_stored_ones_are_dropped(tmp_path: Path):
    values = [(frame.astype(np.uint16) * 16) | 0xF000 for frame in bscans(2)]
    volume = read(tmp_path, stored_as(values, stored=12))
    expected = np.rint(np.stack(bscans(2)) * (16 * 255 / 4095))
    assert np.array_equal(pixels_of(volume), expected)


def test_monochrome1_is_turned_round(tmp_path: Path):
    volume = read(
        tmp_path, lambda dataset: setattr(dataset, "PhotometricInterpretation", "MONOCHROME1")
    )
    assert np.array_equal(pixels_of(volume), 255 - np.stack(bscans(2)))


def test_rescale_then_window_are_applied_once(tmp_path: Path):
    change = stored_as(
        DEEP, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=65536, WindowWidth=65536
    )
    value = np.stack(DEEP).astype(float) * 2 - 1000
    expected = np.clip(((value - 65535.5) / 65535 + 0.5) * 255, 0, 255)
    assert np.array_equal(pixels_of(read(tmp_path, change)), np.rint(expected))


def test_a_window_of_each_frame_is_used(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        stored_as(DEEP)(dataset)
        for at, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            window = Dataset()
            window.WindowCenter, window.WindowWidth = 1000 * (at + 1), 2000
            window.VOILUTFunction = "LINEAR_EXACT"
            item.FrameVOILUTSequence = [window]

    volume = read(tmp_path, change)
    for at, bscan in enumerate(volume.bscans):
        shown = np.clip(((DEEP[at] - 1000.0 * (at + 1)) / 2000 + 0.5) * 255, 0, 255)
        assert np.array_equal(bscan.pixels(), np.rint(shown))


def test_a_table_of_interest_is_used(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        table = Dataset()
        table.LUTDescriptor = [256, 0, 8]
        table.LUTData = bytes(range(255, -1, -1))
        table["LUTData"].VR = "OW"
        dataset.VOILUTSequence = [table]

    assert np.array_equal(pixels_of(read(tmp_path, change)), 255 - np.stack(bscans(2)))


def test_converted_values_of_0_to_100_are_spread_over_their_own_range_and_it_is_said(tmp_path):
    values = [(frame.astype(np.float64) / frame.max() * 100).astype(np.uint16)
              for frame in bscans(2)]  # fmt: skip
    volume = read(tmp_path, stored_as(values))
    assert pixels_of(volume).max() == 255
    assert np.array_equal(pixels_of(volume), np.rint(np.stack(values) * 2.55))
    assert "0 to 100" in volume.notes[0]


def test_signed_values_are_spread_over_their_own_range_and_it_is_said(tmp_path: Path):
    values = [frame.astype(np.int16) * 20 - 1000 for frame in bscans(2)]
    volume = read(tmp_path, stored_as(values, PixelRepresentation=1))
    low, high = np.stack(values).min(), np.stack(values).max()
    expected = (np.stack(values) - float(low)) * (255 / (high - float(low)))
    assert np.array_equal(pixels_of(volume), np.rint(expected))
    assert f"{low} to {high}" in volume.notes[0]


def test_signed_values_keep_their_order(tmp_path: Path):
    values = [(each.astype(np.int32) - 32768).astype(np.int16) for each in DEEP]
    shown = pixels_of(read(tmp_path, stored_as(values, PixelRepresentation=1))).ravel()
    order = np.argsort(np.stack(values).ravel(), kind="stable")
    assert (np.diff(shown[order].astype(int)) >= 0).all()


def test_padding_is_black_and_does_not_set_the_range(tmp_path: Path):
    values = [(frame // 3).astype(np.uint16) for frame in bscans(2)]
    for frame in values:
        frame[:, :5] = 65535

    def change(dataset: Dataset) -> None:
        stored_as(values)(dataset)
        dataset.add_new("PixelPaddingValue", "US", 65535)

    volume = read(tmp_path, change)
    assert not pixels_of(volume)[:, :, :5].any()
    assert pixels_of(volume).max() == 255


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_coloured_captures_become_grey(tmp_path: Path, planar: int, photometric: str):
    grey = bscans(2)
    grey_as = {
        "RGB": [np.stack([each] * 3, -1) for each in grey],
        "YBR_FULL": [np.stack([each, each * 0 + 128, each * 0 + 128], -1) for each in grey],
    }[photometric]
    values = [each.transpose(2, 0, 1) if planar else each for each in grey_as]
    change = stored_as(
        [np.ascontiguousarray(each) for each in values],
        allocated=8,
        stored=8,
        SamplesPerPixel=3,
        PlanarConfiguration=planar,
        PhotometricInterpretation=photometric,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7.4",
    )
    volume = read(tmp_path, change)
    assert np.array_equal(pixels_of(volume), np.stack(grey))
    assert "capture" in volume.notes[0]


def test_halved_colours_become_grey(tmp_path: Path):
    grey = bscans(2)
    packed = []
    for each in grey:
        quads = np.full((each.size // 2, 4), 128, np.uint8)
        quads[:, :2] = each.reshape(-1, 2)
        packed.append(quads)
    change = stored_as(
        packed,
        allocated=8,
        stored=8,
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="YBR_FULL_422",
    )
    assert np.array_equal(pixels_of(read(tmp_path, change)), np.stack(grey))


def test_palettes_become_grey(tmp_path: Path):
    def change(dataset: Dataset) -> None:
        dataset.PhotometricInterpretation = "PALETTE COLOR"
        for colour in ("Red", "Green", "Blue"):
            name = f"{colour}PaletteColorLookupTable"
            dataset.add_new(f"{name}Descriptor", "US", [256, 0, 16])
            table = (np.arange(256, dtype=np.uint16) * 257).tobytes()
            dataset.add_new(f"{name}Data", "OW", table)

    assert np.array_equal(pixels_of(read(tmp_path, change)), np.stack(bscans(2)))


@pytest.mark.parametrize(
    ("keyword", "kind"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")]
)
def test_float_pixels_are_spread_over_their_range_and_it_is_said(tmp_path, keyword, kind):
    def change(dataset: Dataset) -> None:
        del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
        dataset.BitsAllocated = int(kind[1]) * 8
        values = np.stack(bscans(2)).astype(kind) / 255
        setattr(dataset, keyword, values.tobytes())

    volume = read(tmp_path, change)
    frames = np.stack(bscans(2)).astype(float)
    assert np.abs(pixels_of(volume) - frames * 255 / frames.max()).max() <= 0.51
    assert "range that they fill" in volume.notes[0]


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "1 bits for a pixel"),
        ({"BitsStored": 12}, "contradicts itself"),
        ({"SamplesPerPixel": 4, "PhotometricInterpretation": "CMYK"}, "CMYK"),
        ({"Rows": 1, "Columns": 1}, "1 x 1 pixels"),
        ({"NumberOfFrames": 0}, "no frames"),
        ({"Rows": 60000, "Columns": 60000, "NumberOfFrames": 1000}, "1000 frames of 60000 x 60000"),
    ],
)
def test_impossible_forms_are_refused_in_a_sentence(tmp_path: Path, elements, words: str):
    def change(dataset: Dataset) -> None:
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)

    assert words in failure_of(write(tmp_path / "a.dcm", bscans(2), change=change))


# The grey pipeline by itself


@given(
    st.lists(st.integers(0, 65535), min_size=1, max_size=50),
    st.floats(-40000, 90000),
    st.floats(1, 90000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.booleans(),
)
def test_a_window_never_changes_the_order_of_values(values, center, width, function, inverted):
    tone = Tone(window=Window(center=center, width=width, function=function), inverted=inverted)
    stored = np.sort(np.array([values], np.uint16))
    steps = np.diff(to_grey(stored, tone).astype(int))
    assert (steps <= 0).all() if inverted else (steps >= 0).all()


def test_a_full_window_leaves_8_bits_as_they_are():
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_grey(stored, Tone(window=Window(center=128, width=256))), stored)
    assert np.array_equal(to_grey(stored, AS_STORED), stored)


def test_a_table_holds_its_ends_outside_its_range():
    table = Lookup(first=10, bits=8, values=(5, 100, 200))
    stored = np.array([[0, 10, 11, 12, 99]], np.uint8)
    assert to_grey(stored, Tone(interest=table)).tolist() == [[5, 5, 100, 200, 200]]


def test_values_that_are_no_numbers_are_black():
    stored = np.array([[np.nan, np.inf, -np.inf, 1.0]])
    assert to_grey(stored, Tone(span=(0, 1))).tolist() == [[0, 0, 0, 255]]
