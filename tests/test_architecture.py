"""The rules the layout rests on, checked by a fresh interpreter and on the source."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import app

ROOT = Path(app.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
OPTIONAL = "app.engine_torch"  # torch lives here, and nothing imports it before it is asked for
MODULES = [
    module.name
    for module in pkgutil.walk_packages(app.__path__, "app.")
    if module.name not in (OPTIONAL, "app.__main__")
]
HEAVY = {"torch", "torchvision", "timm", "matplotlib", "pytorch_grad_cam", "cv2", "scipy"}


def loaded_by(names):
    """Every module that an interpreter has loaded after importing `names`."""
    code = f"import importlib, sys\n[*map(importlib.import_module, {names})]\nprint(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def imports_of(path):
    """(module, whether at the top level) of every import statement in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in top


def test_that_nothing_outside_the_gui_loads_qt():
    core = [name for name in MODULES if not name.startswith("app.gui")]

    assert not {name for name in loaded_by(core) if name.startswith("PySide6")}


def test_that_no_part_of_the_program_loads_torch_unasked():
    assert not HEAVY & loaded_by(MODULES)


def test_that_the_window_comes_up_without_the_analysis_s_libraries():
    loaded = loaded_by(["app.cli", "app.gui.application"])

    assert not {"onnxruntime", "reportlab", "pydicom", "gdcm", "openjpeg", "jpeg_ls"} & loaded


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_that_the_program_never_imports_the_laboratory_nor_tests(path):
    roots = {module.split(".")[0] for module, _ in imports_of(path)}

    assert not {"ml", "tests"} & roots


def test_that_only_the_gui_imports_qt():
    outside = [path for path in SOURCES if "gui" not in path.relative_to(ROOT).parts]

    for path in outside:
        assert not any(module.startswith("PySide6") for module, _ in imports_of(path)), path


def test_that_the_core_reaches_up_to_the_gui_only_to_open_it():
    for path in SOURCES:
        if "gui" in path.relative_to(ROOT).parts or path.name == "cli.py":
            continue
        assert not any(module.startswith("app.gui") for module, _ in imports_of(path)), path


def test_that_modules_are_named_for_what_they_define():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}

    assert not [path for path in SOURCES if path.stem in vague]


def test_that_all_exceptions_are_caught_in_one_place():
    broad = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
        # One that only tidies up and raises again loses nothing.
        and not any(isinstance(each, ast.Raise) and each.exc is None for each in ast.walk(node))
    ]

    assert broad == ["gui/tasks.py"]
