# fuzz.mk - fuzz targets: tests/fuzz/fuzz_NAME.c each, with clang's libFuzzer; included by the
# Makefile. docs/TESTING.md says what each is about.
#
# A target is built twice: with replay.c as a test of its corpus, part of `make test`; and, in a
# build of its own with clang and sanitizers, as a fuzzer.

TARGET  ?=
SECONDS ?= 60

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_HELP := $(call objects,tests/fuzz/input.c tests/sim/disk*.c tests/sim/jobs.c \
    $(addprefix tests/unit/,core_sound.c sample.c engine_pipes.c))
FUZZ_BUILD := $(BUILD)-fuzz

ALL_OBJECTS += $(call objects,tests/fuzz/*.c)
TEST_PROGRAMS += $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/%)

# As archives, so that a target has only what it needs.
$(BUILD)/tests/fuzz/libhelp.a: $(FUZZ_HELP)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsD $@ $^

FUZZ_LIBS = $(LIB_CMOCKA) $(LIB_EVENT) $(LIB_CODEC) -lm

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o \
    $(BUILD)/tests/fuzz/libhelp.a $(INNER)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(FUZZ_LIBS)

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/libhelp.a $(INNER)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MST_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

.PHONY: fuzz fuzz-all fuzz-ci fuzz-build fuzz-programs
fuzz-programs: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)

fuzz-build:
	@.ci/deps install build tests fuzz
	+@$(AGAIN) CC=clang SAN=fuzzer-no-link,address,undefined BUILD=$(FUZZ_BUILD) fuzz-programs

fuzz: fuzz-build
	@[ -n '$(TARGET)' ] || { echo 'muster: make fuzz TARGET=NAME; there are: $(FUZZ_TARGETS)' >&2; exit 1; }
	@tests/fuzz/run.sh $(FUZZ_BUILD)/fuzz $(SECONDS) $(TARGET)

fuzz-all: fuzz-build
	@tests/fuzz/run.sh $(FUZZ_BUILD)/fuzz $(SECONDS) $(FUZZ_TARGETS)

# Always the same inputs: what a change breaks is its own; what is new is for fuzz-all to find.
fuzz-ci: fuzz-build
	@tests/fuzz/run.sh $(FUZZ_BUILD)/fuzz same $(FUZZ_TARGETS)
