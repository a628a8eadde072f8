# Every target installs what it needs and builds first. `make run` and `make test` are the two that a newcomer needs.
PRESET ?= release
JOBS   ?= $(shell nproc)
BIN     = build/$(PRESET)/bin

.PHONY: help build run test lint bench e2e image fmt packages test-packages clean

help:
	@echo "make run    build, start the quickstart on this machine, send messages through it"
	@echo "make test   build and run every test"
	@echo "make build  binaries in build/release/bin"
	@echo "make bench  our figures beside the Java servers"
	@echo "make e2e    the operator on a real Kubernetes that is built and started for it (root, Go 1.24, pip)"
	@echo "make image  the container image as an archive in build/"
	@echo "make lint   format, clang-tidy on what changed since BASE (default origin/main), the house rules"
	@echo "make fmt    format the sources"

packages:
	@scripts/install_packages.sh build run

test-packages:
	@scripts/install_packages.sh build run test

build: packages
	@scripts/build.sh $(PRESET) $(JOBS) binaries

run: build
	@$(BIN)/millrace up --demo --dir build/run

test: test-packages
	@scripts/build.sh $(PRESET) $(JOBS) all
	@scripts/test.sh $(PRESET)

lint: test-packages
	@scripts/build.sh $(PRESET) $(JOBS) binaries
	@scripts/lint.sh $(BASE)

bench: test-packages
	@scripts/build.sh $(PRESET) $(JOBS) all
	@tests/bench/run.sh $(BIN)

e2e: build
	@scripts/install_packages.sh image e2e
	@tests/e2e/run.py

image: build
	@scripts/install_packages.sh image
	@scripts/image.sh

fmt:
	@git ls-files -z '*.cc' '*.h' | xargs -0 -r clang-format-19 -i

clean:
	rm -rf build
