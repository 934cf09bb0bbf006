# msan.mk - SAN=memory: clang's MemorySanitizer for the tests of the pure folders and the corpora of
# the fuzz targets; included by the Makefile.
#
# What Debian's libraries write is not seen by it, so the linker hands their functions to marks.c.
# The programs that need libevent, sockets or threads stay with SAN=address and SAN=thread.

ifeq ($(SAN),memory)
ifneq ($(notdir $(CC)),clang)
$(error SAN=memory needs clang: make CC=clang SAN=memory test)
endif
CFLAGS += -fsanitize-memory-track-origins

MSAN_MARKS := $(BUILD)/tests/msan/marks.o
MSAN_CALLS := $(shell sed -n 's/^MARKED(\([a-z0-9_]*\)).*/\1/p' tests/msan/marks.c)
MSAN_FOLDERS := unit sim fuzz
# They read with jansson, which is not instrumented either and has no other use here.
MSAN_LEFT_OUT := test_noise test_log test_monitoring

ALL_OBJECTS += $(MSAN_MARKS)
MST_LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,$(MSAN_CALLS)) $(MSAN_MARKS)
# Whatever is linked has an object of its own first.
$(PROTOCOL) $(UNIT) $(SIM) $(call objects,tests/fuzz/*.c): | $(MSAN_MARKS)

TEST_PROGRAMS := $(filter-out $(MSAN_LEFT_OUT:%=$(BUILD)/tests/unit/%), \
    $(filter $(MSAN_FOLDERS:%=$(BUILD)/tests/%/%),$(TEST_PROGRAMS)))
TEST_SCRIPTS :=
endif
