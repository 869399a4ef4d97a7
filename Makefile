# Every target sets up what it needs first, on a bare Debian too; the second time that is quick.
#
#   make run [PATHS="folder file…"]   open the window (without a display: analyse the demo study)
#   make test                         format, lint, types and tests
#   make test-long                    the tests that take minutes
#   make benchmark                    measured ratios of speed and memory
#   make clean                        remove what these made

VENV := .venv
BIN := $(VENV)/bin

# What Qt's window needs from Debian; make test also needs a screen that nobody looks at.
QT_LIBRARIES := libcups2 libdbus-1-3 libegl1 libfontconfig1 libgl1 libglib2.0-0 libxcb-cursor0 \
	libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 \
	libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 libxkbcommon-x11-0 libxkbcommon0
TEST_TOOLS := xauth xvfb

# A screen of its own where there is none, else Qt's own way of drawing nowhere.
SCREEN = $(shell command -v xvfb-run >/dev/null && echo "xvfb-run --auto-servernum" \
	|| echo "env QT_QPA_PLATFORM=offscreen")

.PHONY: run test test-long benchmark lint format clean
.DELETE_ON_ERROR:

run: $(VENV)/run.stamp
	$(BIN)/python -m app $(PATHS)

test: lint
	$(SCREEN) $(BIN)/python -m pytest

test-long: $(VENV)/test.stamp
	$(SCREEN) $(BIN)/python -m pytest -m long

benchmark: $(VENV)/test.stamp
	$(SCREEN) $(BIN)/python -m pytest -m benchmark -s

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist kd-oct-results .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/run.stamp: pyproject.toml $(VENV)/python.stamp
	sh installers/debian-packages.sh $(QT_LIBRARIES)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/run.stamp
	sh installers/debian-packages.sh $(TEST_TOOLS)
	$(BIN)/python -m pip install --quiet --editable '.[ml,test]'
	touch $@

$(VENV)/python.stamp:
	sh installers/make-venv.sh $(VENV)
	touch $@
