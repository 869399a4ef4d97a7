"""Model packages as files: sent, examined, installed, chosen, and refused if anything is off."""

import os
import shutil
import stat
import zipfile
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import package_file, packages
from app.cli import main
from app.errors import PackageError, UnsignedPackage, UsageError
from app.installed import Origin, choose_package, models_folder
from app.modelpack import load_package
from app.package_file import write_package_file
from app.packages import choose, examine, install, list_installed, remove, roll_back
from app.paths import site_configs
from app.settings import Settings, load_settings, save_settings
from app.signatures import NO_SEAL, SIGNATURE, Seal, Trust
from app.site import SITE_FILE
from ml.sign import main as sign
from tests.signing import key_pair, signed
from tests.tiny_package import tiny_card, tiny_graph, tiny_package, write_package


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def clinic(keys):
    """Settings of a clinic that trusts those keys."""
    return Settings(keys=keys[1])


@pytest.fixture(scope="module")
def send(keys, tmp_path_factory):
    """Make the file of a package, signed unless told otherwise."""

    def made(*, seal=True, **changes):
        folder = tmp_path_factory.mktemp("made")
        card = tiny_card(**{"version": "1.1.0"} | changes)
        package = write_package(folder / card.id, card, tiny_graph(card))
        (package / "card.md").write_text("# Tiny\n")
        if seal:
            signed(package, keys[0])
        return write_package_file(package, folder / f"{card.id}.kdoct")

    return made


@pytest.fixture(scope="module")
def sent(send):
    return send()


