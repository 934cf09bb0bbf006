# muster: `make help` says what there is to make.
#
# Objects of different builds never mix: the folder's name says compiler and sanitizers, and a change
# of flags within one folder builds all of it again. Files are found by wildcard: a new source file
# needs no change here.

PREFIX    ?= /usr/local
BINDIR    ?= $(PREFIX)/bin
LIBDIR    ?= $(PREFIX)/lib
MANDIR    ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
UNITDIR   ?= $(PREFIX)/lib/systemd/system
ZSHDIR    ?= $(PREFIX)/share/zsh/site-functions
DOCDIR    ?= $(PREFIX)/share/doc/muster
OPT       ?= -O2
SAN       ?=
TESTS     ?=
DESTDIR   ?=

ifeq ($(origin CC),default)
CC := gcc
endif

comma := ,
BUILD ?= build/$(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))

VERSION := $(shell sed -n 's/^\#define MUSTER_VERSION  *"\(.*\)"/\1/p' client-lib/include/muster.h)
SOVERSION := 1

# ---- flags ----

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wundef -Wvla -Wformat=2 $(if $(WERROR),-Werror)
# Texts for people are cut where their buffer ends, on purpose.
WARNINGS += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
HARDENING := $(if $(SAN),,-fstack-protector-strong -D_FORTIFY_SOURCE=2)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
MST_CFLAGS = -std=c17 -D_GNU_SOURCE $(OPT) -g $(WARNINGS) $(HARDENING) $(SANITIZE) \
             -fvisibility=hidden -fPIC -pthread $(CFLAGS)
MST_CPPFLAGS = -I. -Iclient-lib/include $(CPPFLAGS)
MST_LDFLAGS = $(SANITIZE) -pthread -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)

# Asked for when first used, so that `make deps` runs on a machine that has no pkg-config yet.
once = $(eval $(1) := $$(shell $(2)))$($(1))
LIB_EVENT = $(call once,LIB_EVENT,pkg-config --libs libevent_core libevent_extra)
LIB_CODEC = $(call once,LIB_CODEC,pkg-config --libs msgpack libsodium)
LIB_CMOCKA = $(call once,LIB_CMOCKA,pkg-config --libs cmocka jansson)

# ---- files ----

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))

