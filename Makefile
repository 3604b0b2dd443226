# bot-bottle: everything is built, tested and installed from here; see "make help".

VERSION   = 0.1.0
PREFIX    = /usr/local
SAN       =
DEV      ?=
V         =
O         = build$(if $(filter clang,$(CC)),-clang)$(if $(SAN),-san)

# program             packages it links beside libc (pkg-config names)
NEEDS_parse         = jansson yaml-0.1 libpcre2-8 libpsl
NEEDS_plan          = jansson libcrypto
NEEDS_json          = jansson
NEEDS_prove         = jansson
NEEDS_launch-native = jansson libseccomp libcrypto libarchive
NEEDS_sidecar       = jansson libcrypto
NEEDS_egress        = jansson yaml-0.1 libpcre2-8 libpsl libssl libcrypto libcares libseccomp zlib libbrotlidec \
                      libzstd libutf8proc
NEEDS_scan          = jansson yaml-0.1 libpcre2-8 libseccomp libgit2 zlib libbrotlidec libzstd libcrypto
NEEDS_gitgate       = jansson yaml-0.1 libpcre2-8 libgit2 zlib libbrotlidec libzstd libseccomp libcrypto
NEEDS_supervise     = jansson yaml-0.1 libpcre2-8 libpsl libcrypto libseccomp
NEEDS_approve       = jansson yaml-0.1 libpcre2-8 libpsl libcrypto ncursesw
NEEDS_audit         = jansson libcrypto
NEEDS_commit        = jansson libcrypto libarchive libseccomp libcurl yaml-0.1 libpcre2-8
NEEDS_deploy-key    = jansson libcurl libcrypto
NEEDS_launch-docker = jansson libcurl libcrypto libarchive
NEEDS_inside        = jansson libseccomp

# lib/rules measures entropy with log2.
LIBS_gitgate        = -lm

# These run in any root file system: they bring all of their code.
PIE_prove           = -static-pie
PIE_inside          = -static-pie

# What a program shares with a launcher.
WITH_commit         = cmd/launch-docker/container.c
WITH_inside         = $(addprefix cmd/launch-native/,agent.c filter.c feature.c)
WITH_launch-docker  = $(addprefix cmd/launch-native/,plan.c probe.c certificates.c terminal.c screen.c \
                      timing.c active.c record.c deploykeys.c)

