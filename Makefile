# What a person does here, one word each. Every target says what it does and installs what it needs
# (scripts/setup); the builds are CMake presets (CMakePresets.json), one folder under build/ each.
.DEFAULT_GOAL := help
SHELL := /bin/bash

JOBS ?= $(shell nproc)
ARGS ?=
FUZZ_SECONDS ?= 60

say = @printf '\033[1m== %s\033[0m\n' "$(1)"

# $(call build,PRESET,TARGETS): configures once, then builds only what is named.
define build
@[ -e build/$(1)/build.ninja ] || cmake --preset $(1) --log-level=WARNING
@cmake --build --preset $(1) -j $(JOBS) $(if $(2),--target $(2))
endef

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ARGS='...' is passed on, FUZZ_SECONDS=N is per target, JOBS=N bounds the build"

.PHONY: setup
setup: ## Install what building needs (Debian 12)
	@scripts/setup

.PHONY: build
build: setup ## Build the program: build/release/capsem
	$(call say,building build/release/capsem)
	$(call build,release,capsem)

.PHONY: run
run: build ## Build what is missing and run the gateway with config/, keeping its state in data/
	$(call say,capsem serve --config-dir config --data-dir data $(ARGS))
	@exec build/release/capsem serve --config-dir config --data-dir data $(ARGS)

.PHONY: demo
demo: build ## Build what is missing and play the founding demo (no key, no network)
	@exec build/release/capsem demo $(ARGS)

.PHONY: test
test: ## Everything that decides whether a change may land
	@scripts/test

.PHONY: test-long
test-long: ## The same, ThreadSanitizer, and every fuzz target for FUZZ_SECONDS
	@LONG=1 FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/test

.PHONY: test-static
test-static: build ## Layering of the source, hardening of the program
	$(call say,static checks)
	@mkdir -p build/reports
	@ctest --test-dir build/release --label-regex static --output-on-failure \
	  --output-junit ../reports/static.xml

.PHONY: test-unit
test-unit: ## Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup --tests
	$(call say,unit tests (asan, ubsan))
	$(call build,asan,unit_tests)
	@mkdir -p build/reports/asan
	@GTEST_OUTPUT=xml:$(CURDIR)/build/reports/asan/ GTEST_BRIEF=1 \
	  ctest --test-dir build/asan --label-regex unit -j $(JOBS) --output-on-failure --timeout 600 \
	  --no-tests=ignore --output-junit ../reports/unit.xml $(ARGS)

.PHONY: test-tsan
test-tsan: ## Where threads meet, under ThreadSanitizer: unit tests, and the program's life cycle
	@scripts/setup --tests
	$(call say,tests under tsan)
	$(call build,tsan,threaded_tests capsem)
	@mkdir -p build/reports/tsan
	@GTEST_OUTPUT=xml:$(CURDIR)/build/reports/tsan/ GTEST_BRIEF=1 \
	  ctest --test-dir build/tsan --label-regex threads --output-on-failure --timeout 600 \
	  --no-tests=ignore --output-junit ../reports/tsan.xml $(ARGS)
	@CAPSEM_BINARY=$(CURDIR)/build/tsan/capsem TSAN_OPTIONS=halt_on_error=1:exitcode=66 \
	  .venv/bin/python -m pytest -q --junitxml=build/reports/tsan-program.xml \
	  tests/integration/test_lifecycle.py

.PHONY: test-integration
test-integration: build ## The real program, real sockets, the official SDKs
	@scripts/setup --tests
	$(call say,integration tests)
	@mkdir -p build/reports
	@if [ -e tests/integration/requirements.txt ]; then \
	  PATH=$(CURDIR)/.deps/node/bin:$$PATH CAPSEM_BINARY=$(CURDIR)/build/release/capsem .venv/bin/python -m pytest -q -n 2 --dist loadfile \
	    --junitxml=build/reports/integration.xml tests/integration $(ARGS); \
	else echo "no tests/integration yet"; fi

.PHONY: train-names
train-names: ## Make the tables that names are found with, from DATA=folder (training/names/README.md)
	@[ -d "$(DATA)/names" ] && [ -d "$(DATA)/ner" ] || { echo "DATA=folder with names/ and ner/: see training/names/README.md"; exit 2; }
	@python3 scripts/make_name_table.py $(DATA)/names $(DATA)/ner src/core/detect/data/name_table.bin
	$(call build,release,train_names)
	@build/release/training/train_names $(DATA) src/core/detect/data/tagger.bin

.PHONY: train-injection
train-injection: ## Make the model of prompt injection from DATA=folder (training/injection/README.md)
	@[ -e "$(DATA)/injection_cases.jsonl" ] && [ -d "$(DATA)/ner" ] || { echo "DATA=folder with injection_cases.jsonl and ner/: see training/injection/README.md"; exit 2; }
	$(call build,release,train_injection)
	@build/release/training/train_injection $(DATA) src/core/detect/data/injection_model.bin

.PHONY: package
package: $(if $(findstring --,$(ARGS)),setup,build) ## A Debian package and its bill of materials: build/package (ARGS=--any-cpu: for every x86-64)
	$(call say,package)
	@JOBS=$(JOBS) scripts/package $(ARGS)

.PHONY: check-package
check-package: ## Install the package into a clean Debian 12 and run it there (root, network)
	@scripts/check-package $(ARGS)

.PHONY: bench
bench: ## The gateway beside nginx and a direct connection, in one run
	@scripts/setup --bench
	$(call say,building build/bench)
	$(call build,bench)
	@python3 bench/run.py --build build/bench $(ARGS)

.PHONY: bench-stores
bench-stores: ## What the audit and shared limits cost a request, by store (root)
	@scripts/setup --bench
	$(call say,building build/bench)
	$(call build,bench)
	@.venv/bin/python bench/stores.py --build build/bench $(ARGS)

.PHONY: eval
eval: build ## What the detectors find, and how much of it is right (DATA=FOLDER, LABELLED=FILE: on labelled texts, too)
	@python3 eval/run.py --capsem build/release/capsem $(if $(DATA),--data $(DATA)) $(if $(LABELLED),--labelled $(LABELLED)) $(ARGS)

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZ_SECONDS
	@scripts/setup --fuzz
	$(call say,building build/fuzz)
	$(call build,fuzz,fuzz_targets)
	@mkdir -p build/reports
	@python3 fuzz/run.py --build build/fuzz --seconds $(FUZZ_SECONDS) --jobs $(JOBS) \
	  --junit build/reports/fuzz.xml $(ARGS)

.PHONY: lint
lint: ## clang-tidy and clang-format over the tree
	@scripts/setup --lint
	@scripts/lint --jobs $(JOBS) $(ARGS)

.PHONY: format
format: ## Rewrite the sources as .clang-format has them
	@scripts/setup --lint
	@git ls-files '*.h' '*.cc' | xargs clang-format-19 -i

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf build