PROTOCOL   := $(call objects,protocol/*.c)
CLIENT     := $(call objects,client-lib/*.c)
BROKER     := $(call objects,broker/*.c broker/*/*.c)
CLI        := $(call objects,cli/*.c)
TEST_LIB   := $(call objects,tests/lib/*.c)
EXAMPLES   := $(patsubst docs/examples/%.c,$(BUILD)/examples/%,$(wildcard docs/examples/*.c))

UNIT        := $(call objects,tests/unit/test_*.c)
SIM         := $(call objects,tests/sim/test_*.c)
INTEGRATION := $(call objects,tests/integration/test_*.c)
UNIT_HELP   := $(filter-out $(UNIT),$(call objects,tests/unit/*.c))
SIM_CURVE   := $(BUILD)/tests/sim/curve.o
SIM_HELP    := $(filter-out $(SIM) $(SIM_CURVE),$(call objects,tests/sim/*.c)) $(BUILD)/tests/unit/core_sound.o
TEST_PROGRAMS := $(patsubst %.o,%,$(UNIT) $(SIM) $(INTEGRATION))
TEST_SCRIPTS  := $(wildcard tests/integration/test_*.sh)

MUSTERD := $(BUILD)/musterd
MUSTER  := $(BUILD)/muster
STATIC  := $(BUILD)/libmuster.a
SHARED  := $(BUILD)/libmuster.so.$(SOVERSION).$(VERSION)
INNER   := $(BUILD)/libinner.a

ALL_OBJECTS := $(PROTOCOL) $(CLIENT) $(BROKER) $(CLI) $(TEST_LIB) $(UNIT) $(SIM) $(INTEGRATION) \
               $(UNIT_HELP) $(SIM_HELP) $(SIM_CURVE) $(call objects,docs/examples/*.c)

ifdef V
Q :=
say = @:
else
Q := @
say = @printf '  %-4s %s\n' $(1) $(2)
endif
# Sub-makes that a person starts use every processor, unless told otherwise.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
AGAIN = $(MAKE) --no-print-directory $(JOBS)

.PHONY: all help deps check-deps demo test check tests lint format install uninstall clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(if $(wildcard broker/main.c),$(MUSTERD)) $(if $(wildcard cli/main.c),$(MUSTER)) $(STATIC) $(SHARED) $(BUILD)/libmuster.so \
     $(EXAMPLES)

help:
	@echo 'make              build musterd, muster, libmuster and the examples in $(BUILD)/'
	@echo 'make demo         watch it work: a broker and four workers on this machine, under a minute'
	@echo 'make test         build and run every test; ends with "N passed, N failed"'
	@echo '                  VALGRIND=1 under valgrind; CC=clang SAN=memory the pure folders under MSan'
	@echo '                  TESTS=PATTERN runs those whose name matches, as in TESTS="queue|barrier"'
	@echo 'make deb          Debian packages in $(BUILD)/deb; make deb-test installs, uses and removes them'
	@echo 'make sim          the simulation under SEEDS=10000 seeds; SEED=n tells one of them'
	@echo 'make soak         real clients and a broker killed and cut off for MINUTES=10, judged as the simulation'
	@echo 'make mutants      bugs put into a copy of the broker, one at a time: is each found? MUTANT=WORDS'
	@echo 'make test-crash   1,000 kills of a broker with a data directory while eight clients work'
	@echo 'make image-test   build and run the container image, where an engine can run (root, Debian 12)'
	@echo 'make lint         sizes, include arrows, exported symbols, format'
	@echo 'make bench        muster beside its peers; BENCH="2 4" ROUNDS=5 SIZE=short PUBLISH=1'
	@echo '                  make bench-deps installs the peers; make bench-strangers: what strangers cost'
	@echo 'make fuzz-all     every fuzz target for SECONDS=60, with clang; make fuzz TARGET=NAME SECONDS=60: one'
	@echo 'make faults       every allocation and system call of broker and library fails once; minutes'
	@echo 'make coverage     how much of core, session and journal the tests take'
	@echo 'make guard        count instructions of put, get, done against the figures written down'
	@echo 'make format       put every C file into the one format'
	@echo 'make deps         install the Debian packages that are missing'
	@echo 'make install      into PREFIX=$(PREFIX), below DESTDIR if given; make uninstall takes it away'
	@echo 'make clean        remove $(BUILD)/'
	@echo
	@echo 'CC=gcc|clang  SAN=address,undefined|thread|memory  OPT=-O0  WERROR=1  V=1 (whole commands)  BUILD=dir'

deps:
	@.ci/deps install build tests

check-deps:
	@.ci/deps check build

# ---- programs and libraries ----

$(MUSTERD): $(PROTOCOL) $(BROKER)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_EVENT) $(LIB_CODEC)

$(MUSTER): $(CLI) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CODEC)

$(BUILD)/examples/%: $(BUILD)/docs/examples/%.o $(STATIC)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CODEC)

$(STATIC): $(PROTOCOL) $(CLIENT)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(SHARED): $(PROTOCOL) $(CLIENT) client-lib/muster.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(MST_LDFLAGS) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) \
	    -Wl,-soname,libmuster.so.$(SOVERSION) -Wl,--version-script=client-lib/muster.map \
	    -o $@ $(filter %.o,$^) $(LIB_CODEC)

$(BUILD)/libmuster.so: $(SHARED)
	$(Q)ln -sf $(notdir $(SHARED)) $(BUILD)/libmuster.so.$(SOVERSION)
	$(Q)ln -sf libmuster.so.$(SOVERSION) $@

# Everything but the two main functions, for tests that look inside.
$(INNER): $(PROTOCOL) $(CLIENT) $(filter-out %/main.o,$(BROKER) $(CLI))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsD $@ $^

# An image is built without them.
include $(wildcard tests/*.mk tests/*/*.mk)