NAMES    := $(sort $(basename $(notdir $(wildcard cmd/*.c))) $(notdir $(patsubst %/,%,$(wildcard cmd/*/))))
PROGRAMS := $(NAMES:%=$(O)/bin/bb-%)
FRONTS   := $(patsubst sh/%,$(O)/libexec/bot-bottle/%,\
              $(filter-out sh/bb sh/deps.sh sh/man sh/completion,$(wildcard sh/*)))
DATA     := $(wildcard providers rules sidecar examples)
MANUALS  := $(wildcard cmd/*.[1-8] cmd/*/*.[1-8] sh/man/*.[1-8])
PACKAGES := $(sort $(NEEDS_parse) $(NEEDS_egress) $(foreach n,$(NAMES),$(NEEDS_$(n))))
TEST_PACKAGES := $(PACKAGES) libbrotlienc

# Debian packages: to build, to run, and what only the tests and the checks want.
DEPS_BUILD = gcc make pkg-config libc6-dev libjansson-dev libyaml-dev libpcre2-dev libpsl-dev libssl-dev \
             libc-ares-dev libseccomp-dev zlib1g-dev libbrotli-dev libzstd-dev libgit2-dev libarchive-dev \
             libncurses-dev libutf8proc-dev libcurl4-openssl-dev
DEPS_RUN   = jq git openssh-client ca-certificates util-linux mawk man-db
DEPS_TEST  = perl gzip zstd curl wget openssl python3 python3-yaml python3-requests python3-jsonschema python3-grpcio \
             python3-websocket python3-pip nodejs npm apt procps iproute2 util-linux bsdextrautils busybox-static \
             strace systemd openssh-server nginx-light fcgiwrap git-lfs tmux patch
DEPS_LINT  = shellcheck cppcheck mandoc clang libclang-rt-dev llvm
DEPS_KERNEL = qemu-system-x86 busybox-static cpio kmod e2fsprogs apt
DEPS_DOCKER = docker.io mmdebstrap iptables iproute2 util-linux
DEPS_BENCH = mitmproxy squid-openssl bubblewrap libvectorscan5 ripgrep

# One line for each thing that is made; V=1 shows the commands instead.
MAKEFLAGS += --no-print-directory
silent  := $(findstring s,$(firstword -$(MAKEFLAGS)))
say      = $(if $(V),,@$(if $(silent),,printf '  %-4s %s\n' $(1) $(@:$(O)/%=%) && ))
Q        = $(if $(V),,@)
# A sub-make uses all processors, unless -j was given.
submake  = +$(Q)$(MAKE) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))

WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wconversion \
           -Wpointer-arith -Wwrite-strings -Wundef
HARDEN   = -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE \
           $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS   = -O2 -g
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(if $(DEV),-Werror) $(HARDEN) $(if $(SAN),$(SANFLAGS) -DBB_SANITIZED=1) \
           -ffunction-sections -fdata-sections -D_GNU_SOURCE -DBB_VERSION='"$(VERSION)"' \
             -iquote lib -iquote . $(PKG_CFLAGS)
ALL_LDFLAGS = -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,--as-needed $(if $(SAN),$(SANFLAGS)) $(LDFLAGS)
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
# The libraries of one program: $(call libs,NAME)
libs     = $(if $(NEEDS_$(1)),$(shell pkg-config --libs $(NEEDS_$(1)))) $(LIBS_$(1)) -lm

LIB_OBJS  := $(patsubst %.c,$(O)/obj/%.o,$(wildcard lib/*.c))
UNIT_TESTS := $(patsubst t/%.c,$(O)/t/%.t,$(wildcard t/*.c))
BENCHES   := $(sort $(basename $(notdir $(wildcard bench/*.c))) \
                $(notdir $(patsubst %/,%,$(dir $(wildcard bench/*/*.c)))))
