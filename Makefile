# Branchline: `make run` shows the product, `make test` proves it. Both set themselves up first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# cmake, ninja and the other tools are the ones that pip installed
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PY := .venv/bin/python
STAMPS := .venv/stamps
PACKAGES := $(wildcard images/packages/*.txt)
C_FILES := $(shell git ls-files 'cext/**/*.[ch]' 2>/dev/null)
# another number when a module comes or goes: the installation in place has a list of them
MODULES := $(shell find appliance control drivers -name node_modules -prune -o -name '*.py' -print \
	| sort | cksum | cut -d' ' -f1)
C_SOURCES := $(wildcard cext/CMakeLists.txt cext/*.py cext/include/*.h cext/media/* cext/sip/*)
CTEST_DIR := build/ctest
TSAN_DIR := build/tsan
ARM_DIR := build/arm64
SECONDS := 60
PYTEST := $(PY) -m pytest -q
# tests wait more than they compute: three at a time, each file in one of them
WORKERS ?= 3

.PHONY: help run test test-long setup format lint types rooms spell ctest threads arm fuzz pytest bench clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: setup ## the whole product on loopback, until Ctrl-C (BIND=address for other addresses)
	@exec .venv/bin/branchline demo run $(if $(BIND),--bind $(BIND))

test: setup lint types rooms spell ctest pytest ## every test that needs no special hardware

test-long: setup $(STAMPS)/bench fuzz arm ## soak, full benches, long fuzzing
	$(PYTEST) -m long --timeout 3600
	$(PY) -m tests.bench --all

# -- set-up: each stamp is older than what it was made from, or the step runs again ------------

setup: $(STAMPS)/built $(STAMPS)/scripts

$(STAMPS)/packages: $(PACKAGES)
	@images/packages/install runtime build test
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/python: pyproject.toml images/packages/python-constraints.txt | $(STAMPS)/packages
	@echo "== Python packages"
	@test -x $(PY) || python3 -m venv .venv
	@$(PY) images/packages/requirements.py > .venv/requirements.txt
	@$(PY) -m pip install --disable-pip-version-check --progress-bar on \
		-r .venv/requirements.txt -c images/packages/python-constraints.txt \
		| grep -v '^Requirement already' || test $${PIPESTATUS[0]} -eq 0
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/modules-$(MODULES):
	@rm -f $(STAMPS)/modules-*
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/built: $(C_SOURCES) $(STAMPS)/python $(STAMPS)/modules-$(MODULES)
	@echo "== building the media engine and the SIP shim"
	@$(PY) -m pip install --disable-pip-version-check -q --no-build-isolation --no-deps -e .
	@touch $@

$(STAMPS)/scripts: control/package.json control/package-lock.json | $(STAMPS)/packages
	@echo "== scripts for the pages"
	@cd control && npm ci --no-audit --no-fund --loglevel=error && npm run --silent vendor
	@mkdir -p $(STAMPS) && touch $@

# PESQ is built with the numpy and cython that are installed here, so these come first
$(STAMPS)/bench: pyproject.toml | $(STAMPS)/python
	@echo "== what the benches need"
	@$(PY) -m pip install --disable-pip-version-check -q 'cython>=3.0' wheel
	@$(PY) -m pip install --disable-pip-version-check -q --no-build-isolation 'pesq==0.0.4'
	@touch $@

# -- checks ------------------------------------------------------------------------------------

format: setup ## write all code the house way
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
	clang-format -i $(C_FILES)

lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	clang-format --dry-run -Werror $(C_FILES)

types: setup
	.venv/bin/mypy

rooms: setup
	.venv/bin/lint-imports

spell: setup
	@git ls-files -z | grep -zv 'package-lock.json\|LICENSE' | xargs -0 .venv/bin/codespell

ctest: $(CTEST_DIR)/build.ninja threads
	.venv/bin/cmake --build $(CTEST_DIR)
	run-clang-tidy -quiet -j 2 -p $(CTEST_DIR) 'cext/(media|sip|fuzz|test)/.*\.c$$' > $(CTEST_DIR)/tidy.txt \
		|| { cat $(CTEST_DIR)/tidy.txt; exit 1; }
	cd $(CTEST_DIR) && ../../.venv/bin/ctest -j 2 --output-on-failure

$(CTEST_DIR)/build.ninja: setup
	.venv/bin/cmake -S cext -B $(CTEST_DIR) -G Ninja -DCMAKE_C_COMPILER=clang \
		-DBL_TESTS=ON -DBL_SANITIZE=ON -DBL_FUZZ_CORPUS=$(CURDIR)/build/fuzz/corpus \
		--log-level=WARNING

threads: setup ## the tests that have threads, under the thread sanitizer
	.venv/bin/cmake -S cext -B $(TSAN_DIR) -G Ninja -DCMAKE_C_COMPILER=clang \
		-DBL_TESTS=ON -DBL_SANITIZE_THREAD=ON --log-level=WARNING
	.venv/bin/cmake --build $(TSAN_DIR)
	cd $(TSAN_DIR) && ../../.venv/bin/ctest -j 2 --output-on-failure

arm: setup ## the engine's arithmetic and parsers, built for 64-bit ARM and run in an emulator
	@images/packages/install arm
	.venv/bin/cmake -S cext -B $(ARM_DIR) -G Ninja --toolchain arm64.cmake \
		-DCMAKE_BUILD_TYPE=RelWithDebInfo -DBL_BARE=ON --log-level=WARNING
	.venv/bin/cmake --build $(ARM_DIR)
	cd $(ARM_DIR) && ../../.venv/bin/ctest -j 2 --output-on-failure

fuzz: $(CTEST_DIR)/build.ninja ## every fuzz target for SECONDS (60); build/fuzz/corpus is kept
	.venv/bin/cmake --build $(CTEST_DIR)
	cd $(CTEST_DIR) && BL_FUZZ_SECONDS=$(SECONDS) ../../.venv/bin/ctest -j 2 -L fuzz \
		--timeout $$(($(SECONDS) + 600)) --output-on-failure

pytest: setup
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m 'not hw and not image and not long'

bench: setup $(STAMPS)/bench ## all benches, for people
	$(PY) -m tests.bench --all

clean: ## forget what was built, not what was installed
	rm -rf build .run .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f $(STAMPS)/built
