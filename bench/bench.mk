# bench.mk - the load programs, one per peer whose library is here; included by the Makefile.
#
# Each is the scenarios and one file of bench/drivers. What cannot be built is left out, and the
# runner says so.

BENCH     ?=
ROUNDS    ?= 3
SIZE      ?= full
PUBLISH   ?=

LOAD_COMMON := $(addprefix $(BUILD)/bench/,load.o crew.o stream.o flow.o turn.o crowd.o)
LOAD_PLAIN  := limit beanstalkd gearman

# The flags of a peer's library, empty when it is not installed.
LIB_hiredis  = $(call once,LIB_hiredis,pkg-config --libs hiredis 2>/dev/null)
LIB_nats     = $(call once,LIB_nats,pkg-config --libs libnats 2>/dev/null)
LIB_rabbitmq = $(call once,LIB_rabbitmq,pkg-config --libs librabbitmq 2>/dev/null)

LOADS = $(addprefix $(BUILD)/bench/load-,muster manager alone \
    $(foreach d,$(LOAD_PLAIN),$(if $(wildcard bench/drivers/$(d).c),$(d))) \
    $(if $(LIB_hiredis),redis) $(if $(LIB_nats),$(if $(wildcard bench/drivers/nats.c),nats)) \
    $(if $(LIB_rabbitmq),$(if $(wildcard bench/drivers/rabbitmq.c),rabbitmq)))

LIBS_muster   = $(STATIC) $(LIB_CODEC)
LIBS_redis    = $(LIB_hiredis)
LIBS_nats     = $(LIB_nats)
LIBS_rabbitmq = $(LIB_rabbitmq)

$(BUILD)/bench/load-%: $(BUILD)/bench/drivers/%.o $(LOAD_COMMON) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_$*)

$(BUILD)/bench/limit-server: $(BUILD)/bench/limit_server.o $(BUILD)/bench/crew.o
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^

-include $(wildcard $(BUILD)/bench/*.d $(BUILD)/bench/drivers/*.d)

$(BUILD)/bench/load-alone: $(BUILD)/bench/alone.o $(BUILD)/bench/crew.o
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CODEC)

$(BUILD)/bench/scale: $(BUILD)/bench/scale.o $(BUILD)/bench/crew.o $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CODEC)

# The clock of the benchmark is tested as everything else is.
$(BUILD)/tests/unit/test_bench_crew: $(BUILD)/bench/crew.o

$(BUILD)/bench/load-manager: bench/manager.py
	$(Q)install -D -m 755 $< $@

.PHONY: bench guard guard-accept bench-loads bench-programs bench-deps

# The list is asked for only here, so that no other goal looks for the peers' libraries.
bench-programs: all
	+@$(AGAIN) BENCH_LOADS='$(LOADS)' bench-loads

bench-loads: $(BENCH_LOADS) $(addprefix $(BUILD)/bench/,limit-server scale)
	@:

# BENCH="2 4" chooses scenarios, ROUNDS=5, SIZE=short for a quick look, PUBLISH=1 writes
# docs/BENCHMARKS.md and docs/bench.
bench: bench-programs
	@python3 -B bench/run.py $(BUILD) --rounds $(ROUNDS) --size $(SIZE) \
	    $(if $(PUBLISH),--publish) $(BENCH)

# Counts instructions, for CI: the same on an idle machine and on a busy one.
$(BUILD)/bench/guard: $(BUILD)/bench/guard.o $(BUILD)/bench/crew.o $(INNER)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_EVENT) $(LIB_CODEC)

guard: $(BUILD)/bench/guard
	@bench/guard.sh $(BUILD)

guard-accept: $(BUILD)/bench/guard
	@bench/guard.sh $(BUILD) accept

# What strangers cost the broker, and those who belong; figures, no verdict.
$(BUILD)/bench/strangers: $(BUILD)/bench/strangers.o $(BUILD)/bench/crew.o $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) $(MST_LDFLAGS) -o $@ $^ $(LIB_CODEC)

.PHONY: bench-strangers
bench-strangers: all $(BUILD)/bench/strangers
	@bench/strangers.sh $(BUILD)

bench-deps:
	@bench/deps.sh
