# What is typed most often. Everything here is an ordinary command of the
# README or CONTRIBUTING.md; CI calls the same ones (.ci/run).
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PHOTO ?= docs/street.jpg
PYTHON ?= python3

.PHONY: run test race paths lint bench bench-peers ablation build generate train fuzz

run: ## detect objects in PHOTO, draw them into out/
	go run ./cmd/riffle detect $(PHOTO) --out out/

build: ## one static binary in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/riffle ./cmd/riffle

test: ## what the README promises
	go test ./...

race:
	go test -race ./...

paths: ## the engine and everything on it, on each kernel set this CPU has
	for cpu in generic $$(grep -owm1 avx2 /proc/cpuinfo) $$(grep -owm1 avx512bw /proc/cpuinfo | sed s/bw//); do \
		echo "RIFFLE_CPU=$$cpu"; RIFFLE_CPU=$$cpu go test -count=1 ./nn ./backbone ./detector || exit 1; done

lint:
	go vet ./...
	go run $(GOLANGCI) run ./...

bench: ## kernels, then whole networks
	go test -run '^$$' -bench . ./nn/...
	for arch in shufflenet_v1_x1.0_g3 shufflenet_v2_x0.5 shufflenet_v2_x1.0; do \
		go run ./cmd/riffle bench --arch $$arch --size 224; done

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
