# Everything a newcomer needs is "make demo" and "make test"; both install what they need (as root, on Debian).
GO         ?= go
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS    := -s -w -X main.version=$(VERSION)
STATIC     := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
ARCHES     := amd64 386 arm arm64 ppc64le ppc64
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build build-all demo test quick check simulate planted test-vm matrix soak bench clean tools

build: ## the static binary, ./locum
	$(STATIC) -o locum .

build-all: ## all six architectures, below build/
	@set -e; for a in $(ARCHES); do echo "build/locum-linux-$$a"; GOOS=linux GOARCH=$$a $(STATIC) -o build/locum-linux-$$a .; done

demo: build ## a cut cable, a death and a split, on this machine, in namespaces of its own
	./locum demo

tools: ## what the tests need beside Go
	./lab/tools.sh

test: tools build ## every test; those that need root or a tool say why they skip
	$(GO) test -count=1 -timeout 20m ./... # a result that Go has kept may be that of an older binary, which the lab runs as a program

quick: build ## the tests that a person runs all day, in under three minutes: all but what takes long
	$(GO) test -short ./...

test-vm: ## whole machines: a watchdog that resets, UARTs, a kernel of their own (QEMU, some minutes)
	./lab/machine/build.sh
	$(GO) test ./lab/machine -count=1 -timeout 40m -machines -v

matrix: build ## the whole split matrix: who reaches the disk, what the switch does, how the active node is (as root, a quarter of an hour)
	$(GO) test ./lab -count=1 -timeout 1h -run TestTheSplitMatrix -matrix -v

SOAK ?= 1m

soak: build ## shortest windows under loads that starve and evict: make soak SOAK=10m (as root)
	$(GO) run ./lab/soak --binary ./locum --cell $(SOAK)

check: ## format, vet, staticcheck, architecture
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w): $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -count=1 -run 'TestEachPackageImportsOnlyItsNeighbours|TestWhatDecidesIsPure' .

SEEDS ?= 2000
DISKS ?= false
SEED  ?= $(shell date +%s)000000

simulate: ## random disasters: make simulate SEEDS=2000 SEED=1; DISKS=true only those with quorum disks
	@echo "seeds $(SEED) and the $(SEEDS) from it on"
	$(GO) test ./simulate -count=1 -timeout 24h -run TestRandomDisasters -seed $(SEED) -seeds $(SEEDS) -disks=$(DISKS)

planted: ## put each fault of simulate/planted_table_test.go into the code and see it caught (a quarter of an hour)
	$(GO) test ./simulate -count=1 -timeout 2h -run TestPlantedFaults -plant . -v
	$(GO) test ./quorumdisk -count=1 -timeout 1h -run TestPlantedMistakes -plant . -v

bench: build ## figures: see docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) run ./lab/bench --binary ./locum

clean:
	rm -rf locum build
