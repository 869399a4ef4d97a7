"""Which languages are offered, and what happens to one that is not there."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.gui import languages as module
from app.gui.languages import languages, speak


@pytest.fixture
def translations(tmp_path, monkeypatch):
    folder = tmp_path / "translations"
    folder.mkdir()
    monkeypatch.setattr(module, "resources", lambda: tmp_path)
    return folder


def test_that_english_is_always_offered(translations):
    assert languages() == {"en": "English"}


def test_that_each_translation_is_offered_by_its_own_name(translations):
    (translations / "fa.qm").write_bytes(b"")
    (translations / "fa.ts").write_text("source")

    assert list(languages()) == ["en", "fa"]
    assert languages()["fa"] == "فارسی"


@pytest.mark.parametrize("code", ["fa", "xx", "en"])
def test_that_a_language_without_a_usable_translation_stays_english(qapp, translations, code):
    (translations / "fa.qm").write_bytes(b"damaged")

    speak(code, qapp)

    assert QGuiApplication.layoutDirection() is Qt.LayoutDirection.LeftToRight
