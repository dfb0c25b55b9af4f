# `make help` lists the targets. `.ci/run` calls the same ones.
# Everything is built with the toolchain that go.mod names: its patches count.
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOSEC       := github.com/securego/gosec/v2/cmd/gosec@v2.30.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
SECONDS     ?= 10
ARGS        ?= http --help

.DEFAULT_GOAL := help
.PHONY: help run build fmt fmt-check tidy-check vet test staticcheck lint gosec vulncheck check race long fuzz golden bench ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

run: ## serve the demo on http://127.0.0.1:8080, data in ./data
	go run ./cmd/zhiping serve --demo

build: ## build ./zhiping
	go build -trimpath -o zhiping ./cmd/zhiping

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

fmt-check: ## fail on a Go file that is not formatted
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; }

tidy-check: ## fail on a go.mod that is not tidy, the test modules' too
	@for m in $$(git ls-files '*go.mod'); do (cd "$$(dirname "$$m")" && go mod tidy -diff) || exit 1; done

vet: ## go vet
	go vet ./...

test: ## all short tests
	go test ./...

staticcheck: ## staticcheck, all its checks
	go run $(STATICCHECK) ./...

lint: ## golangci-lint with the rules in .golangci.yml
	go run $(GOLANGCI) run ./...

gosec: ## gosec; an exception is a #nosec beside the code, with rule and reason
	go run $(GOSEC) -quiet ./...

vulncheck: ## known vulnerabilities, with today's database
	.ci/vulncheck $(GOVULNCHECK)

check: fmt-check vet staticcheck lint ## what is worth running before each commit, besides the tests

race: ## the packages that every request passes, under the race detector
	.ci/long race

long: ## all long suites
	.ci/long

fuzz: ## each fuzz test for SECONDS (10)
	.ci/fuzz $(SECONDS)

golden: ## write new golden files of events and types, and the OpenAPI document; look at the difference before committing it
	go test ./commands -golden
	go test ./http -run GoldenOne -golden
	ZHIPING_RELEASE=1 go test ./domain/catalog

bench: ## one benchmark of the program: make bench ARGS="http --help"
	go run ./cmd/zhiping bench $(ARGS)

ci: ## everything, as before a change lands
	.ci/run
