# soak.mk - real clients and a real broker under kills and cut connections, judged as the simulation
# is; included by the Makefile. docs/TESTING.md says how.

MINUTES ?= 10

SOAK_TEST := $(BUILD)/tests/soak/test_soak
SOAK_CLIENT := $(BUILD)/tests/soak/client
# MemorySanitizer is for the pure folders.
ifneq ($(SAN),memory)
TEST_PROGRAMS += $(patsubst %.c,$(BUILD)/%,$(wildcard tests/soak/test_*.c))
endif
ALL_OBJECTS += $(call objects,tests/soak/*.c)

$(BUILD)/tests/soak/test_%: $(BUILD)/tests/soak/test_%.o $(call objects,tests/soak/reading.c \
    tests/soak/lines.c tests/sim/judge*.c tests/sim/history.c) $(TEST_LIB) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CMOCKA) $(LIB_CODEC) -lm

$(SOAK_CLIENT): $(call objects,tests/soak/client*.c tests/soak/lines.c tests/sim/history.c) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CODEC)

tests: $(SOAK_CLIENT)

.PHONY: soak
soak: $(SOAK_TEST) $(SOAK_CLIENT) $(MUSTERD)
	@MUSTERD=$(MUSTERD) MUSTER_BUILD=$(BUILD) tests/soak/run.sh $(SOAK_TEST) $(MINUTES) $(SEED)
