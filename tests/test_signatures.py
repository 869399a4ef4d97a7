"""A signature says whose a package is, and that nothing of it was changed since."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import PackageError, UsageError
from app.installed import choose_package
from app.modelpack import load_package
from app.packages import examine
from app.paths import resources
from app.signatures import SIGNATURE, SIGNED_FILES, Seal, Trust, read_keyring
from ml.sign import VARIABLE, main, make_keys, read_key
from tests.signing import key_pair, signed
from tests.tiny_package import tiny_package

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory, keys):
    folder = tiny_package(tmp_path_factory.mktemp("packages")).folder
    (folder / "card.md").write_text("# Tiny\n")
    (folder / "weights.safetensors").write_bytes(bytes(range(64)))
    return signed(folder, keys[0])


@pytest.fixture
def package(sealed, tmp_path):
    return shutil.copytree(sealed, tmp_path / "tiny")


def load(folder, keys):
    return load_package(folder, read_keyring(keys[1]))


def refusal(folder, keys):
    with pytest.raises(PackageError) as caught:
        load(folder, keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_that_the_package_that_ships_is_signed_by_those_who_make_the_program():
    assert choose_package().seal == Seal(Trust.SIGNED, "KD-OCT-4")


def test_that_a_signed_package_names_the_clinic_whose_key_it_was(package, keys):
    assert load(package, keys).seal == Seal(Trust.SIGNED, "Clinic")


def test_that_a_key_counts_only_where_it_is_known(package):
    assert load_package(package).seal == Seal(Trust.UNKNOWN_KEY)


def test_that_a_package_without_a_signature_has_no_signer(package, keys):
    (package / SIGNATURE).unlink()

    assert load(package, keys).seal == Seal(Trust.UNSIGNED)


def test_that_the_network_for_the_reference_engine_may_be_left_out(package, keys):
    (package / "weights.safetensors").unlink()

    assert load(package, keys).seal.trust is Trust.SIGNED


CHANGES = given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))


def flip_in(path, place, flip):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= flip
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["card.md", "model.json", "model.onnx"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@CHANGES
def test_that_any_changed_byte_is_refused(sealed, tmp_path, keys, name, place, flip):
    package = shutil.copytree(sealed, tmp_path / "tiny", dirs_exist_ok=True)
    flip_in(package / name, place, flip)

    refusal(package, keys)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@CHANGES
def test_that_a_changed_signature_says_nothing_more_than_before(
    sealed, tmp_path, keys, place, flip
):
    package = shutil.copytree(sealed, tmp_path / "tiny", dirs_exist_ok=True)
    flip_in(package / SIGNATURE, place, flip)

    # A blank may become another blank, and the key's name another's: then nobody is believed.
    with suppress(PackageError):
        assert load(package, keys).seal in (Seal(Trust.SIGNED, "Clinic"), Seal(Trust.UNKNOWN_KEY))


@pytest.mark.parametrize("name", ["card.md", "model.json"])
def test_that_a_change_that_the_card_would_allow_is_refused_all_the_same(package, keys, name):
    path = package / name
    path.write_bytes(path.read_bytes() + b"\n")

    assert f"does not cover this {name}" in refusal(package, keys)


def test_that_a_removed_card_is_noticed(package, keys):
    (package / "card.md").unlink()

    assert "covers card.md, which is not there" in refusal(package, keys)


def test_that_digests_rewritten_to_fit_do_not_pass_under_the_old_signature(package, keys):
    (package / "card.md").write_text("# Sees everything\n")
    other, _ = key_pair(package.parent, "Stranger")
    genuine = json.loads((package / SIGNATURE).read_text())
    signed(package, other)
    forged = json.loads((package / SIGNATURE).read_text())
    (package / SIGNATURE).write_text(json.dumps(genuine | {"files": forged["files"]}))

    assert "is not by Clinic, as it claims" in refusal(package, keys)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b"{" * 100_000, b'{"format": 1}'], ids=range(5)
)
def test_that_a_signature_that_is_none_is_refused(package, keys, content):
    (package / SIGNATURE).write_bytes(content)

    assert "its signature cannot be understood" in refusal(package, keys)


def test_that_a_signature_of_a_later_program_says_to_update(package, keys):
    later = json.loads((package / SIGNATURE).read_text()) | {"format": 2}
    (package / SIGNATURE).write_text(json.dumps(later))

    assert "Update the program" in refusal(package, keys)


def test_that_every_file_of_a_package_is_covered(sealed):
    listed = json.loads((sealed / SIGNATURE).read_text())["files"]

    assert sorted(listed) == sorted(SIGNED_FILES)
    assert {path.name for path in sealed.iterdir()} == {*SIGNED_FILES, SIGNATURE}


def test_that_a_file_that_is_no_public_key_is_passed_over_with_a_warning(keys, tmp_path, caplog):
    clinic = shutil.copytree(keys[1], tmp_path / "keys")
    (clinic / "notes.pem").write_text("the key is under the mat")
    shutil.copy(keys[0], clinic / "private.pem")

    names = [key.name for key in read_keyring(clinic).keys]

    assert set(names[:-1]) == {"KD-OCT", "KD-OCT-2", "KD-OCT-3", "KD-OCT-4"}
    assert names[-1] == "Clinic"
    assert caplog.messages == [
        f"{name}.pem is not the PEM file of an Ed25519 public key." for name in ("notes", "private")
    ]


def test_that_a_package_is_signed_from_the_command_line_with_a_key_in_the_environment(
    package, keys
):
    (package / "card.md").write_text("# Another card\n")

    ended = subprocess.run(
        [sys.executable, "-m", "ml.sign", package],
        cwd=CHECKOUT,
        env={**os.environ, VARIABLE: keys[0].read_text()},
        check=True,
        capture_output=True,
        text=True,
    )

    assert load(package, keys).seal.signer == "Clinic"
    assert keys[0].read_text().splitlines()[1] not in ended.stdout + ended.stderr


def test_that_a_private_key_is_for_its_owner_alone_and_never_overwritten(keys, tmp_path):
    if os.name == "posix":
        assert keys[0].stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="exists"):
        make_keys(keys[0], tmp_path / "public.pem")
    assert not (tmp_path / "public.pem").exists()


def test_that_signing_without_a_key_says_where_it_may_come_from(package, monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE, raising=False)

    assert main([str(package)]) == 1
    assert VARIABLE in capsys.readouterr().err


def test_that_what_is_signed_already_is_packed_without_a_key(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE, raising=False)
    shipped = resources() / "models" / "kd-oct-b2"
    before = {path: path.stat().st_mtime_ns for path in shipped.iterdir()}

    assert main(["--signed", str(shipped), "--archive", str(tmp_path)]) == 0

    (packed,) = tmp_path.iterdir()
    assert packed.name == f"kd-oct-b2-{load_package(shipped).card.version}.kdoct"
    assert str(packed) in capsys.readouterr().out
    assert examine(packed).seal.trust is Trust.SIGNED
    assert {path: path.stat().st_mtime_ns for path in shipped.iterdir()} == before


@pytest.mark.parametrize("by", ["a key that is not known", "nobody"])
def test_that_what_nobody_known_signed_is_not_packed_for_signed(package, by, tmp_path, capsys):
    if by == "nobody":
        (package / SIGNATURE).unlink()

    assert main(["--signed", str(package), "--archive", str(tmp_path / "out")]) == 1

    assert "cannot be packed as it is" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "no key"])
def test_that_what_is_no_private_key_is_named(tmp_path, content):
    (tmp_path / "key.pem").write_text(content)

    with pytest.raises(UsageError, match="key"):
        read_key(tmp_path / "key.pem")


def test_that_a_damaged_package_is_not_signed(package, keys, capsys):
    (package / "model.onnx").write_bytes(b"something else")

    assert main(["--key", str(keys[0]), str(package)]) == 1
    assert "changed or damaged" in capsys.readouterr().err
    assert not (package / SIGNATURE).exists()


def test_that_no_private_key_is_in_the_checkout():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("This is no checkout of git.")
    paths = [CHECKOUT / name for name in listed.stdout.split("\0") if name.endswith(".pem")]

    assert paths
    assert not [path for path in paths if "PRIVATE" in path.read_text()]