def repacked(path, target, change):
    """The same archive with other members: `change` gets and gives a dict of names to bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in change(members).items():
            archive.writestr(name, content)
    return target


def left_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_that_a_package_arrives_as_it_was_sent(sent, clinic):
    made = install(sent, clinic.keys)

    assert made.name == "tiny-1.1.0"
    assert made.seal == Seal(Trust.SIGNED, "Clinic")
    package = choose_package("tiny-1.1.0", clinic.keys)
    assert package.seal.signer == "Clinic"
    assert package.card.version == "1.1.0"
    assert left_in(models_folder(Origin.USER)) == ["tiny-1.1.0"]


def test_that_the_same_package_makes_the_same_file(keys, tmp_path):
    package = signed(tiny_package(tmp_path).folder, keys[0])

    first = write_package_file(package, tmp_path / "first.kdoct").read_bytes()

    assert write_package_file(package, tmp_path / "second.kdoct").read_bytes() == first


def test_that_the_shipped_package_travels_without_the_network_for_the_laboratory(tmp_path):
    shipped = choose_package().folder

    path = write_package_file(shipped, tmp_path / "shipped.kdoct")

    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["card.md", "model.json", "model.onnx", SIGNATURE]
    assert examine(path).seal == Seal(Trust.SIGNED, "KD-OCT-4")


def test_that_looking_at_a_package_installs_nothing(sent, clinic):
    found = examine(sent, clinic.keys)

    assert (found.name, found.prose, found.installed) == ("tiny-1.1.0", "# Tiny\n", False)
    assert left_in(models_folder(Origin.USER)) == []
    install(sent, clinic.keys)
    assert examine(sent, clinic.keys).installed


@pytest.mark.parametrize("seal", [True, False], ids=["unknown key", "no signature"])
def test_that_a_package_nobody_known_vouches_for_needs_an_explicit_yes(send, seal):
    path = send(seal=seal)

    with pytest.raises(UnsignedPackage, match="nobody known to this computer vouches"):
        install(path)
    assert left_in(models_folder(Origin.USER)) == []

    made = install(path, accept_unsigned=True)
    assert made.seal.signer is None
    assert choose_package(made.name).seal.trust is made.seal.trust is not Trust.SIGNED


def test_that_consent_does_not_let_a_changed_package_in(sent, clinic, tmp_path):
    path = repacked(
        sent, tmp_path / "tiny.kdoct", lambda members: members | {"card.md": b"# Sees all\n"}
    )

    with pytest.raises(PackageError, match=r"does not cover this card\.md"):
        install(path, clinic.keys, accept_unsigned=True)
    assert left_in(models_folder(Origin.USER)) == []


@pytest.mark.parametrize(
    "name",
    ["../outside", "/outside", "..\\outside", "model.onnx/../../outside", "sub/model.json", "a\n"],
)
def test_that_no_name_in_a_file_leads_anywhere(sent, clinic, tmp_path, name):
    path = repacked(sent, tmp_path / "tiny.kdoct", lambda members: members | {name: b"x"})

    with pytest.raises(PackageError, match="it holds 1 more than the files"):
        install(path, clinic.keys)
    assert not list(tmp_path.rglob("outside"))
    assert left_in(models_folder(Origin.USER)) == []


def test_that_a_link_in_a_file_is_taken_for_its_bytes(sent, clinic, tmp_path):
    with zipfile.ZipFile(sent) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    path = tmp_path / "tiny.kdoct"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            if name == "card.md":
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
                content = b"/etc/passwd"
            archive.writestr(member, content)

    with pytest.raises(PackageError, match=r"does not cover this card\.md"):
        install(path, clinic.keys)


def test_that_a_name_given_twice_is_refused(sent, clinic, tmp_path):
    path = shutil.copy(sent, tmp_path / "tiny.kdoct")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model.json", b"{}")

    with pytest.raises(PackageError, match="is no model package"):
        install(path, clinic.keys)


def test_that_sizes_are_limited_by_what_is_really_unpacked(sent, clinic, tmp_path, monkeypatch):
    monkeypatch.setitem(package_file._LARGEST, "card.md", 1000)
    path = repacked(
        sent, tmp_path / "tiny.kdoct", lambda members: members | {"card.md": b"0" * 1001}
    )

    with pytest.raises(PackageError, match=r"its card\.md is too large"):
        install(path, clinic.keys)
    assert left_in(models_folder(Origin.USER)) == []


def test_that_an_encrypted_file_is_refused(sent, tmp_path):
    content = bytearray(sent.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(mark, at + 4)
    (tmp_path / "tiny.kdoct").write_bytes(content)

    with pytest.raises(PackageError):
        examine(tmp_path / "tiny.kdoct")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255), cut=st.booleans())
def test_that_a_damaged_file_is_refused_or_holds_what_was_sent(
    sent, clinic, tmp_path_factory, place, change, cut
):
    content = bytearray(sent.read_bytes())
    at = int(place * len(content))
    if cut:
        del content[at:]
    else:
        content[at] ^= change
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "tiny.kdoct").write_bytes(content)

    with suppress(PackageError):
        # What a ZIP does not rest on, such as a time, was changed; or its list of files was cut
        # before the signature, and the user is asked as for any package that nobody signed.
        seal = examine(folder / "tiny.kdoct", clinic.keys).seal
        assert seal in (Seal(Trust.SIGNED, "Clinic"), NO_SEAL)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no archive"])
def test_that_what_is_no_package_is_refused(tmp_path, content):
    path = tmp_path / "letter.kdoct"
    path.write_bytes(content)

    with pytest.raises(PackageError, match="no model package"):
        examine(path)


def test_that_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(PackageError, match="No such file"):
        install(tmp_path / "none.kdoct")


def test_that_a_network_that_does_not_load_is_refused_before_it_is_installed(tmp_path):
    folder = write_package(tmp_path / "tiny", tiny_card(), b"no graph")

    with pytest.raises(PackageError):
        install(write_package_file(folder, tmp_path / "tiny.kdoct"), accept_unsigned=True)
    assert left_in(models_folder(Origin.USER)) == []


@pytest.mark.parametrize("version", ["../1", "", "1 beta", "v" * 41])
def test_that_a_version_that_makes_no_name_is_refused(send, clinic, version):
    with pytest.raises(PackageError, match="version that makes no name"):
        install(send(version=version), clinic.keys)


def test_that_a_package_in_a_folder_is_installed_like_one_in_a_file(tmp_path):
    folder = tiny_package(tmp_path).folder

    assert install(folder, accept_unsigned=True).name == "tiny-1.0"
    assert load_package(folder).card.id == "tiny"


def test_that_a_package_installed_again_takes_the_place_of_the_damaged_one(sent, clinic):
    made = install(sent, clinic.keys)
    (made.folder / "model.onnx").write_bytes(b"")
    [_, damaged] = list_installed(clinic)
    assert "changed or damaged" in damaged.problem
    assert damaged.card is None

    install(sent, clinic.keys)

    [_, whole] = list_installed(clinic)
    assert whole.problem == ""
    assert left_in(models_folder(Origin.USER)) == [made.name]


def test_that_a_package_stays_where_another_cannot_take_its_place(sent, clinic):
    made = install(sent, clinic.keys)

    with pytest.raises(OSError, match="gone"):
        packages._put(made.folder.with_name("gone"), made.folder)

    assert choose_package(made.name, clinic.keys).card.version == "1.1.0"
    assert left_in(models_folder(Origin.USER)) == [made.name]


@pytest.mark.parametrize("replaced", [False, True])
def test_that_what_a_killed_installation_left_is_put_right_by_the_next(
    sent, send, clinic, replaced
):
    made = install(sent, clinic.keys)
    older = made.folder.rename(made.folder.with_name(f".{made.name}-older"))
    if replaced:
        shutil.copytree(older, made.folder)
    killed, at_work = (made.folder.with_name(f".kdoct-{each}") for each in ("killed", "at-work"))
    killed.mkdir()
    os.utime(killed, (0, 0))
    at_work.mkdir()

    install(send(version="1.2.0"), clinic.keys)

    assert choose_package(made.name, clinic.keys).card.version == "1.1.0"
    assert left_in(models_folder(Origin.USER)) == [at_work.name, made.name, "tiny-1.2.0"]


def test_that_a_chosen_package_is_used_and_the_one_before_can_be_gone_back_to(send, clinic):
    for version in ("1.1.0", "1.2.0"):
        install(send(version=version), clinic.keys)
    shipped = list_installed(clinic)[0]
    assert shipped.chosen
    assert shipped.origin is Origin.SHIPPED

    chosen = choose("tiny-1.1.0", clinic)
    assert [each.name for each in list_installed(chosen) if each.chosen] == ["tiny-1.1.0"]
    newer = choose("tiny-1.2.0", chosen)
    assert choose("tiny-1.2.0", newer) == newer

    assert roll_back(newer).model_id == "tiny-1.1.0"
    assert roll_back(roll_back(newer)).model_id == "tiny-1.2.0"
    assert roll_back(chosen).model_id == shipped.name
    with pytest.raises(UsageError, match="no way back"):
        roll_back(clinic)


def test_that_a_changed_package_is_not_chosen(sent, clinic):
    made = install(sent, clinic.keys)
    (made.folder / "card.md").write_text("# Better\n")

    with pytest.raises(PackageError, match="changed or damaged"):
        choose(made.name, clinic)


def test_that_a_package_in_use_or_of_others_is_not_removed(sent, clinic):
    made = install(sent, clinic.keys)
    using = choose(made.name, clinic)

    with pytest.raises(UsageError, match="in use"):
        remove(made.name, using)
    for name in (choose_package().folder.name, "none", "../models/" + made.name):
        with pytest.raises(UsageError, match="no model package that you added"):
            remove(name, using)
    remove(made.name, roll_back(using))

    assert [each.origin for each in list_installed(clinic)] == [Origin.SHIPPED]
    assert left_in(models_folder(Origin.USER)) == []


def test_that_a_package_for_all_users_is_seen_by_each(sent, clinic, monkeypatch, tmp_path):
    install(sent, clinic.keys, origin=Origin.SITE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another user"))

    assert choose_package("tiny-1.1.0", clinic.keys).seal.signer == "Clinic"
    with pytest.raises(UsageError, match="that you added"):
        remove("tiny-1.1.0", clinic)


def test_that_a_locked_model_is_not_chosen_by_users(sent, clinic):
    made = install(sent, clinic.keys)
    [folder] = site_configs()
    folder.mkdir(parents=True)
    (folder / SITE_FILE).write_text('locked = ["model_id"]')

    with pytest.raises(UsageError, match="clinic's configuration"):
        choose(made.name, clinic)


def model(*arguments):
    return main(["model", *map(str, arguments)])


def test_that_a_package_is_managed_from_the_command_line(sent, clinic, capsys):
    save_settings(clinic)

    assert model("verify", sent) == 0
    assert model("install", sent) == 0
    assert model("verify", "tiny-1.1.0") == 0
    assert model("choose", "tiny-1.1.0") == 0
    assert load_settings().model_id == "tiny-1.1.0"
    assert model("list") == 0
    assert model("rollback") == 0
    assert model("remove", "tiny-1.1.0") == 0

    told = capsys.readouterr().out.splitlines()
    assert told[0] == "tiny 1.1.0: whole, signed by Clinic"
    assert told[1].startswith("tiny-1.1.0 is installed, signed by Clinic.")
    assert any(line.startswith("* tiny-1.1.0: Tiny network") for line in told)
    assert load_settings() == replace(
        clinic, model_id=choose_package().folder.name, previous_model="tiny-1.1.0"
    )


def test_that_the_command_line_asks_for_consent_and_names_the_option(send, capsys):
    path = send(seal=False)

    assert model("verify", path) == 1
    assert model("install", path) == 1
    assert "add --accept-unsigned" in capsys.readouterr().err
    assert model("install", path, "--accept-unsigned") == 0
    assert "not signed" in capsys.readouterr().out


def test_that_a_name_that_is_not_installed_is_wrong_usage(capsys):
    assert model("choose", "none-such") == 2
    assert "is not installed" in capsys.readouterr().err


def test_that_signing_writes_the_file_that_travels(keys, clinic, tmp_path, capsys):
    folder = tiny_package(tmp_path).folder

    assert sign(["--key", str(keys[0]), str(folder), "--archive", str(tmp_path / "out")]) == 0

    [path] = (tmp_path / "out").iterdir()
    assert path.name == "tiny-1.0.kdoct"
    assert examine(path, clinic.keys).seal.signer == "Clinic"
