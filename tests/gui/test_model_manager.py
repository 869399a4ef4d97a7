"""Model packages in the window: compared, installed, chosen, gone back from."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton

from app.gui.model_manager import ModelManager
from app.package_file import write_package_file
from app.paths import resources, user_data
from app.site import SITE_FILE
from tests.gui_window import opened_window, wait_until_ended
from tests.oct_files import bscans, write
from tests.signing import key_pair, signed
from tests.tiny_package import tiny_package

WAIT = 60_000


@pytest.fixture
def keys(tmp_path):
    return key_pair(tmp_path / "keys")


@pytest.fixture
def new_file(tmp_path, keys):
    """A later model, signed, in one file."""
    package = tiny_package(tmp_path / "new", id="later", version="2.0", title="Later network")
    return write_package_file(signed(package.folder, keys[0]), tmp_path / "later.kdoct")


@pytest.fixture
def unsigned_file(tmp_path):
    package = tiny_package(tmp_path / "unsigned", id="stray", version="0.1", title="Stray network")
    return write_package_file(package.folder, tmp_path / "stray.kdoct")


@pytest.fixture
def window(qtbot, tmp_path, keys):
    write(tmp_path / "in" / "right.dcm", bscans(3))
    with opened_window(qtbot, [tmp_path / "in"], keys=keys[1]) as window:
        wait_until_ended(qtbot, window)
        yield window


@pytest.fixture
def manager(qtbot, window):
    window.actions_["models"].trigger()
    (manager,) = window.findChildren(ModelManager)
    idle(qtbot, manager)
    return manager


def idle(qtbot, manager):
    qtbot.waitUntil(lambda: not manager._jobs.busy and not manager._jobs._waiting, timeout=WAIT)


def listed(manager):
    return [manager.list.item(row).text() for row in range(manager.list.count())]


def cells(manager):
    """The rows of the comparison: what, in use, selected."""
    table = manager.cards
    return {
        table.item(row, 0).text(): (table.item(row, 1).text(), table.item(row, 2).text())
        for row in range(table.rowCount())
    }


def open_file(qtbot, window, manager, path):
    window.open([path])
    idle(qtbot, manager)


def test_that_packages_are_listed_verified_with_the_one_in_use_selected(manager):
    shipped, tiny = listed(manager)
    makers = [path.stem for path in (resources() / "keys").glob("*.pem")]

    assert any(f"signed by {maker} · ships with the program" in shipped for maker in makers)
    assert "in use · not signed · added by you" in tiny
    assert manager.selected().name == "tiny"
    assert cells(manager)["Version"] == ("1.0", "1.0")
    assert not manager.use.isEnabled()


def test_that_a_package_opened_with_the_program_is_compared_and_not_yet_installed(
    qtbot, window, manager, new_file
):
    open_file(qtbot, window, manager, new_file)

    assert window.findChildren(ModelManager) == [manager]
    assert "In the file “later.kdoct”" in listed(manager)[-1]
    assert cells(manager)["Model"] == ("Tiny network for tests", "Later network")
    assert cells(manager)["Signature"] == ("not signed", "signed by Clinic")
    assert manager.cards.item(1, 2).font().bold()
    assert not (user_data() / "models" / "later-2.0").exists()
    assert len(window.session.cases) == 1


def test_that_a_signed_package_is_installed_chosen_and_gone_back_from(
    qtbot, window, manager, new_file
):
    open_file(qtbot, window, manager, new_file)

    manager.install.click()
    idle(qtbot, manager)
    assert manager.selected().name == "later-2.0"
    assert window.session.settings.model_id == "tiny"
    manager.use.click()
    idle(qtbot, manager)

    assert window.session.settings.model_id == "later-2.0"
    assert "later-2.0 is used from now on" in manager.message.text()
    manager.back.click()
    idle(qtbot, manager)
    assert window.session.settings.model_id == "tiny"


def test_that_an_unsigned_package_needs_an_explicit_yes(qtbot, window, manager, unsigned_file):
    open_file(qtbot, window, manager, unsigned_file)
    place = user_data() / "models" / "stray-0.1"

    manager.install.click()
    idle(qtbot, manager)
    box = manager.findChild(QMessageBox)
    assert "vouches" in box.text()
    assert box.defaultButton().text().replace("&", "") == "Cancel"
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert not place.exists()

    manager.install.click()
    idle(qtbot, manager)
    box = next(each for each in manager.findChildren(QMessageBox) if each.isVisible())
    (yes,) = [each for each in box.findChildren(QPushButton) if "all the same" in each.text()]
    yes.click()
    idle(qtbot, manager)
    assert place.is_dir()


def test_that_a_damaged_file_is_told_in_the_window_and_nothing_changes(
    qtbot, window, manager, tmp_path
):
    (tmp_path / "cut.kdoct").write_bytes(b"PK\x03\x04 no more")
    before = listed(manager)

    open_file(qtbot, window, manager, tmp_path / "cut.kdoct")

    assert "cut.kdoct" in manager.message.text()
    assert manager.message.isVisible()
    assert listed(manager) == before


def go_to(manager, title):
    row = next(n for n, each in enumerate(listed(manager)) if each.startswith(title))
    manager.list.setCurrentRow(row)


def answer_removal(manager, words):
    """Press "Remove…", and answer the question that names the package."""
    manager.remove.click()
    box = next(each for each in manager.findChildren(QMessageBox) if each.isVisible())
    assert manager.selected().name in box.text()
    (button,) = [each for each in box.findChildren(QPushButton) if words in each.text()]
    button.click()


def test_that_there_is_no_way_back_to_a_model_that_was_removed(qtbot, window, manager):
    tiny_package(user_data() / "models", id="first", title="First network")
    tiny_package(user_data() / "models", id="second", title="Second network")
    manager.verify.click()
    idle(qtbot, manager)
    for name in ("First", "Second"):
        go_to(manager, name)
        manager.use.click()
        idle(qtbot, manager)
    assert manager.back.isEnabled()

    go_to(manager, "First")
    answer_removal(manager, "Remove")
    idle(qtbot, manager)

    assert not manager.back.isEnabled()


def test_that_an_installed_package_that_was_changed_is_told_and_cannot_be_used(
    qtbot, window, manager
):
    tiny_package(user_data() / "models", id="spoilt")
    (user_data() / "models" / "spoilt" / "model.onnx").write_bytes(b"another")

    manager.verify.click()
    idle(qtbot, manager)
    row = next(n for n, each in enumerate(listed(manager)) if each.startswith("spoilt"))
    manager.list.setCurrentRow(row)

    assert "cannot be used" in listed(manager)[row]
    assert "SHA-256" in manager.message.text()
    assert not manager.use.isEnabled()
    answer_removal(manager, "Cancel")
    assert (user_data() / "models" / "spoilt").exists()
    answer_removal(manager, "Remove")
    idle(qtbot, manager)
    assert not (user_data() / "models" / "spoilt").exists()


def test_that_a_model_that_the_clinic_locked_cannot_be_changed_and_why_is_said(
    qtbot, window, monkeypatch, tmp_path
):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / SITE_FILE).write_text('model_id = "tiny"\nlocked = ["model_id"]\n')
    monkeypatch.setattr("app.site.site_configs", lambda: [tmp_path / "site"])
    window.upkeep.manage_models()
    (manager,) = window.findChildren(ModelManager)
    idle(qtbot, manager)

    manager.list.setCurrentRow(0)

    assert not manager.use.isEnabled()
    assert "clinic's configuration" in manager.use.toolTip()


def test_that_the_window_closes_while_packages_are_verified(qtbot, tmp_path):
    with opened_window(qtbot, []) as window:
        window.upkeep.manage_models()


def test_that_a_manager_closed_at_work_goes_once_it_is_done(qtbot, window):
    window.upkeep.manage_models()
    (manager,) = window.findChildren(ModelManager)
    manager.reject()

    qtbot.waitUntil(lambda: not window.findChildren(ModelManager), timeout=WAIT)
