"""A model that nobody known vouches for is marked wherever its results are shown."""

from dataclasses import replace

import pytest

from app.notices import UNSIGNED, WITHDRAWN
from app.packages import install
from app.paths import site_configs, user_data
from app.signatures import read_keyring
from app.site import SITE_FILE
from tests.gui_window import install_tiny_package, opened_window, wait_until_ended
from tests.oct_files import bscans, write
from tests.signing import key_pair, signed
from tests.tiny_package import tiny_package


@pytest.fixture
def exam(tmp_path):
    return write(tmp_path / "exam.dcm", bscans(6), uid="1.2.3")


@pytest.fixture
def package(tmp_path):
    return tiny_package(tmp_path / "made", id="made", trained=True).folder


def banners(qtbot, exam, **settings):
    with opened_window(qtbot, [exam], **settings) as window:
        wait_until_ended(qtbot, window)
        return window.bars.texts, window.session.current.result.model_signer


def test_that_the_window_says_over_results_that_nobody_vouches_for_their_model(
    qtbot, exam, package
):
    made = install(package, accept_unsigned=True)

    texts, signer = banners(qtbot, exam, model_id=made.name)

    assert UNSIGNED in texts
    assert signer is None


def test_that_a_model_signed_by_a_key_of_the_clinic_is_not_marked(qtbot, exam, package, tmp_path):
    private, keys = key_pair(tmp_path)
    made = install(signed(package, private), keys)

    texts, signer = banners(qtbot, exam, model_id=made.name, keys=keys)

    assert UNSIGNED not in texts
    assert signer == "Clinic"
    assert made.folder.parent == user_data() / "models"


def test_that_a_kept_result_is_marked_once_its_key_was_withdrawn(qtbot, exam, package, tmp_path):
    private, keys = key_pair(tmp_path)
    made = install(signed(package, private), keys)
    assert WITHDRAWN not in banners(qtbot, exam, model_id=made.name, keys=keys)[0]
    (key,) = (each.fingerprint for each in read_keyring(keys).keys if each.name == "Clinic")
    folder = site_configs()[0]
    folder.mkdir(parents=True)
    (folder / SITE_FILE).write_text(
        f'withdrawn_keys = [{{ key = "{key}", since = 2026-03-01, reason = "lost" }}]\n'
    )

    with opened_window(qtbot, [], model_id=made.name, keys=keys) as window:
        window.session.resume()
        qtbot.waitUntil(lambda: window.session.current is not None)

        assert WITHDRAWN in window.bars.texts
        assert not window.session.busy


def test_that_a_study_analysed_again_is_marked_once_its_key_is_trusted_no_more(
    qtbot, exam, package, tmp_path
):
    private, keys = key_pair(tmp_path)
    made = install(signed(package, private), keys)

    with opened_window(qtbot, [exam], model_id=made.name, keys=keys) as window:
        wait_until_ended(qtbot, window)
        assert UNSIGNED not in window.bars.texts
        session = window.session
        session.change_settings(replace(session.settings, keys=None))

        session.analyse(session.current)
        wait_until_ended(qtbot, window)

        assert session.current.result.model_signer is None
        assert UNSIGNED in window.bars.texts


def test_that_another_build_of_a_package_in_use_is_what_analyses_from_then_on(
    qtbot, exam, tmp_path
):
    with opened_window(qtbot, [exam]) as window:
        wait_until_ended(qtbot, window)
        case = window.session.current
        former = case.result.model_sha256

        install_tiny_package(seed=99)
        window.session.analyse(case)
        wait_until_ended(qtbot, window)

        assert case.result.model_sha256 != former
        assert case.card.graph_sha256 == case.result.model_sha256
