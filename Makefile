# Every target sets up what it needs first, on a bare Debian too; the second time that is quick.
#
#   make run [PATHS="folder file…"]   open the window (without a display: analyse the demo study)
#   make test                         format, lint, types and tests
#   make test-long                    the tests that take minutes
#   make fuzz                         damaged files for ten minutes, guided by coverage
#   make benchmark                    measured ratios of speed and memory
#   make translations                 bring the translators' files up to date, and compile them
#   make bundle                       the frozen program, dist/kd-oct, and what is in it by size
#   make bundle-test                  run the frozen program as a clinic would
#   make hand-tools                   what bundle-test needs to use it by hand, on Debian
#   make model-packages               the models that ship, each as the one file that clinics install
#   make deb tarball                  packages for Linux, in dist/
#   make windows-try                  compile the Windows setup, with what stands in for Windows' files
#   make sbom checksums               what releases list: parts (CycloneDX), SHA-256
#   make clean                        remove what these made

VENV := .venv
BIN := $(VENV)/bin

# What Qt's window needs from Debian; make test also needs a screen that nobody looks at.
QT_LIBRARIES := libcups2 libdbus-1-3 libegl1 libfontconfig1 libgl1 libglib2.0-0 libxcb-cursor0 \
	libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 \
	libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 libxkbcommon-x11-0 libxkbcommon0
TEST_TOOLS := xauth xvfb
# What the .deb depends on is told by the packages that are there: Qt's plugins for Wayland need these.
DEB_LIBRARIES := libwayland-client0 libwayland-cursor0 libwayland-egl1
# What a hand needs to use the frozen program: a window manager, mouse and keys, double-clicks.
HAND_TOOLS := desktop-file-utils libglib2.0-bin openbox shared-mime-info strace xdotool

# A screen of its own where there is none, else Qt's own way of drawing nowhere.
SCREEN = $(shell command -v xvfb-run >/dev/null && echo "xvfb-run --auto-servernum" \
	|| echo "env QT_QPA_PLATFORM=offscreen")

# Freezing has an environment of its own: nothing of the laboratory or the tests can get in.
BUNDLE_VENV := .venv-bundle
BUNDLE_BIN := $(BUNDLE_VENV)/bin
SBOM_VENV := .venv-sbom
# What bundle-test tries: a folder, or an installed program such as /usr/bin/kd-oct.
KD_OCT_BUNDLE ?= dist/kd-oct
FROZEN := $(shell find app resources installers -type f -not -name '*.pyc') pyproject.toml

.PHONY: run test test-long benchmark fuzz lint format translations clean
.PHONY: bundle bundle-test hand-tools model-packages deb tarball windows-try sbom checksums
.DELETE_ON_ERROR:

run: $(VENV)/run.stamp
	$(BIN)/python -m app $(PATHS)

# Each process of the suite has one core.
test: lint
	OMP_NUM_THREADS=1 $(SCREEN) $(BIN)/python -m pytest \
		--numprocesses logical --maxprocesses 4 --dist loadfile

test-long: $(VENV)/test.stamp
	$(SCREEN) $(BIN)/python -m pytest -m long

fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tests.fuzz.guided -max_total_time=600 build/fuzz-corpus

benchmark: $(VENV)/test.stamp
	$(SCREEN) $(BIN)/python -m pytest -m benchmark -s

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

translations: $(VENV)/test.stamp
	$(BIN)/python installers/translations.py

bundle: dist/bundle.stamp
	$(BUNDLE_BIN)/python installers/weigh.py dist/kd-oct

dist/bundle.stamp: $(FROZEN) $(BUNDLE_VENV)/bundle.stamp
	$(BUNDLE_BIN)/python installers/freeze.py
	touch $@

hand-tools:
	sh installers/debian-packages.sh $(TEST_TOOLS) $(HAND_TOOLS)

bundle-test: bundle hand-tools $(VENV)/test.stamp
	KD_OCT_BUNDLE=$(KD_OCT_BUNDLE) $(subst xvfb-run,xvfb-run --server-args="-screen 0 1600x1000x24",$(SCREEN)) \
		$(BIN)/python -m pytest -m bundle tests/bundle

# They are signed in the repository, so no key is needed.
model-packages: $(BUNDLE_VENV)/bundle.stamp
	$(BUNDLE_BIN)/python -m ml.sign --signed resources/models/* --archive dist

deb: dist/bundle.stamp
	sh installers/debian-packages.sh dpkg-dev xz-utils $(DEB_LIBRARIES)
	sh installers/linux/make-deb.sh

tarball: dist/bundle.stamp
	sh installers/debian-packages.sh xz-utils
	sh installers/linux/make-tarball.sh

windows-try: dist/bundle.stamp
	sh installers/debian-packages.sh nsis
	sh installers/windows/try.sh

sbom: dist/bundle.stamp $(SBOM_VENV)/sbom.stamp
	mkdir -p build dist
	$(SBOM_VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--spec-version 1.6 --output-file build/environment.cdx.json $(BUNDLE_BIN)/python
	$(BUNDLE_BIN)/python installers/sbom.py build/environment.cdx.json dist

checksums:
	cd dist && rm -f SHA256SUMS && find . -maxdepth 1 -type f \( -name 'kd-oct*' -o -name '*.kdoct' \) -printf '%f\n' | \
		sort | xargs sha256sum >SHA256SUMS && cat SHA256SUMS

clean:
	rm -rf $(VENV) $(BUNDLE_VENV) $(SBOM_VENV) build dist kd-oct-results .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/run.stamp: pyproject.toml $(VENV)/python.stamp
	sh installers/debian-packages.sh $(QT_LIBRARIES)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/run.stamp
	sh installers/debian-packages.sh $(TEST_TOOLS)
	$(BIN)/python -m pip install --quiet --editable '.[ml,test]'
	touch $@

$(BUNDLE_VENV)/bundle.stamp: pyproject.toml $(BUNDLE_VENV)/python.stamp
	sh installers/debian-packages.sh $(QT_LIBRARIES) binutils
	$(BUNDLE_BIN)/python -m pip install --quiet --editable '.[bundle]'
	touch $@

$(SBOM_VENV)/sbom.stamp: $(SBOM_VENV)/python.stamp
	$(SBOM_VENV)/bin/python -m pip install --quiet 'cyclonedx-bom>=7'
	touch $@

%/python.stamp:
	sh installers/make-venv.sh $*
	touch $@
