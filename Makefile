# Needs Go, and for `make test` git and a C compiler (race detector). The go command fetches
# everything else at pinned versions.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

BUF      := go run github.com/bufbuild/buf/cmd/buf@v1.75.0
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# The version comes from the release tag. Without a tag, internal/version has a development version.
VERSION  := $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed 's/^v//')
LDFLAGS  := $(if $(VERSION),-X github.com/caso-project/caso/internal/version.linked=$(VERSION))
PLUGINS  := $(patsubst plugins/%/main.go,%,$(wildcard plugins/*/main.go))

.PHONY: help build demo test unit vet lint portable proto-lint breaking generate generate-check \
	docs docs-check test-engines acceptance engine-faults bench bench-smoke bench-check fuzz clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The host rejects plugins that other users can write, hence the umask. Binaries are installed by
# rename: an executable that is running cannot be overwritten (ETXTBSY).
build: ## Build caso and its plugins into bin/ (the default)
	@umask 022; mkdir -p bin/plugins bin/.new; \
	export CGO_ENABLED=0; \
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/.new/caso ./core/cmd/caso; \
	for plugin in $(PLUGINS); do \
	  go build -trimpath -ldflags '$(LDFLAGS)' -o bin/.new/caso-$$plugin ./plugins/$$plugin; \
	done; \
	mv bin/.new/caso bin/caso; mv bin/.new/caso-* bin/plugins/; rmdir bin/.new; \
	for program in extract projects mapping-migrate; do ln -sfn caso bin/caso-$$program; done

demo: build ## Run caso against a stand-in cloud and print the results
	@go run ./test/demo -bin bin

test: vet lint portable proto-lint breaking generate-check docs-check unit ## Run every check and test

unit: build ## Run the Go tests with the race detector
	@command -v gcc >/dev/null || { \
	  echo "make test needs a C compiler for the race detector: apt-get install gcc libc6-dev" >&2; \
	  exit 1; }
	CGO_ENABLED=1 go test -race -timeout 9m ./...

vet: ## Run go vet
	go vet ./...

lint: ## Run golangci-lint (.golangci.yml) and its gofmt check
	$(GOLANGCI) run ./...

portable: ## Build the SDK for macOS: plugin authors develop there
	GOOS=darwin CGO_ENABLED=0 go build ./proto/... ./sdk/...

proto-lint: ## Lint the .proto files
	$(BUF) lint

# From the first release on, the contract may grow but not change.
breaking: ## Compare the contract with the last release
	@tag=$$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true); \
	if [ -z "$$tag" ]; then echo "buf breaking: no release tag, nothing to compare with"; exit 0; fi; \
	old=$$(mktemp -d); trap 'rm -rf "$$old"' EXIT; \
	git archive "$$tag" proto buf.yaml | tar -x -C "$$old"; \
	echo "buf breaking --against $$tag"; $(BUF) breaking --against "$$old"

generate: ## Generate the Go code of the contract
	$(BUF) generate

# The generated Go is committed, so that a build does not need buf.
generate-check: ## Check that the generated Go matches the .proto files
	@new=$$(mktemp -d); trap 'rm -rf "$$new"' EXIT; $(BUF) generate --output "$$new"; \
	diff -r --exclude='*.proto' proto "$$new/proto" || { \
	  echo "the generated Go differs from proto/: run make generate" >&2; exit 1; }

SAMPLE := env -u CASO_PLUGIN_PATH -u CASO_LOCK_PATH HOME=/nonexistent \
	bin/caso config sample --markdown --config-file /dev/null
docs: build ## Generate docs/configuration-reference.md from the option schemas
	$(SAMPLE) > docs/configuration-reference.md.new
	mv docs/configuration-reference.md.new docs/configuration-reference.md

docs-check: build ## Check that the configuration reference matches the option schemas
	@$(SAMPLE) | diff -u docs/configuration-reference.md - || { \
	  echo "docs/configuration-reference.md differs from the option schemas: run make docs" >&2; exit 1; }

# Every package of core whose tests import test/engines, and the outbox's suite on Galera. Each
# package starts servers of its own.
ENGINES_TIMEOUT ?= 6m
test-engines: ## Run the tests that need MariaDB, Galera and PostgreSQL (installs them)
	@test/engines/install
	@packages=$$({ grep -rl --include='*_test.go' '"github.com/caso-project/caso/test/engines"' core || true; } | \
	  xargs -r dirname | sort -u | sed 's,^,./,'); \
	CASO_ENGINES=1 go test -count=1 -p 2 -timeout $(ENGINES_TIMEOUT) ./test/engines $$packages && \
	CASO_ENGINES=1 go test -count=1 -timeout $(ENGINES_TIMEOUT) -run Suite ./test/sharedoutbox

# CASO_ENGINES_FAULTS=n causes n faults instead of each once. A server that is killed while it
# commits staged records can make a run fail: not part of CI until that is retried.
engine-faults: ## Kill, stop and separate hosts and database servers that share an outbox
	@test/engines/install
	CASO_ENGINES=1 go test -count=1 -v -timeout 3h ./test/sharedoutbox

# Needs root on Debian 12. SEED=n fills the cloud differently, KEEP=1 leaves it running.
acceptance: build ## Compare caso with the databases of a real OpenStack (test/acceptance/README.md)
	@test/acceptance/run

# BENCH='-rounds 9 -only outbox,stream' selects; go run ./bench -help has the flags.
bench: build ## Measure caso against floors and peers; print the table of docs/performance.md (20 minutes)
	@go run ./bench $(BENCH)

bench-smoke: build ## Run every benchmark once, small: do they work
	@go run ./bench -rounds 1 -scale 0.01

# COUNT=n and BENCHTIME=5x measure more than the default of 6 rounds of 3 runs each.
OLD ?= HEAD~1
NEW ?= HEAD
bench-check: ## Compare the benchmarks of the commits OLD and NEW with benchstat
	@bench/check $(OLD) $(NEW)

# An input that fails is stored in testdata/fuzz and run by every later go test.
FUZZTIME ?= 10s
fuzz: ## Run every fuzz target for FUZZTIME each (default 10s)
	@go test -list '^Fuzz' ./... | \
	awk '/^Fuzz/ { names[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package target; do \
	  echo "$$package $$target"; \
	  go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" < /dev/null; \
	done

clean: ## Remove bin/
	rm -rf bin
