"""A key that was withdrawn vouches for nothing: not where it is known, not where it ships."""

import json
import shutil
import zlib
from contextlib import closing
from datetime import date, datetime

import pytest

from app import withdrawn
from app.analysis import analyse
from app.cases.result_record import decode_result, encode_result
from app.cases.store import Store
from app.cli import main
from app.errors import PackageError, UnsignedPackage
from app.installed import choose_package
from app.modelpack import load_package
from app.notices import UNSIGNED, WITHDRAWN, banners
from app.packages import examine, install
from app.paths import resources, site_configs
from app.results.record import as_record
from app.settings import load_settings, settings_path
from app.signatures import Keyring, Seal, Trust, fingerprint, read_keyring, vouched_now
from app.site import SITE_FILE
from app.withdrawn import LIST, Withdrawal, read_withdrawals, shipped_withdrawals
from tests.signing import key_pair, signed
from tests.tiny_package import tiny_package
from tests.tiny_study import layered_bscan, study_of, volume_of

SINCE = date(2026, 3, 1)


@pytest.fixture
def keys(tmp_path):
    return key_pair(tmp_path / "keys")


@pytest.fixture
def key(keys):
    """The fingerprint of the key that signed the package."""
    return named(read_keyring(keys[1]), "Clinic")


@pytest.fixture
def package(keys, tmp_path):
    return signed(tiny_package(tmp_path / "made", id="made", trained=True).folder, keys[0])


def named(ring: Keyring, name: str) -> str:
    return next(each.fingerprint for each in ring.keys if each.name == name)


def configure(text: str | bytes) -> None:
    folder = site_configs()[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SITE_FILE).write_bytes(text if isinstance(text, bytes) else text.encode())


def withdraw(*keys: str) -> None:
    """As whoever looks after the computers does it."""
    entries = [f'{{ key = "{key}", since = {SINCE}, reason = "lost" }}' for key in keys]
    configure(f"withdrawn_keys = [{', '.join(entries)}]\n")


@pytest.fixture
def shipping(tmp_path, monkeypatch):
    """Put files beside the keys that ship, as a later version of the program does."""
    folder = shutil.copytree(resources() / "keys", tmp_path / "resources" / "keys")
    for module in ("app.withdrawn", "app.signatures"):
        monkeypatch.setattr(f"{module}.resources", lambda: folder.parent)
    return folder


def test_that_a_signature_counts_until_its_key_is_withdrawn(package, keys, key):
    assert load_package(package, read_keyring(keys[1])).seal == Seal(Trust.SIGNED, "Clinic")

    withdraw("0" * 64, key)

    seal = load_package(package, read_keyring(keys[1])).seal
    assert (seal.trust, seal.signer) == (Trust.WITHDRAWN_KEY, None)
    assert seal.withdrawal == Withdrawal(key=key, since=SINCE, reason="lost")


def test_that_a_fingerprint_copied_in_capitals_withdraws_its_key_too(package, keys, key):
    withdraw(key.upper())

    assert load_package(package, read_keyring(keys[1])).seal.trust is Trust.WITHDRAWN_KEY


def test_that_a_withdrawn_key_is_told_from_one_that_was_never_known(package, key):
    assert load_package(package).seal.trust is Trust.UNKNOWN_KEY

    withdraw(key)

    assert load_package(package).seal.trust is Trust.WITHDRAWN_KEY


def test_that_a_changed_package_is_refused_under_a_withdrawn_key_too(package, keys, key):
    withdraw(key)
    content = json.loads((package / "signature.json").read_text())
    content["signature"] = "A" * 86 + "=="
    (package / "signature.json").write_text(json.dumps(content))

    with pytest.raises(PackageError, match="is not by Clinic, as it claims"):
        load_package(package, read_keyring(keys[1]))


def test_that_a_key_of_the_program_itself_can_be_withdrawn_by_the_clinic():
    withdraw(*(each.fingerprint for each in read_keyring().keys))

    assert choose_package().seal.trust is Trust.WITHDRAWN_KEY


