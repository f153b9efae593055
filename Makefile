# Everything here needs Go and nothing else; what a target uses besides is fetched by Go.

GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
# A number of executions, and not a time: until Go 1.27 a time that runs out may be
# reported as a failure, "context deadline exceeded" (golang/go#75804).
FUZZTIME = 20000x

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1@\2/' | while IFS=@ read -r target text; do printf '  %-12s %s\n' "$$target" "$$text"; done

.PHONY: build
build: ## build bin/tokenwarden
	go build -trimpath -o bin/tokenwarden ./cmd/tokenwarden

.PHONY: demo
demo: ## audit and rotate in a simulated dbt Cloud account
	@go run ./cmd/tokenwarden demo

.PHONY: test
# Without vet, which CI runs by itself: from an empty cache it takes half a minute of the tests' three.
test: ## run the tests
	go test -vet=off ./...

.PHONY: race
race: ## run the tests with the race detector, which needs a C compiler
	go test -race -timeout 30m -skip '^TestMatrix$$' ./...

.PHONY: lint
# A cache of this checkout's own: the common one keeps other checkouts' paths, and what it
# cannot read there loses its //nolint.
lint: export GOLANGCI_LINT_CACHE = $(CURDIR)/bin/lint-cache
lint: ## run golangci-lint
	go run $(GOLANGCI_LINT) run

.PHONY: fuzz-smoke
fuzz-smoke: ## run each fuzz target for FUZZTIME (20000x: so many times)
	@for file in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
		for name in $$(grep -oE '^func Fuzz[A-Za-z0-9_]*' $$file | cut -c6-); do \
			echo "$$name in $$(dirname $$file)"; \
			go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
		done; \
	done

PAIRS = 2000
SEED ?= 1

.PHONY: matrix
matrix: ## play all cells with real stores and PAIRS (2000) pairs of faults from SEED (1), and kill, stop, freeze and race real processes
	MATRIX_PAIRS=$(PAIRS) MATRIX_SEED=$(SEED) go test -count=1 -v -tags matrix -timeout 30m -run '^TestMatrix(Stores|Pairs|Processes|Rivals)$$' ./rotate | \
		awk '/^ *--- PASS|^=== / {next} {print} /^ok/ {passed = 1} END {exit !passed}'

.PHONY: mutants
mutants: ## take the guards of a rotation away one at a time: a named test has to fail each time
	@.ci/mutants

.PHONY: docs
docs: ## write the documents that are made from the code
	UPDATE_DOCS=1 go test -count=1 -run Current ./audit/report ./cmd/tokenwarden ./internal/canary
	UPDATE_DOCS=1 go test -count=1 -run '^Test(Matrix|Requests)$$' ./rotate

.PHONY: test-vault
test-vault: ## run the store's suite against a real Vault server (a large download the first time)
	cd secrets/vaultkv/realvault && go test -mod=mod ./...

.PHONY: test-examples
test-examples: ## hold the examples against systemd, Kubernetes, GitHub Actions and BuildKit (a download the first time)
	cd examples/verify && go test -count=1 -v ./...
