# Everything is pure Go: Go and make suffice for build, test, lint and demo.
# Other targets name what else they need.

GO       ?= go
BIN      := bin
FUZZTIME ?= 10s
TARGETS  := linux/amd64 linux/arm64 linux/arm windows/amd64

# The race detector alone turns cgo on. GOARM matters to linux/arm only.
export CGO_ENABLED := 0
export GOARM := 7

.DEFAULT_GOAL := help
.PHONY: help build test race sim vet lint check cross demo crash bench fuzz weigh e2e e2e-session e2e-upgrade e2e-vm axe axe-all screens speech packages packages-check e2e-packages e2e-vm-packages

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  \1\t/' | expand -t 14

build: ## build clinicgate and clinicgate-demo into bin/
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags "-s -w" -o $(BIN)/ ./cmd/...

test: ## all tests: hermetic, loopback only, no root, under 5 minutes on two cores
	$(GO) test -timeout 40m ./...

race: ## all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 SIM_SEEDS=2 $(GO) test -race -timeout 40m ./...

SEEDS ?= 1000

sim: ## the simulation of several kiosks over SEEDS (1000) seeds, then whole days of a clinic with their figures
	$(GO) test -count=1 -timeout 120m -run Simulation ./gateway/simulation -seeds $(SEEDS)
	$(GO) test -count=1 -timeout 60m -v -run DayInTheClinic ./gateway/simulation -seeds $(SEEDS)

vet: ## go vet for this machine
	$(GO) vet ./...

lint: ## gofmt, and go vet for each of the four targets
	@files=$$(gofmt -l $$(find . -name '*.go' -not -path './.*' -not -path './node_modules/*')); \
		if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi
	@for t in $(TARGETS); do echo "vet $$t"; GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) vet ./... || exit 1; done

cross: ## build for each of the four targets
	@for t in $(TARGETS); do echo "build $$t"; GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./... || exit 1; done

WEIGHT := 20000000

weigh: ## build the program as it ships for each of the four targets, and fail where one weighs over 20 MB
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && over= && \
	for t in $(TARGETS); do \
		GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -trimpath -ldflags "-s -w" -o "$$dir/clinicgate" ./cmd/clinicgate || exit 1; \
		size=$$(wc -c < "$$dir/clinicgate"); echo "$$t $$size"; \
		[ "$$size" -le $(WEIGHT) ] || over="$$over $$t"; \
	done; \
	[ -z "$$over" ] || { echo "over $(WEIGHT) bytes:$$over. What is in it: go build -o X ./cmd/clinicgate && go tool nm -size -sort size X"; exit 1; }

check: lint cross test race sim ## what a change must pass

demo: build ## build and run the demo clinic on loopback, until Ctrl-C (options: DEMO="--auto 6")
	$(BIN)/clinicgate-demo $(DEMO)

crash: ## kill points, injected faults and power cuts against the store (needs strace; CRASH=small: a part of it, CRASH=large: twice; CRASH_PHASES=a,b: only these)
	$(GO) test -count=1 -timeout 120m -tags crash -run '$(or $(CRASH_RUN),Crash)' -v ./storage/crashtest

bench: build ## speed against the raw limit of this machine, in one run (needs root, strace and Chromium; BENCH=a,b: only these parts)
	$(GO) test -count=1 -timeout 60m -tags bench -run Bench -v ./gateway/bench

fuzz: ## every fuzz target for FUZZTIME (10s) each
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; \
		done; \
	done

e2e: build ## the check-in in a real browser and with the JavaScript SDK, the service under a real systemd, cards with pcscd, MQTT with Mosquitto (needs root, systemd-container, mmdebstrap, Chromium, weston, Node, npm, pcscd, vsmartcard-vpcd, mosquitto, mosquitto-clients, squid-openssl and e2fsprogs)
	$(GO) test -count=1 -timeout 55m -tags e2e -run 'E2E|JavaScriptSDK' ./kiosk/web ./... # the longest first

e2e-session: ## the page on the kiosk's screen: browser, page, service, token and the whole machine go away 110 times in all (needs root, Chromium, weston, systemd-container and mmdebstrap)
	$(GO) test -count=1 -timeout 90m -tags e2e -run '^TestE2ESession' -v ./gateway/session -times 10 -bound 15s

e2e-upgrade: ## a good upgrade, seven broken builds, power cuts and a change of the store's format under a real systemd, with the seconds without the page (needs root, systemd-container, mmdebstrap; CLINICGATE_RELEASES=folder: keep the builds there)
	$(GO) test -count=1 -timeout 60m -tags e2e -run '^TestUpgrade$$' -v ./packaging

e2e-vm: ## GPIO and grabbed keyboards in a virtual machine with simulated hardware (amd64 Debian 12; needs qemu-system-x86, gcc, make, xz-utils, libelf1, and 226 MB from Debian once)
	$(GO) test -count=1 -timeout 30m -tags vm -run '^TestMachine$$' -v ./devices/vm

e2e-vm-packages: ## the deb in virtual machines: scanners, power cuts in check-ins and in upgrades (CUTS of them in check-ins, else 10), a kiosk that replaces another (root on amd64 Debian 12; needs what e2e-vm does, mmdebstrap and e2fsprogs)
	$(GO) test -count=1 -timeout 120m -tags vm -run '^(TestPowerCuts|TestTwoMachines)$$' -v ./packaging -cuts $(or $(CUTS),10)

AXE_CORE := axe-core@4.14.1
AXE_TESTS = dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$$dir" $(AXE_CORE) && \
	AXE="$$dir/node_modules/axe-core/axe.min.js" $(GO) test -count=1 -timeout 120m -parallel 2 -tags 'e2e axe' -run Axe -v ./kiosk/web/...

axe: ## axe-core over page, board and desk: nothing found, nothing undecided; screens, languages, panels and dialogs in pairs (needs Chromium and npm)
	@$(AXE_TESTS)

axe-all: ## the same for every combination
	@export AXE_ALL=1; $(AXE_TESTS)

SCREENS ?= screens

screens: ## pictures of every screen of page, board and desk, on three panels, in SCREENS (screens/) (needs Chromium)
	@mkdir -p $(SCREENS)
	CLINICGATE_SCREENSHOTS=$(abspath $(SCREENS)) $(GO) test -count=1 -timeout 60m -tags e2e -run '^TestScreens' ./kiosk/web/...

speech: ## recorded speech of every language in dist/speech (needs espeak-ng; CONFIG=file: with the clinic's own words and forms)
	$(GO) run ./packaging/speech -out dist/speech $(if $(CONFIG),-config $(CONFIG))

packages: ## deb, rpm, msi, tar.gz, zip, SBOM and sums in dist/ (needs git, wixl and msitools; VERSION=1.4.0: of another version; see packaging/build)
	$(GO) run ./packaging/build -out dist $(if $(VERSION),-version $(VERSION))

packages-check: ## make packages in two other folders: the same bytes?
	$(GO) test -count=1 -timeout 20m -tags e2e -run '^TestReproducible$$' -v ./packaging/build

e2e-packages: ## install, upgrade, kill and remove the packages: deb in a container, rpm, ARM under qemu-user, MSI under Wine (root on Debian 12; needs systemd-container, mmdebstrap, rpm, qemu-user-static, wixl, msitools, wine, gcc-mingw-w64-x86-64-win32)
	$(GO) test -count=1 -timeout 60m -tags e2e -v ./packaging
