# tracecar. `make help` lists what there is; anything longer than three lines lives in .ci/.

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.linkedVersion=$(VERSION)

export GO

.DEFAULT_GOAL := help
.PHONY: help run build test check lint race real e2e bench fuzz install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, build, trace the live kernel and show the result
	@sh .ci/make-run.sh

# One program in two files: the commands that serve need libraries that take longer to initialise than a
# one-shot run may, so bin/tracecar is built without them and hands over to bin/tracecar-server beside it.
# grpcnotrace leaves out pages for debugging that nothing here serves, and with them html/template.
build: ## build bin/tracecar and bin/tracecar-server
	CGO_ENABLED=0 $(GO) build -trimpath -tags light -ldflags '$(LDFLAGS)' -o bin/tracecar ./cmd/tracecar
	CGO_ENABLED=0 $(GO) build -trimpath -tags grpcnotrace -ldflags '$(LDFLAGS)' -o bin/tracecar-server ./cmd/tracecar

test: ## all tests; what this machine cannot run is skipped, counted and named
	@sh .ci/test.sh

check: lint race ## what a change must pass: lint, then the tests under the race detector

lint: ## gofmt, go vet, golangci-lint, import rules, file length, go.mod, shell scripts
	@sh .ci/lint.sh

race: ## all tests under the race detector
	@sh .ci/test.sh -race

real: ## all tests on bpftrace 0.17, 0.23 and 0.27; an unexpected skip fails
	@sh .ci/real.sh

e2e: ## real bpftrace to a real collector to Prometheus's engine; builds both the first time
	@sh .ci/e2e.sh

bench: ## benchmarks, and the measured ratios the README quotes
	@sh .ci/bench.sh

fuzz: ## every fuzz function for FUZZTIME (default 10s)
	@sh .ci/fuzz.sh

install: build ## copy both to $(DESTDIR)$(PREFIX)/bin
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin bin/tracecar bin/tracecar-server

clean: ## remove what was built; downloads in .cache stay
	rm -rf bin
