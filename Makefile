# SPDX-License-Identifier: Apache-2.0
#
# make            build/minirun and the workload build/memlab
# make demo       install what is missing, build, OOM-kill a 512 MB container, show the record
# make test       install what the tests need, run everything that this host can
# make check      what needs no root: lint, unit tests, fuzz corpus
# make bench | faults | fuzz | matrix | truth | test-vm | test-engines | test-sanitize   the long exams
# make lab-vm LAB=16 [VM=v1]      a lab in a virtual machine
# make install DESTDIR= PREFIX=/usr/local
#
# DEV=1 turns warnings into errors; SANITIZE=1 builds with ASan and UBSan (clang, dynamic).

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
B       ?= build
LIBRARIES := $(shell for l in libseccomp libcap yajl; do \
	printf '%s %s, ' $$l "$$(pkg-config --modversion $$l 2>/dev/null)"; done | sed 's/, $$//')
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null)

CC      ?= gcc
CSTD    := -std=c11 -D_GNU_SOURCE
WARN    := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	   -Wvla -Wformat=2 -Wundef -Wcast-qual
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-plt
OPT     ?= -O2 -g
LINK    := -static -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections
LIBS    := -lseccomp -lcap -lyajl_s
UNIT_LINK := -no-pie

ifeq ($(SANITIZE),1)
CC      := clang
B       := build/sanitize
OPT     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN  :=
LINK    :=
UNIT_LINK :=
endif
ifeq ($(DEV),1)
WARN    += -Werror
endif

DEFS    := -DMR_VERSION='"$(VERSION)"' -DMR_COMMIT='"$(COMMIT)"' \
	   -DMR_LIBRARIES='"$(LIBRARIES)"' \
	   -DMINIRUN_LIBEXECDIR='"$(PREFIX)/libexec/minirun"'
CFLAGS_ALL = $(CSTD) -iquote runtime $(OPT) $(WARN) $(HARDEN) -ffunction-sections \
	   -fdata-sections $(DEFS) $(CFLAGS)

# V=1 shows the commands.
Q := $(if $(V),,@)