def test_that_a_later_version_can_withdraw_a_key_that_ships(shipping):
    entry = '[[withdrawn]]\nkey = "{key}"\nsince = 2026-03-01\nreason = "followed by another"\n'
    with (shipping / LIST).open("a") as file:
        file.writelines(entry.format(key=each.fingerprint) for each in read_keyring().keys)

    seal = choose_package().seal

    assert (seal.trust, seal.signer) == (Trust.WITHDRAWN_KEY, None)
    assert seal.withdrawal in shipped_withdrawals()


def test_that_several_keys_that_ship_count_beside_each_other(shipping, package, keys):
    before = read_keyring().keys
    shutil.copy(keys[1] / "Clinic.pem", shipping / "KD-OCT 2027.pem")

    assert len(read_keyring().keys) == len(before) + 1
    assert load_package(package).seal == Seal(Trust.SIGNED, "KD-OCT 2027")
    assert choose_package().seal.trust is Trust.SIGNED


@pytest.mark.parametrize("content", [None, "[[withdrawn]]\nkey = 1\n", "withdrawn = 3\n", "[["])
def test_that_without_the_program_s_own_list_no_key_is_believed(shipping, content):
    (shipping / LIST).unlink()
    if content is not None:
        (shipping / LIST).write_text(content)

    with pytest.raises(PackageError, match="Install the program again"):
        read_keyring()


def test_that_a_package_under_a_withdrawn_key_needs_an_explicit_yes(package, keys, key):
    withdraw(key)

    with pytest.raises(UnsignedPackage, match=r"does not count since 2026-03-01 \(lost\)"):
        install(package, keys[1])
    made = install(package, keys[1], accept_unsigned=True)

    assert made.seal.trust is Trust.WITHDRAWN_KEY
    assert examine(package, keys[1]).seal.trust is Trust.WITHDRAWN_KEY


def test_that_a_result_says_so_and_keeps_saying_so(package, keys, key):
    withdraw(key)
    study = study_of(volume_of([layered_bscan(seed) for seed in range(4)]))

    result = analyse(study, load_package(package, read_keyring(keys[1])))

    card = load_package(package).card
    assert banners(result, card) == (WITHDRAWN,)
    kept = decode_result(*encode_result(result), study)
    assert (kept.model_signer, kept.model_key_withdrawn) == (None, SINCE)
    model = as_record(result, card)["model"]
    assert (model["signed_by"], model["key_withdrawn"]) == (None, "2026-03-01")


@pytest.fixture
def kept(package, keys, tmp_path):
    """Reads back a result that was kept while the key still counted."""
    study = study_of(volume_of([layered_bscan(seed) for seed in range(4)]))
    made = load_package(package, read_keyring(keys[1]))
    with closing(Store(tmp_path / "cases.sqlite")) as store:
        number = store.keep(study, [], datetime.now().astimezone())
        store.keep_result(number, analyse(study, made), made.card, {})
        yield lambda: store.load(number)


def test_that_a_kept_result_tells_when_its_key_was_withdrawn_since(kept, key):
    assert banners(kept().result, kept().card) == ()

    withdraw(key)

    result = kept().result
    assert (result.model_signer, result.model_key_withdrawn) == (None, SINCE)
    assert banners(result, kept().card) == (WITHDRAWN,)


def test_that_a_kept_result_that_names_no_key_is_read_as_it_was_kept(package, keys, key):
    study = study_of(volume_of([layered_bscan(seed) for seed in range(4)]))
    result = analyse(study, load_package(package, read_keyring(keys[1])))
    record, maps = encode_result(result)
    earlier = json.loads(zlib.decompress(record))
    assert earlier.pop("model_key") == key

    read = decode_result(zlib.compress(json.dumps(earlier).encode()), maps, study)

    assert (read.model_key, read.model_signer) == (None, "Clinic")
    withdraw(key)
    assert vouched_now(read) is read


