# fault.mk - the broker with refused memory and failing system calls, for tests; included by the
# Makefile. The calls of our own objects, and only those, are given other names.

FAULT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fault/test_*.c))
TEST_PROGRAMS += $(FAULT_PROGRAMS)
TEST_SCRIPTS += $(wildcard tests/fault/test_*.sh)
ALL_OBJECTS += $(call objects,tests/fault/*.c)

ALLOCATIONS := $(foreach call,malloc calloc realloc strdup strndup abort,--redefine-sym $(call)=fault_$(call)) \
    --redefine-sym msgpack_zone_new=fault_zone_new

$(BUILD)/tests/fault/liballocations.a: $(INNER)
	$(call say,SYM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)objcopy $(ALLOCATIONS) $< $@

$(BUILD)/tests/fault/test_allocations: $(BUILD)/tests/fault/test_allocations.o $(BUILD)/tests/fault/allocations.o \
    $(BUILD)/tests/fault/broker.o $(BUILD)/tests/fuzz/libhelp.a $(BUILD)/tests/fault/liballocations.a
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CMOCKA) $(LIB_EVENT) $(LIB_CODEC) -lm
