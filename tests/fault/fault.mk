# fault.mk - the broker with refused memory and failing system calls, for tests; included by the
# Makefile. The calls of our own objects, and only those, are given other names. What stands behind
# those of memory is allocations.c here, ration.c in the simulation.

FAULT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fault/test_*.c))
TEST_PROGRAMS += $(FAULT_PROGRAMS)
TEST_SCRIPTS += $(wildcard tests/fault/test_*.sh)
ALL_OBJECTS += $(call objects,tests/fault/*.c)

ALLOCATIONS := $(foreach call,malloc calloc realloc posix_memalign strdup strndup free,--redefine-sym $(call)=fault_$(call))

$(BUILD)/tests/fault/liballocations.a: $(INNER)
	$(call say,SYM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)objcopy $(ALLOCATIONS) $< $@

$(BUILD)/tests/fault/test_allocations: $(BUILD)/tests/fault/test_allocations.o $(BUILD)/tests/fault/allocations.o \
    $(BUILD)/tests/fault/broker.o $(BUILD)/tests/fuzz/libhelp.a $(BUILD)/tests/fault/liballocations.a
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CMOCKA) $(LIB_EVENT) $(LIB_CODEC) -lm

# libmuster for programs whose library is refused something.
CLIENT_CALLS := $(foreach call,malloc calloc realloc free socket connect getsockname getpeername setsockopt getsockopt \
    send sendmsg recv ppoll eventfd read write open fsync fstat fcntl mmap madvise gethostname getaddrinfo \
    pthread_create,--redefine-sym $(call)=fault_$(call))

$(BUILD)/tests/fault/libclient.a: $(STATIC)
	$(call say,SYM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)objcopy $(CLIENT_CALLS) $< $@

$(BUILD)/tests/fault/test_client_%: $(BUILD)/tests/fault/test_client_%.o $(call objects,tests/fault/client_*.c) \
    $(TEST_LIB) $(BUILD)/tests/fault/libclient.a
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CMOCKA) $(LIB_CODEC) -lm

SYSTEM_CALLS := $(foreach call,pwrite pread fdatasync fsync ftruncate unlinkat renameat send accept4 openat \
    read,--redefine-sym $(call)=fault_$(call))

$(BUILD)/tests/fault/libsystem_calls.a: $(INNER)
	$(call say,SYM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)objcopy $(SYSTEM_CALLS) $< $@

# The whole broker, for test_system_calls.sh.
$(BUILD)/tests/fault/musterd: $(BUILD)/broker/main.o $(BUILD)/tests/fault/system_calls.o \
    $(BUILD)/tests/fault/libsystem_calls.a
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_EVENT) $(LIB_CODEC)

tests: $(BUILD)/tests/fault/musterd

.PHONY: faults
faults:
	@.ci/deps install build tests
	+@$(AGAIN) tests
	@ALLOCATIONS=all SYSTEM_CALLS=all MUSTERD=$(MUSTERD) MUSTER=$(MUSTER) MUSTER_BUILD=$(BUILD) TEST_TIMEOUT=1200 \
	    tests/run.sh $(BUILD) '' $(FAULT_PROGRAMS) tests/fault/test_system_calls.sh