@pytest.mark.parametrize(
    "content",
    [
        'clinic_name = "Noor\n',
        b"clinic_name = '\xff'",
        "withdrawn_keys = 3\n",
        f'withdrawn_keys = [{{ key = "abc", since = {SINCE}, reason = "typed wrong" }}]\n',
    ],
)
def test_that_no_signature_counts_while_the_clinic_s_withdrawals_cannot_be_read(
    content, package, keys, kept
):
    configure(content)
    told = []

    load_settings(report=told.append)

    assert len(told) == 1
    assert "no model counts as signed until it is corrected" in told[0]
    for seal in (load_package(package, read_keyring(keys[1])).seal, choose_package().seal):
        assert (seal.trust, seal.signer) == (Trust.UNCHECKED, None)
    assert banners(kept().result, kept().card) == (UNSIGNED,)
    with pytest.raises(UnsignedPackage, match="cannot be read"):
        install(package, keys[1])
    configure("")
    assert load_package(package, read_keyring(keys[1])).seal.trust is Trust.SIGNED
    assert banners(kept().result, kept().card) == ()


def test_that_a_kept_result_counts_as_unsigned_without_the_program_s_own_list(kept, shipping):
    (shipping / LIST).unlink()

    assert banners(kept().result, kept().card) == (UNSIGNED,)


def test_that_an_entry_that_cannot_be_used_is_told_and_the_others_count(package, keys, key):
    configure(
        f'withdrawn_keys = [{{ key = "abc", since = {SINCE}, reason = "typed wrong" }},\n'
        f'  {{ key = "{key}", since = {SINCE}, reason = "lost" }}]\n'
    )
    told = []

    load_settings(report=told.append)

    assert len(told) == 1
    assert "Entry 1 of “withdrawn_keys”" in told[0]
    assert load_package(package, read_keyring(keys[1])).seal.trust is Trust.WITHDRAWN_KEY


def test_that_a_key_stays_withdrawn_where_the_rest_of_the_configuration_is_left_out(
    package, keys, key
):
    configure(
        'locked = "model_id"\n'
        f'withdrawn_keys = [{{ key = "{key}", since = {SINCE}, reason = "stolen" }}]\n'
    )
    told = []

    load_settings(report=told.append)

    assert "left out" in told[0]
    assert load_package(package, read_keyring(keys[1])).seal.trust is Trust.WITHDRAWN_KEY


@pytest.mark.parametrize("entries", [3, "abc", {"key": "0" * 64}])
def test_that_a_list_that_is_none_is_told(entries):
    found, problems = read_withdrawals(entries)

    assert found == ()
    assert len(problems) == 1


def test_that_no_user_takes_a_withdrawal_back(package, keys, key):
    withdraw(key)
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text(json.dumps({"version": 2, "withdrawn_keys": []}))
    told = []

    load_settings(report=told.append)

    assert any("withdrawn_keys" in each for each in told)
    assert load_package(package, read_keyring(keys[1])).seal.trust is Trust.WITHDRAWN_KEY


def test_that_the_commands_show_what_was_withdrawn(package, key, capsys):
    shipped = named(read_keyring(), "KD-OCT")
    withdraw(key)

    assert main(["model", "verify", str(package)]) == 1
    assert "a key that does not count since 2026-03-01 (lost)" in capsys.readouterr().out
    assert main(["model", "install", str(package), "--accept-unsigned"]) == 0
    capsys.readouterr()
    main(["model", "list"])
    assert "does not count since 2026-03-01 (lost)" in capsys.readouterr().out
    assert main(["model", "keys"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{shipped} KD-OCT" in lines
    assert any(line.startswith(key) and "does not count since" in line for line in lines)


def test_that_every_entry_that_ships_can_be_used():
    assert all(len(each.key) == len(fingerprint(b"")) for each in shipped_withdrawals())
    assert withdrawn.LIST in {path.name for path in (resources() / "keys").iterdir()}
