# Every target does its own set-up. Go, git and make are enough.
.DEFAULT_GOAL := help
.PHONY: help build test demo faults bench lint generate golden cluster install uninstall cluster-delete clean

comma := ,
# GOPROXY lists that end in "direct" fall back to cloning repositories; where that cannot work, a build hangs.
export GOPROXY := $(patsubst %$(comma)direct,%,$(shell go env GOPROXY))
CHART := charts/kyma-cloudwatch

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: bin/kcw bin/chartkit bin/otelcol ## Build kcw, chartkit and the collector into bin/

.PHONY: bin/kcw bin/chartkit bin/otelcol
bin/kcw bin/chartkit:
	@mkdir -p bin
	go build -o $@ ./tools/cmd/$(@F)

# The collector stands in the user's cache folder, keyed by its sources; bin/ points to it.
bin/otelcol: bin/kcw
	@rm -f $@
	@collector=$$(bin/kcw collector) && ln -s "$$collector" $@

test: lint ## Run every hermetic test: no cluster, no AWS account
	go test -timeout 30m ./...
	cd ci/kind/node/kindnetd && go test ./...

demo: build ## Preview what the quickstart example brings to AWS, on recorded telemetry
	@mkdir -p out
	bin/kcw preview -f examples/quickstart/values.yaml --html out/preview.html

faults: ## Measure what is lost under every fault (an hour; --help: go run ./test/faults/cmd/faults --help)
	go run ./test/faults/cmd/faults $(FAULTS)

bench: ## Measure what the chart's configurations cost beside those of guides (needs Linux; --help: go run ./test/bench/cmd/bench --help)
	go run ./test/bench/cmd/bench $(BENCH)

lint: bin/chartkit ## Check formatting, vet, staticcheck, and that generated files are fresh
	@unformatted=$$(gofmt -l charts ci examples test tools 2>/dev/null); \
	  if [ -n "$$unformatted" ]; then echo "Not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	cd tools/collector && CGO_ENABLED=0 go vet -trimpath ./... # as the collector is built: its packages are compiled once
	cd ci/kind/node/kindnetd && go vet ./...
	go tool staticcheck ./...
	bin/chartkit schema --check $(CHART)
	bin/chartkit docs --check $(CHART)

generate: bin/chartkit ## Write values.schema.json and the chart's README anew
	bin/chartkit schema $(CHART)
	bin/chartkit docs $(CHART)

golden: ## Write the examples' rendered objects anew
	go test ./test/render -run TestExamples -update

# NODE_IMAGE names another image for the nodes, EXAMPLE another folder of examples to install.
EXAMPLE := quickstart
cluster: bin/kind ## Make a kind cluster to play with, from nothing, and AWS beside it
	bin/kind create $(if $(NODE_IMAGE),--node-image $(NODE_IMAGE))

install: bin/kind ## Install the chart in the cluster (EXAMPLE=quickstart), or upgrade it
	bin/kind install --values examples/$(EXAMPLE)/values.yaml

uninstall: bin/kind ## Uninstall the chart from the cluster
	bin/kind uninstall

cluster-delete: bin/kind ## Remove the cluster, and what it has changed on this machine
	bin/kind delete

.PHONY: bin/kind
bin/kind:
	@mkdir -p bin
	go build -o $@ ./ci/kind

clean: ## Remove what was built here (caches stay)
	rm -rf bin out
