# caso: make demo and make test are all a newcomer needs. Everything but Go (and, for test, gcc
# because of -race) is fetched, pinned, by go itself.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

BUF      := go run github.com/bufbuild/buf/cmd/buf@v1.75.0
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# The version comes from the release tag. Without a tag internal/version has a development version.
VERSION  := $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed 's/^v//')
LDFLAGS  := $(if $(VERSION),-X github.com/caso-project/caso/internal/version.linked=$(VERSION))
PLUGINS  := $(patsubst plugins/%/main.go,%,$(wildcard plugins/*/main.go))

.PHONY: build demo test unit vet lint proto-lint breaking generate generate-check docs docs-check acceptance fuzz clean

# The host refuses plugins that others can write, hence the umask. Binaries are put in place by rename:
# one that is running cannot be written over.
build:
	@umask 022; mkdir -p bin/plugins bin/.new; \
	export CGO_ENABLED=0; \
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/.new/caso ./core/cmd/caso; \
	for plugin in $(PLUGINS); do go build -trimpath -ldflags '$(LDFLAGS)' -o bin/.new/caso-$$plugin ./plugins/$$plugin; done; \
	mv bin/.new/caso bin/caso; mv bin/.new/caso-* bin/plugins/; rmdir bin/.new; \
	ln -sfn caso bin/caso-extract

demo: build
	@go run ./test/demo -bin bin

test: vet lint proto-lint breaking generate-check docs-check unit

unit: build
	@command -v gcc >/dev/null || { echo "make test needs a C compiler for the race detector: apt-get install gcc libc6-dev" >&2; exit 1; }
	CGO_ENABLED=1 go test -race -timeout 9m ./...

vet:
	go vet ./...

lint:
	$(GOLANGCI) run ./...

proto-lint:
	$(BUF) lint

# The contract may grow, not change: against the last commit, and the one before it so that a commit
# that was already made is judged too.
breaking:
	@for rev in HEAD HEAD~1; do \
	  git cat-file -e $$rev:proto 2>/dev/null || continue; \
	  old=$$(mktemp -d); git archive $$rev proto buf.yaml | tar -x -C $$old; \
	  echo "buf breaking --against $$rev"; $(BUF) breaking --against $$old; rm -rf $$old; \
	done

generate:
	$(BUF) generate

# Generated Go is committed so that nobody needs buf to build; it must be what the .proto files say.
generate-check:
	@new=$$(mktemp -d); $(BUF) generate --output $$new; \
	diff -r --exclude='*.proto' proto $$new/proto || { echo "the generated Go is not what proto/ says: run make generate" >&2; exit 1; }; \
	rm -rf $$new

# The reference of all options comes from the plugins' own schemas.
SAMPLE := env -u CASO_PLUGIN_PATH -u CASO_LOCK_PATH HOME=/nonexistent bin/caso config sample --markdown --config-file /dev/null
docs: build
	$(SAMPLE) > docs/configuration-reference.md.new
	mv docs/configuration-reference.md.new docs/configuration-reference.md

docs-check: build
	@$(SAMPLE) | diff -u docs/configuration-reference.md - || { echo "docs/configuration-reference.md is not what the plugins declare: run make docs" >&2; exit 1; }

# On a bare Debian 12, as root: a real OpenStack on the loopback, caso against it, every record against the databases.
# SEED=n fills it otherwise; KEEP=1 leaves it running for the next time. See test/acceptance/README.md.
acceptance: build
	@test/acceptance/run

# Every fuzz target of the module, each for FUZZTIME. What breaks one is kept in its testdata/fuzz, and tried again by
# every go test from then on.
FUZZTIME ?= 10s
fuzz:
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ { names[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package target; do \
	  echo "$$package $$target"; \
	  go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" < /dev/null; \
	done

clean:
	rm -rf bin