HELPERS   := $(patsubst t/lib/%.c,$(O)/t/lib/%,$(wildcard t/lib/*.c)) $(BENCHES:%=$(O)/bench/%)
FUZZERS   := $(patsubst t/fuzz/%.c,$(O)/fuzz/%,$(wildcard t/fuzz/*.c))

.PHONY: coverage coverage-programs test-unit all deps deps-test deps-lint deps-bench deps-kernel deps-docker \
        list-deps-build sidecar-programs demo test test-agents test-docker test-kernel lint fuzz bench bench-docker \
        install clean help helpers tests
.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:

all: $(PROGRAMS) $(O)/bin/bb $(FRONTS) $(O)/share/bot-bottle $(O)/share/man ## build everything (the default)

# --- building ---

$(O)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/libbb.a: $(LIB_OBJS)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

sources = $(wildcard cmd/$(1).c cmd/$(1)/*.c) $(WITH_$(1))
objects = $(patsubst %.c,$(O)/obj/%.o,$(call sources,$(1)))

$(O)/bin/bb-%: $$(call objects,%) $(O)/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(or $(PIE_$*),-pie) $(ALL_LDFLAGS) -o $@ $^ $(call libs,$*)

# AddressSanitizer has no static run time; UBSan can do without one.
ifneq ($(SAN),)
.PHONY: FORCE
$(O)/bin/bb-prove $(O)/bin/bb-inside: FORCE
	@mkdir -p $(@D)
	$(Q)$(MAKE) SAN= O=$(O)/static \
		CFLAGS="$(CFLAGS) -fsanitize=undefined -fsanitize-undefined-trap-on-error" $(O)/static/bin/$(@F)
	cmp -s $(O)/static/bin/$(@F) $@ || cp $(O)/static/bin/$(@F) $@
endif

$(O)/bin/bb: sh/bb
	@mkdir -p $(@D)
	$(call say,GEN)sed 's/@VERSION@/$(VERSION)/' $< >$@.tmp && \
		chmod 755 $@.tmp && mv $@.tmp $@

$(O)/libexec/bot-bottle/%: sh/%
	@mkdir -p $(@D)
	$(call say,GEN)sed 's/@VERSION@/$(VERSION)/' $< >$@.tmp && \
		chmod $(if $(filter bb-%,$(@F)),755,644) $@.tmp && mv $@.tmp $@

$(O)/share/bot-bottle: $(DATA)
	@mkdir -p $@
	@for d in $(DATA); do ln -sfn "$(CURDIR)/$$d" "$@/$$d"; done
	@ln -sfn "$(CURDIR)" "$@/source"
	@touch $@

# The manual, where "bb help" looks for it relative to itself.
$(O)/share/man: $(MANUALS)
	@for m in $(MANUALS); do d="$@/man$${m##*.}"; mkdir -p "$$d" && ln -sf "$(CURDIR)/$$m" "$$d/" || exit 1; done
	@mkdir -p $@ && touch $@

# What the sidecar's image is built from (sidecar/Dockerfile), and the part of it that goes in.
SOURCES := Makefile lib cmd sidecar rules
sidecar-programs: $(addprefix $(O)/bin/bb-,$(filter sidecar egress gitgate supervise,$(NAMES)))

# --- tests: C tests and helpers may link everything ---

$(O)/t/%.t: $(O)/obj/t/%.o $(O)/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(TEST_PACKAGES)) -lm

$(O)/t/lib/%: $(O)/obj/t/lib/%.o $(O)/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PACKAGES)) -lm

bench_objects = $(patsubst %.c,$(O)/obj/%.o,$(wildcard bench/$(1).c bench/$(1)/*.c))

$(O)/bench/%: $$(call bench_objects,%) $(O)/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PACKAGES)) -lm

# What a fuzzer links beside lib/: the parts of a program without its main.
FUZZ_WITH_manifest = $(filter-out cmd/parse/parse.c,$(wildcard cmd/parse/*.c))
FUZZ_WITH_gate = cmd/gitgate/http.c
FUZZ_WITH_mcp = $(filter-out cmd/supervise/supervise.c,$(wildcard cmd/supervise/*.c))
FUZZ_WITH_rpc = $(FUZZ_WITH_mcp)
FUZZ_WITH_reload = cmd/sidecar/peers.c
# A role of bb-egress: t/fuzz/role.h.
FUZZ_ROLES = front upstream signer
$(foreach r,$(FUZZ_ROLES),$(eval FUZZ_WITH_$(r) = \
  $(filter-out cmd/egress/egress.c cmd/egress/$(r).c,$(wildcard cmd/egress/*.c))))
FUZZ_LINK_role = -Wl,--wrap=role_peer_broke -Wl,--wrap=role_peer_gone
FUZZ_LINK_front = $(FUZZ_LINK_role) -Wl,--wrap=role_send
FUZZ_LINK_upstream = $(FUZZ_LINK_role) -Wl,--wrap=socket -Wl,--wrap=connect
FUZZ_LINK_signer = $(FUZZ_LINK_role)

# All that is fuzzed is compiled once more, by clang, with what guides libFuzzer.
FUZZ_FLAGS = $(filter-out -fcf-protection -D_FORTIFY_SOURCE=2 -fstack-clash-protection,$(ALL_CFLAGS)) \
             -fsanitize=address,undefined -fno-sanitize-recover=all -fexceptions
fuzz_objects = $(patsubst %.c,$(O)/obj/fuzzed/%.o,$(1))

$(O)/obj/fuzzed/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(O)/obj/fuzzed/libbb.a: $(call fuzz_objects,$(wildcard lib/*.c))
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

$(O)/fuzz/%: $(O)/obj/fuzzed/t/fuzz/%.o $$(call fuzz_objects,$$(FUZZ_WITH_$$*)) $(O)/obj/fuzzed/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)clang $(FUZZ_FLAGS) -fsanitize=fuzzer $(FUZZ_LINK_$*) -o $@ $^ \
		$(shell pkg-config --libs $(PACKAGES)) -lm

# The launcher with one layer left out at will: only the tests have it (cmd/launch-native/sabotage.h).
$(O)/obj/sabotaged/%.o: cmd/launch-native/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -DBB_SABOTAGE -MMD -MP -c -o $@ $<

SABOTAGED := $(patsubst cmd/launch-native/%.c,$(O)/obj/sabotaged/%.o,$(wildcard cmd/launch-native/*.c))

$(O)/t/lib/bb-launch-sabotaged: $(SABOTAGED) $(O)/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(call libs,launch-native)

# The proxy with a role that was taken over.
ESCAPED := $(patsubst %,$(O)/t/lib/bb-egress-escaped-%,front upstream signer)
$(O)/t/lib/bb-egress-escaped-%: $$(filter-out $(O)/obj/cmd/egress/$$*.o,$$(call objects,egress)) \
		$(O)/obj/t/lib/egress/escaped-%.o $(O)/obj/t/lib/egress/orders.o $(O)/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(call libs,egress)

# The proxy with a clock that a test turns: its own objects, and a clock before that of libc.
$(O)/t/lib/bb-egress-clock: $$(call objects,egress) $(O)/obj/t/lib/egress/clock.o $(O)/libbb.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(call libs,egress)

helpers: $(HELPERS)

tests: all helpers $(UNIT_TESTS) $(O)/t/lib/bb-launch-sabotaged $(O)/t/lib/bb-egress-clock $(ESCAPED)

TESTS = $(sort $(wildcard t/*.t)) $(UNIT_TESTS)
# What the tests see: where the build is and where the test data stands.
TEST_ENV = BB_BUILD="$(CURDIR)/$(O)" BB_SOURCE="$(CURDIR)" BB_CORPORA="$${BB_CORPORA:-$(abspath ..)/shared/corpora}" \
           PATH="$(CURDIR)/$(O)/bin:$$PATH"

test: deps-test ## install what is missing, build, run every test that needs Debian packages only
	$(submake) tests
	$(Q)$(TEST_ENV) prove --merge --exec '' $(PROVE_FLAGS) $(TESTS)

test-unit: deps-test ## the tests in C alone: quick, and with SAN=1 under sanitizers
	$(submake) tests
	$(Q)$(TEST_ENV) prove --merge --exec '' $(PROVE_FLAGS) $(UNIT_TESTS)

test-agents: deps-test ## tests with real agents; downloads them from npm
	$(submake) tests
	$(Q)$(TEST_ENV) prove --merge --exec '' $(PROVE_FLAGS) $(sort $(wildcard t/agents/*.t))

test-docker: deps-docker ## tests with a Docker engine: one that runs, or one of their own, which takes root
	$(submake) tests
	$(Q)$(TEST_ENV) t/docker/with-engine prove --merge --exec '' $(PROVE_FLAGS) $(sort $(wildcard t/docker/*.t))

# What an older kernel may change; in an emulated machine each of them takes minutes.
KERNEL_TESTS = $(wildcard $(addprefix $(CURDIR)/t/,\
               prove.t launch.t launch-limits.t start-native.t isolation-sabotage.t))
test-kernel: deps-kernel ## tests of the launcher under Debian's own kernel, in an emulated machine: takes 20 minutes
	$(submake) tests
	$(Q)BB_BUILD="$(CURDIR)/$(O)" t/kernel/run prove --merge --nocolor --timer --exec '' \
		$(PROVE_FLAGS) $(KERNEL_TESTS)

FUZZ_SECONDS = 60
fuzz: deps-lint ## run each fuzzer for FUZZ_SECONDS
	$(submake) $(FUZZERS)
	$(Q)t/fuzz/run "$(O)/fuzz" $(FUZZ_SECONDS)

COVERAGE_LEAST = 95
coverage: deps-lint ## lines of the proxy's parsers that the C tests and the fuzzers' seeds reach
	$(submake) O=build-coverage CC=clang SAN= \
		CFLAGS="-O1 -g -fprofile-instr-generate -fcoverage-mapping" coverage-programs
	$(Q)BB_SOURCE="$(CURDIR)" BB_BUILD="$(CURDIR)/build-coverage" \
		BB_CORPORA="$${BB_CORPORA:-$(abspath ..)/shared/corpora}" t/coverage build-coverage $(COVERAGE_LEAST)
coverage-programs: $(UNIT_TESTS) $(HELPERS) $(O)/share/bot-bottle \
		$(addprefix $(O)/fuzz/,request response chunk websocket target policy coding front upstream signer)

lint: deps-lint ## shellcheck, cppcheck, mandoc and the rules of the house
	$(Q)t/lint

bench: deps-bench ## measure, next to the peers that are installed
	$(submake) tests
	$(Q)$(TEST_ENV) bench/run

bench-docker: deps-docker ## measure bottles on a Docker engine: one that runs, or one of our own, which takes root
	$(submake) all
	$(Q)$(TEST_ENV) t/docker/with-engine bench/docker.sh

BACKEND = native
demo: deps$(if $(filter docker,$(BACKEND)),-docker) ## build and watch a real bottle being attacked from the inside
	$(submake) all helpers
	$(Q)$(TEST_ENV) BACKEND=$(BACKEND) $(if $(filter docker,$(BACKEND)),t/docker/with-engine) examples/demo/run

# --- what must be installed ---

deps: ## install the packages that building and running need
	@sh/deps.sh $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_DEMO)
deps-test:
	@sh/deps.sh $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST)
deps-lint:
	@sh/deps.sh $(DEPS_BUILD) $(DEPS_LINT)
deps-kernel:
	@sh/deps.sh $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST) $(DEPS_KERNEL)
deps-docker:
	@sh/deps.sh $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST) $(DEPS_DOCKER)
list-deps-build:
	@echo $(DEPS_BUILD)
deps-bench:
	@sh/deps.sh $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST) $(DEPS_BENCH)

DEPS_DEMO = openssl curl

install: all ## install to DESTDIR/PREFIX
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/libexec/bot-bottle" \
		"$(DESTDIR)$(PREFIX)/share/bot-bottle"
	install -m 755 $(PROGRAMS) $(O)/bin/bb "$(DESTDIR)$(PREFIX)/bin"
	cp -p $(FRONTS) "$(DESTDIR)$(PREFIX)/libexec/bot-bottle"
	cp -R $(DATA) "$(DESTDIR)$(PREFIX)/share/bot-bottle/"
	install -d "$(DESTDIR)$(PREFIX)/share/bot-bottle/source"
	cp -R $(SOURCES) "$(DESTDIR)$(PREFIX)/share/bot-bottle/source/"
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions"
	install -m 644 sh/completion/bb.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bb"
	@for m in $(MANUALS); do s=$${m##*.}; install -d "$(DESTDIR)$(PREFIX)/share/man/man$$s" && \
		install -m 644 "$$m" "$(DESTDIR)$(PREFIX)/share/man/man$$s/" || exit 1; done

clean: ## remove what was built
	rm -rf build build-*

help: ## show this text
	@echo 'targets:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | column -t -s '|'
	@echo 'variables: V=1 (commands)  CC=clang  SAN=1 (ASan, UBSan)  DEV=1 (-Werror)'
	@echo '  BACKEND=docker (demo)  O=DIR  PREFIX=  DESTDIR=  FUZZ_SECONDS='

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
