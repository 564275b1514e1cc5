# What is typed most often. Everything here is an ordinary command of the
# README or CONTRIBUTING.md; CI calls the same ones (.ci/run).
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PHOTO ?= docs/street.jpg
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help module vuln figures run test race measure paths lint bench bench-peers ablation build generate train fuzz

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: ## detect objects in PHOTO, draw them into out/
	go run ./cmd/riffle detect $(PHOTO) --out out/

build: ## one static binary in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/riffle ./cmd/riffle

test: ## what the README promises
	go test ./...

race: ## the same with the race detector
	go test -race ./...

# The best set of this CPU is what `make test` runs. The other vector sets run the
# whole suite, too. Pure Go is some forty times slower than they are, so it runs
# every package that computes with kernels or compares their results, but not
# those whose tests set time limits as a service has them (api, video, cmd); what
# those call is the same detector.
NUMERIC := ./nn/... ./internal/... ./photo/... ./backbone ./classifier ./detector ./models/... ./segmenter
paths: ## the suite on each kernel set of this CPU that is not its best
	RIFFLE_CPU=generic go test -count=1 $(NUMERIC)
	if grep -qwm1 avx512bw /proc/cpuinfo; then RIFFLE_CPU=avx2 go test -count=1 ./...; fi
	if grep -qwEm1 "avx_vnni|avx512_vnni" /proc/cpuinfo; then RIFFLE_CPU=avxvnni go test -count=1 $(NUMERIC); fi

measure: ## tests that time things: a quiet machine, please
	go test -tags measure -count=1 -run 'CostNoTime' ./nn
	go test -tags measure -count=1 -v -run 'UnderPressure' ./api

lint: ## go vet, golangci-lint with the arrows between packages
	go vet ./...
	go run $(GOLANGCI) run ./...

vuln: ## known vulnerabilities in what riffle is built from; asks vuln.go.dev
	go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

module: ## another module path everywhere: make module PATH=example.org/you/riffle
	@/bin/bash .ci/module "$(PATH)"

bench: ## kernels, then whole networks
	go test -run '^$$' -bench . ./nn/...
	for arch in shufflenet_v1_x1.0_g3 shufflenet_v2_x0.5 shufflenet_v2_x1.0; do \
		go run ./cmd/riffle bench --arch $$arch --size 224; done

figures: ## the figures of README, cards and documents, each with where it comes from
	go run ./bench/figures

bench-peers: ## beside ONNX Runtime, ncnn and XNNPACK, six minutes; writes docs/benchmarks.md
	$(PYTHON) bench/peers/bench.py

generate: ## assembly kernels and OpenAPI from their generators
	go generate ./...

train: ## needs ../shared and training/requirements.txt
	$(PYTHON) -m training.run

fuzz: ## a minute of every fuzz target
	./.ci/fuzz 60s

ablation: build ## input sizes, proposals, second stage on ../shared/data/val; writes docs/ablation.md
	$(PYTHON) bench/ablation/ablation.py