RUNTIME_SRC := $(sort $(wildcard runtime/*/*.c))
CMD_SRC     := $(sort $(wildcard cmd/*.c))
MEMLAB_SRC  := $(sort $(wildcard examples/memlab/*.c))
UNIT_SRC    := $(sort $(wildcard tests/unit/test_*.c))

OBJ         := $(patsubst %.c,%.o,$(RUNTIME_SRC) $(CMD_SRC))
UNIT_BIN    := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)

.PHONY: all deps demo test check lint unit golden integration test-vm test-sanitize bench faults \
	truth fuzz fuzz-replay install clean dev-deps lab-texts lab-vm
.DELETE_ON_ERROR:

all: $(B)/minirun $(B)/memlab

# What is missing is installed first, in a make of its own: the library headers must be
# there before anything is compiled.
deps:
	@sh tests/deps.sh build
dev-deps:
	@sh tests/deps.sh test

# What users run is linked with musl: glibc's start asks the processor for its features with
# some fifty CPUID instructions, each of which leaves the virtual machine, and takes a tenth of
# a launch. Unit tests and the systemd driver's half, whose libraries are glibc's, have objects
# of their own. Without musl-gcc, with another compiler or with MUSL= all is linked with glibc.
MUSL := $(if $(filter gcc cc,$(CC)),$(shell command -v musl-gcc))
ifneq ($(MUSL),)
S := $(B)/musl
S_CC := $(MUSL)
S_LIBS := $(foreach l,$(LIBS),$(shell $(CC) -print-file-name=$(l:-l%=lib%.a)))
# Of the host's headers only the kernel's and the libraries'.
$(S)/include: Makefile
	@rm -rf $@ && mkdir -p $@/sys
	$(Q)ln -s $(addprefix /usr/include/,linux asm-generic seccomp.h seccomp-syscalls.h yajl \
		$(shell $(CC) -print-multiarch)/asm) $@/
	$(Q)ln -s /usr/include/sys/capability.h $@/sys/
# musl's ioctl(2) takes an int.
$(S)/%.o: %.c Makefile | $(S)/include
	@mkdir -p $(@D)
	@echo '  CC $<'
	$(Q)$(S_CC) $(CFLAGS_ALL) -Wno-sign-conversion -idirafter $(S)/include -MMD -MP -c -o $@ $<
else
S := $(B)/obj
S_CC := $(CC)
S_LIBS := $(LIBS)
endif
$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  CC $<'
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# All of the program but its main; the linker leaves out what a program does not call.
%/libminirun.a:
	@rm -f $@
	$(Q)$(AR) rc $@ $^
MAIN := cmd/main.o
$(S)/libminirun.a: $(filter-out %/$(MAIN),$(OBJ:%=$(S)/%))
ifneq ($(S),$(B)/obj)
$(B)/obj/libminirun.a: $(filter-out %/$(MAIN),$(OBJ:%=$(B)/obj/%))
endif

# A linker writes a file in pieces, which then lie in the page cache as single pages; what was
# copied, as installed programs are, lies in large ones, and a launch is 4 % faster.
settle = cp $@ $@.copy && mv $@.copy $@
$(B)/minirun: $(OBJ:%=$(S)/%)
	@echo '  LD $@'
	$(Q)$(S_CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $^ $(S_LIBS) && $(settle)

$(B)/memlab: $(MEMLAB_SRC) $(wildcard examples/memlab/*.h)
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)$(CC) $(CSTD) -O2 $(WARN) -static -o $@ $(MEMLAB_SRC)

# The examples' root file system: the static workload and empty mount points.
ROOTFS_DIRS := proc sys dev tmp etc data
$(B)/rootfs/memlab: $(B)/memlab
	@mkdir -p $(ROOTFS_DIRS:%=$(B)/rootfs/%)
	$(Q)install -m 0755 $< $@
all: $(B)/rootfs/memlab

# The companions: `minirun lab` runs minirun-lab.
# In C they may use what the runtime stands on, runtime/base.
C_COMPANIONS := $(B)/minirun-report $(B)/minirun-bisect
$(addprefix $(S)/cmd/,report/%.o bisect/%.o) $(B)/obj/cmd/systemd/%.o: CFLAGS_ALL += -iquote cmd
companion = $(patsubst %.c,$(2)/%.o,$(wildcard cmd/$(1)/*.c))
$(B)/minirun-report: $(call companion,report,$(S))
$(B)/minirun-bisect: $(call companion,bisect,$(S))
$(C_COMPANIONS): $(S)/libminirun.a
	@echo '  LD $@'
	$(Q)$(S_CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) $(S)/libminirun.a $(S_LIBS) -lm
all: $(C_COMPANIONS)

# The systemd driver's half that speaks on the bus: the only program with libsystemd, which
# is not there as a static library. Without it minirun says that the driver is not installed.
$(B)/minirun-systemd: $(call companion,systemd,$(B)/obj) \
		$(patsubst %,$(B)/obj/%,$(filter runtime/base/%,$(OBJ)))
	@echo '  LD $@'
	$(Q)$(CC) $(OPT) $(UNIT_LINK) -Wl,-z,relro,-z,now $(LDFLAGS) -o $@ $^ \
		-Wl,--gc-sections -Wl,--as-needed -lsystemd $(LIBS)
ifeq ($(shell pkg-config --exists libsystemd && echo yes),yes)
SYSTEMD := $(B)/minirun-systemd
else
$(info minirun-systemd is not built: libsystemd-dev is missing (make deps installs it))
endif
all: $(SYSTEMD)
LAB_SRC := $(addprefix cmd/lab/,observe.bash narrate.bash run.bash main.bash)
$(B)/minirun-lab: $(LAB_SRC)
	@mkdir -p $(@D)
	$(Q)cat $(LAB_SRC) >$@ && chmod 0755 $@
all: $(B)/minirun-lab
SELFTEST_SRC := $(addprefix cmd/selftest/,selftest.bash host.bash engines.bash endings.bash)
$(B)/minirun-selftest: $(SELFTEST_SRC)
	@mkdir -p $(@D)
	$(Q)cat $(SELFTEST_SRC) >$@ && chmod 0755 $@
all: $(B)/minirun-selftest

# The configuration texts are part of the program.
$(addsuffix /runtime/spec/template.o,$(sort $(S) $(B)/obj)): configs/spec.json configs/spec-rootless.json \
	configs/seccomp-default.json

demo:
	@sh tests/deps.sh build
	@$(MAKE) --no-print-directory all
	@bash examples/demo.sh $(B)

# --- tests ---

unit: $(UNIT_BIN)
	@tests/run-unit $(UNIT_BIN)

$(B)/unit/test_systemd: cmd/systemd/variant.c
$(B)/unit/%: tests/unit/%.c $(B)/obj/libminirun.a $(wildcard tests/unit/*.h)
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)$(CC) $(CFLAGS_ALL) -iquote cmd -Wno-missing-prototypes $(UNIT_LINK) -o $@ \
		$(filter %.c,$^) $(B)/obj/libminirun.a -Wl,--gc-sections -lcmocka $(LIBS)

lint:
	@tests/lint/run

golden: all
	@tests/golden/run

check: lint unit golden fuzz-replay

integration: all $(B)/bench/true
	@tests/run-integration $(B)/minirun

# Every ending of the truth matrix, TIMES times each, here or in a VM=v2: tests/matrix
TIMES ?= 20
.PHONY: matrix
matrix: all
	$(if $(VM),tests/vm/run $(VM) --timeout 14400 --) tests/matrix $(B)/minirun $(TIMES)

test:
	@sh tests/deps.sh test
	@$(MAKE) --no-print-directory all
	@tests/run-all

# The texts of the labs: their outputs anew, from a run on this host.
lab-texts: all
	@tests/lab-texts

# LAB=18, VM=v1: a lab in a virtual machine, where this host lacks what it needs
lab-vm: all
	tests/vm/run $(or $(VM),v2) -- minirun lab run $(LAB)

test-vm: all $(B)/bench/true
	tests/vm/run v2
	tests/vm/run v1
	tests/vm/run systemd

# podman, containerd, docker and a docker swarm on minirun; ENGINES="podman docker"
.PHONY: test-engines
test-engines:
	@sh tests/deps.sh engines
	@$(MAKE) --no-print-directory all
	@tests/engines/run $(ENGINES)

test-sanitize:
	@$(MAKE) --no-print-directory SANITIZE=1 all unit
	@$(MAKE) --no-print-directory build/bench/true build/memlab
	@MINIRUN_TEST_SANITIZED=1 MINIRUN_LABS=$(CURDIR)/examples tests/run-integration build/sanitize/minirun

# libFuzzer with ASan and UBSan; FUZZ_SECONDS=600 make fuzz
FUZZ_SECONDS ?= 60
FUZZ_RUNTIME := $(wildcard runtime/base/*.c) $(filter-out %/template.c,$(wildcard runtime/spec/*.c))
build/fuzz/fuzz_spec: tests/fuzz/fuzz_spec.c $(FUZZ_RUNTIME)
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)clang $(CSTD) -iquote runtime $(DEFS) -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $^ $(LIBS)
FUZZ_LOG := $(wildcard runtime/base/*.c) $(addprefix runtime/oom/,$(addsuffix .c,report \
	report_lines report_prefix score cases cases_judge cases_tell cases_json explain))
build/fuzz/fuzz_log: tests/fuzz/fuzz_log.c $(FUZZ_LOG)
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)clang $(CSTD) -iquote runtime $(DEFS) -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $^ $(LIBS)
fuzz: build/fuzz/fuzz_spec build/fuzz/fuzz_log
	@mkdir -p build/fuzz/corpus build/fuzz/corpus-log
	build/fuzz/fuzz_spec -dict=tests/fuzz/spec.dict -max_len=65536 \
		-max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=512 \
		build/fuzz/corpus tests/fuzz/corpus/spec
	build/fuzz/fuzz_log -dict=tests/fuzz/log.dict -max_len=65536 \
		-max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=512 \
		build/fuzz/corpus-log tests/fixtures/kmsg
fuzz-replay: build/fuzz/fuzz_spec build/fuzz/fuzz_log
	build/fuzz/fuzz_spec -runs=0 tests/fuzz/corpus/spec 2>&1 | tail -n 1
	build/fuzz/fuzz_log -runs=0 tests/fixtures/kmsg 2>&1 | tail -n 1

$(B)/faults/inject: tests/faults/inject.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)$(CC) $(CSTD) -O2 $(WARN) -o $@ $<

# FAULTS=--short is the sample that `make test` takes.
faults: all $(B)/faults/inject
	MINIRUN=$(B)/minirun INJECT=$(B)/faults/inject MEMLAB=$(B)/memlab \
		tests/rooted tests/faults/run $(FAULTS)

# Ten endings in random order, with every processor busy; the short form is in `make test`.
TRUTH ?= -n 10000
truth: all
	$(B)/minirun selftest --mixed --load $$(nproc) $(TRUTH)

$(B)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)$(CC) $(CSTD) -O2 $(WARN) -static -o $@ $< && $(settle)

BENCH_SRC := $(addprefix tests/bench/,bench.c contest.c world.c measure.c modes.c)
$(B)/bench/bench: $(BENCH_SRC) $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)$(CC) $(CSTD) -O2 $(WARN) -static -o $@ $(BENCH_SRC)

$(B)/bench/oom: tests/bench/oom.c $(B)/obj/libminirun.a
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(Q)$(CC) $(CFLAGS_ALL) -static -o $@ $^ -Wl,--gc-sections $(LIBS)

# ENGINES=1: podman and docker with each runtime, too.
# BENCH="--short", BENCH="--live 1,10,100", BENCH=--memory: see tests/bench/bench.c
bench: all $(addprefix $(B)/bench/,bench floor true probe steps oom)
	tests/rooted $(B)/bench/bench $(if $(ENGINES),--engines) $(BENCH)
	tests/rooted $(B)/bench/oom $(abspath $(B)/minirun) $(abspath $(B)/memlab)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/minirun \
		$(DESTDIR)$(PREFIX)/share/minirun $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 0755 $(B)/minirun $(DESTDIR)$(PREFIX)/bin/minirun
	install -m 0755 $(B)/minirun-report $(DESTDIR)$(PREFIX)/bin/minirun-report
	install -m 0755 $(B)/memlab $(DESTDIR)$(PREFIX)/libexec/minirun/memlab
	install -m 0755 $(B)/minirun-lab $(B)/minirun-selftest $(B)/minirun-bisect \
		$(DESTDIR)$(PREFIX)/libexec/minirun/
	$(if $(SYSTEMD),install -m 0755 $(SYSTEMD) $(DESTDIR)$(PREFIX)/libexec/minirun/)
	for lab in examples/[0-9]*; do \
		install -d $(DESTDIR)$(PREFIX)/share/minirun/labs/$${lab##*/} && \
		install -m 0644 $$lab/* $(DESTDIR)$(PREFIX)/share/minirun/labs/$${lab##*/}/ || \
		exit 1; \
	done
	install -m 0644 configs/*.json cmd/bats/minirun.bash $(DESTDIR)$(PREFIX)/share/minirun/
	install -m 0644 cmd/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 0644 cmd/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 0644 cmd/completion/minirun.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/minirun

clean:
	rm -rf build

-include $(wildcard $(addsuffix /*/*.d,$(S) $(B)/obj) $(addsuffix /*/*/*.d,$(S) $(B)/obj))