# ---- objects ----

# Changes when, and only when, the flags do.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(MST_CPPFLAGS) $(MST_CFLAGS)' | cmp -s - $@ || \
	    echo '$(CC) $(MST_CPPFLAGS) $(MST_CFLAGS)' > $@

$(BUILD)/%.o: %.c $(BUILD)/flags | check-deps
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MST_CPPFLAGS) $(MST_CFLAGS) -MMD -MP -c -o $@ $<

-include $(ALL_OBJECTS:.o=.d)

# ---- tests ----

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_HELP) $(INNER)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CMOCKA) $(LIB_EVENT) $(LIB_CODEC) -lm

$(BUILD)/tests/sim/test_mix: $(SIM_CURVE)
# Their allocations are those of tests/sim/ration.c, which may refuse them.
$(BUILD)/tests/sim/%: $(BUILD)/tests/sim/%.o $(SIM_HELP) $(BUILD)/tests/fault/liballocations.a
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CMOCKA) $(LIB_EVENT) $(LIB_CODEC) -lm

$(BUILD)/tests/integration/%: $(BUILD)/tests/integration/%.o $(TEST_LIB) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CMOCKA) $(LIB_CODEC) -lm

tests: all $(TEST_PROGRAMS)

check: tests
	@CC='$(CC)' SAN='$(SAN)' VALGRIND='$(VALGRIND)' MAKEFLAGS= tests/run.sh $(BUILD) '$(TESTS)' $(TEST_SCRIPTS) $(TEST_PROGRAMS)

test:
	@.ci/deps install build tests
	+@$(AGAIN) check

demo:
	@.ci/deps install build
	+@$(AGAIN) all
	@docs/examples/demo.sh $(BUILD)

lint:
	@.ci/deps install build tests lint
	+@$(AGAIN) all
	@tests/lint/run $(BUILD)

format:
	@.ci/deps install lint
	@clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

include $(wildcard bench/bench.mk)

# ---- the simulation over many seeds ----

SEEDS ?= 10000
SEED  ?=
.PHONY: sim
sim: $(BUILD)/tests/sim/test_mix
	@tests/sim/run.sh $(BUILD)/tests/sim/test_mix $(SEEDS) $(SEED)

# Are the judges awake? Each bug of tests/mutants/table.txt must show under some seed.
.PHONY: mutants
mutants:
	@tests/mutants/run $(SEEDS) '$(MUTANT)'

# 1,000 kills of a broker with a data directory while eight clients work.
.PHONY: test-crash
test-crash: $(BUILD)/tests/integration/test_crash $(MUSTERD)
	@CRASH_RUNS=$${CRASH_RUNS:-1000} MUSTERD=$(MUSTERD) $(BUILD)/tests/integration/test_crash

# ---- the container image ----

.PHONY: image-test
image-test:
	@docker/image-test.sh; code=$$?; [ $$code = 77 ] || exit $$code

# ---- installing ----

