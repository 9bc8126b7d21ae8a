# make run    installs what the program needs, builds it and starts it
# make test   installs what the tests need and runs all of them
# Other targets: build, cli, check, notices, unit, race, fuzz, soak, e2e, bench, bench-speech, bench-serve, bench-quantize, bench-gpu, clean.

GO     ?= go
PYTHON ?= python3
FUZZTIME ?= 10s

.PHONY: run test build cli clients check tools notices unit race fuzz soak e2e bench bench-speech bench-serve bench-quantize bench-gpu clean packages test-packages go models test-models

run: build models
	./build/soberano

build: packages
	@mkdir -p build
	@test -e build/soberano || echo "compiling; the first time takes some minutes"
	$(GO) build -o build/soberano ./app

cli: go
	@mkdir -p build
	CGO_ENABLED=0 $(GO) build -o build/soberano-cli ./app/cli/soberano-cli

# Fetches the included models, or those named by MODEL, into the user's cache and copies them into the library, unless they
# exist. Without a network the program starts without them and tells the user what to do.
models: build
	@./build/soberano models included --check $(MODEL) 2>/dev/null || { $(PYTHON) models/defaults/fetch.py $(MODEL) >/dev/null; ./build/soberano models included $(MODEL); } \
		|| echo "Not all models could be fetched; the program opens without those." >&2

packages: go
	@sh app/setup/packages.sh

test-packages: go
	@sh app/setup/packages.sh test

# Installs the Python packages with which a test uses the local API.
clients: test-packages
	@PYTHON=$(PYTHON) sh app/setup/clients.sh >/dev/null

go:
	@command -v $(GO) >/dev/null || { echo "Go 1.26 or later is needed (https://go.dev/dl); $(GO) was not found." >&2; exit 1; }

test-models: test-packages
	@$(PYTHON) models/defaults/fetch.py --test >/dev/null

test: check unit race fuzz e2e

check: test-packages tools
	@test -z "$$(gofmt -l app asr engine kernels models assets *.go)" || { echo "not gofmt'ed:"; gofmt -l app asr engine kernels models assets *.go; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) run ./app/setup/notices -check
	build/tools/golangci-lint run
	@sh app/setup/vulnerabilities.sh build/tools/govulncheck

# Builds the linters and govulncheck. Their versions are pinned in a separate module.
tools: go
	@test -e build/tools/golangci-lint || echo "compiling the linters; the first time takes some minutes"
	$(GO) build -C app/setup/tools -o $(CURDIR)/build/tools/ tool

# Writes the licences of all linked code and the bill of materials: assets/notices.txt, assets/bom.cdx.json.
notices: test-packages
	$(GO) run ./app/setup/notices

# With these variables, tests fail instead of being skipped if a model or a desktop program is missing. SOBERANO_HOME
# is unset so that no test uses the library that it names.
unit e2e: export SOBERANO_REQUIRE_MODELS = 1
unit e2e: export SOBERANO_REQUIRE_DESKTOP = 1

unit: test-models
	env -u SOBERANO_HOME $(GO) test -p 1 -timeout 20m $$($(GO) list ./... | grep -v /app/e2e)

# The short tests of what has goroutines, under the race detector, which makes them some ten times
# slower: they draw no pictures, and an empty cache keeps the real models out.
RACE = ./app/... ./asr ./asr/mic ./engine ./engine/batch ./engine/serve ./engine/state ./models ./models/registry
race: test-packages
	env -u SOBERANO_HOME XDG_CACHE_HOME=$(CURDIR)/build/no-models GOCACHE=$$($(GO) env GOCACHE) \
		$(GO) test -race -short -p 1 -timeout 15m $$($(GO) list $(RACE) | grep -v /app/e2e)
	$(GO) test -race -short -run Pool ./kernels/cpu

# Many requests, and clients that misbehave, for TIME each; then nothing may be left of them.
soak: export SOBERANO_SOAK = $(or $(TIME),10m)
soak: test-packages
	$(GO) test ./engine/serve ./engine -run 'TestAbuse|TestManyRequests/llama' -count=1 -v -timeout 0

fuzz: test-packages
	@sh app/setup/fuzz.sh $(FUZZTIME)

e2e: test-models build cli clients
	env -u SOBERANO_HOME $(GO) test -count=1 -timeout 20m -v ./app/e2e

# Compares the speed with other programs (app/setup/bench.py --help): make bench BENCH="--only start --rounds 3"
bench: cli test-models
	@sh app/setup/peers.sh >/dev/null
	$(PYTHON) app/setup/bench.py $(BENCH)

# Compares transcription with whisper.cpp and faster-whisper (app/setup/bench_speech.py --help).
bench-speech: cli test-models
	@sh app/setup/peers.sh >/dev/null
	$(PYTHON) app/setup/bench_speech.py $(BENCH)

# Measures the HTTP server with several clients at once beside llama.cpp's (app/setup/bench_serve.py --help).
bench-serve: cli test-models
	@PEER_SERVER=1 sh app/setup/peers.sh >/dev/null
	$(PYTHON) app/setup/bench_serve.py $(BENCH)

# Compares our quantizer with llama.cpp's (app/setup/benchquantize): make bench-quantize TEXT=FILE MODELS="A.gguf B.gguf" BENCH="-types Q4_K_M -imatrix"
bench-quantize: cli
	@sh app/setup/peers.sh >/dev/null
	CGO_ENABLED=0 $(GO) build -o build/benchquantize ./app/setup/benchquantize
	build/benchquantize -soberano build/soberano-cli -peer $${XDG_CACHE_HOME:-$$HOME/.cache}/soberano/peers/llama/llama-quantize -text $(TEXT) $(BENCH) $(MODELS)

# Runs the tests of devices on a GPU and measures it (app/setup/benchgpu): make bench-gpu BENCH="-number 0 -shapes 3B". BENCH=-count only counts commands
# and bytes, which needs no driver. build/gpu has all that it runs, for a machine without a compiler:
# sh build/gpu/bench_gpu.sh build/gpu.
bench-gpu: packages
	@mkdir -p build/gpu/lib
	$(GO) build -o build/gpu/benchgpu ./app/setup/benchgpu
	$(GO) test -c -o build/gpu/gl.test ./kernels/gl
	@ldd build/gpu/benchgpu | awk '/lib(EGL|GL|X|xcb|bsd|md)/ { print $$3 }' | xargs -r cp -L -t build/gpu/lib
	@cp app/setup/bench_gpu.sh build/gpu
	@sh build/gpu/bench_gpu.sh build/gpu $(BENCH)

clean:
	rm -rf build
