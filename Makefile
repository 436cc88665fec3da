# What a person or a machine does with a clone. Every target can be run again at any time.
.PHONY: help demo test build bench parity lint clean deps

help:
	@echo "make demo     train a small real model, merge it and ask it (about 10 minutes)"
	@echo "make test     build and run all tests"
	@echo "make build    the release binary, .build/release/halter"
	@echo "make bench    measure speed and memory, with HALTER_PEER_VENV also of PyTorch + PEFT"
	@echo "make parity   compare with the reference libraries (makes a Python environment)"
	@echo "make lint     check the layout of the sources"
	@echo "make clean    remove build products; runs/ and fetched models stay"

# Installs missing system packages, or says which ones to install.
deps:
	@scripts/install-deps.sh

build: deps
	swift build -c release --product halter

demo: build
	scripts/demo.sh

test: deps
	scripts/test.sh

bench: build
	swift build -c release --product halter-bench
	.build/release/halter-bench
	Benchmarks/bench.sh
	Benchmarks/prepare.sh

parity: build
	Tests/Parity/check.sh

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

clean:
	swift package clean