MAN_PAGES := $(wildcard docs/man/*.[1-8] broker/*.[1-8] cli/*.[1-8] client-lib/*.[1-8])
UNITS     := $(wildcard broker/*.service)
# What `muster completion SHELL` writes, and where the shell looks for it.
COMPLETIONS = $(BUILD)/completion.bash=$(PREFIX)/share/bash-completion/completions/muster \
    $(BUILD)/completion.zsh=$(ZSHDIR)/_muster \
    $(BUILD)/completion.fish=$(PREFIX)/share/fish/vendor_completions.d/muster.fish
DOCUMENTS := $(wildcard README.md CHANGELOG.md broker/journal/JOURNAL.md LICENSE ARCHITECTURE.md protocol/*.md docs/*.md)
SAMPLES   := $(wildcard docs/examples/*)
MONITORING := $(wildcard docs/monitoring/*)

# FROM=TO=MODE for every file, so that install and uninstall cannot differ.
INSTALLED = $(MUSTERD)=$(BINDIR)/musterd=755 $(MUSTER)=$(BINDIR)/muster=755 \
    $(STATIC)=$(LIBDIR)/libmuster.a=644 $(SHARED)=$(LIBDIR)/$(notdir $(SHARED))=755 \
    $(BUILD)/muster.pc=$(LIBDIR)/pkgconfig/muster.pc=644 \
    client-lib/include/muster.h=$(PREFIX)/include/muster.h=644 \
    $(foreach m,$(MAN_PAGES),$(m)=$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))=644) \
    $(foreach u,$(UNITS),$(BUILD)/$(notdir $(u))=$(UNITDIR)/$(notdir $(u))=644) \
    $(addsuffix =644,$(COMPLETIONS)) \
    $(foreach d,$(DOCUMENTS),$(d)=$(DOCDIR)/$(notdir $(d))=644) \
    $(foreach m,$(MONITORING),$(m)=$(DOCDIR)/monitoring/$(notdir $(m))=644) \
    $(foreach s,$(SAMPLES),$(s)=$(DOCDIR)/examples/$(notdir $(s))=$(if $(filter %.sh,$(s)),755,644))
# What the unit reads. It may be changed where it is, so it is neither overwritten nor, then, removed.
SETTINGS  := $(wildcard broker/musterd.conf)
SETTINGS_PLACE = $(DESTDIR)$(SYSCONFDIR)/muster/musterd.conf
LINKS = $(LIBDIR)/libmuster.so.$(SOVERSION) $(LIBDIR)/libmuster.so

$(BUILD)/muster.pc: client-lib/muster.pc.in FORCE
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' $< > $@

$(BUILD)/completion.%: $(MUSTER)
	$(Q)$(MUSTER) completion $* > $@

# The unit names the program by where it will be.
$(BUILD)/%.service: broker/%.service FORCE
	@sed -e 's|^ExecStart=musterd|ExecStart=$(BINDIR)/musterd|' $< > $@

install: all $(BUILD)/muster.pc $(patsubst broker/%,$(BUILD)/%,$(UNITS)) \
    $(foreach c,$(COMPLETIONS),$(firstword $(subst =, ,$(c))))
	@for file in $(INSTALLED); do \
	    from=$${file%%=*}; rest=$${file#*=}; to="$(DESTDIR)$${rest%=*}"; \
	    install -D -m "$${rest##*=}" "$$from" "$$to" || exit 1; echo "  $$to"; \
	done
	@ln -sf $(notdir $(SHARED)) "$(DESTDIR)$(LIBDIR)/libmuster.so.$(SOVERSION)"
	@ln -sf libmuster.so.$(SOVERSION) "$(DESTDIR)$(LIBDIR)/libmuster.so"
	@[ -e "$(SETTINGS_PLACE)" ] || { install -D -m 644 $(SETTINGS) "$(SETTINGS_PLACE)" && \
	    echo "  $(SETTINGS_PLACE)"; }
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

uninstall:
	@for file in $(INSTALLED); do rest=$${file#*=}; rm -f "$(DESTDIR)$${rest%=*}" || exit 1; done
	@for link in $(LINKS); do rm -f "$(DESTDIR)$$link" || exit 1; done
	@if cmp -s $(SETTINGS) "$(SETTINGS_PLACE)"; then rm -f "$(SETTINGS_PLACE)"; \
	elif [ -e "$(SETTINGS_PLACE)" ]; then echo "  kept, as it was changed: $(SETTINGS_PLACE)"; fi
	@for dir in $(SYSCONFDIR)/muster $(DOCDIR)/examples $(DOCDIR)/monitoring $(DOCDIR); do \
	    [ ! -d "$(DESTDIR)$$dir" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$dir"; done

# ---- Debian packages ----

.PHONY: deb deb-test
deb:
	@.ci/deps install build deb
	@docs/packaging/make-deb $(BUILD)/deb $(VERSION)

deb-test: deb
	@tests/packaging/test_deb.sh $(BUILD)/deb; code=$$?; [ $$code = 77 ] || exit $$code

clean:
	rm -rf $(BUILD)
