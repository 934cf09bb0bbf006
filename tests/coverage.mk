# coverage.mk - how much of the broker's promises the tests walk through; included by the Makefile.
#
# clang's own instrumentation in a build of its own: unit tests, simulations, replayed corpora, and
# every failing allocation.

COVERAGE_BUILD := $(BUILD)-coverage
COVERAGE_TESTS ?= /tests/(unit/|sim/|fuzz/|fault/test_)
COVERED ?= broker/core broker/session broker/journal

.PHONY: coverage
coverage:
	@.ci/deps install build tests fuzz
	+@$(AGAIN) CC=clang OPT=-O1 BUILD=$(COVERAGE_BUILD) HARDENING= \
	    CFLAGS='-fprofile-instr-generate -fcoverage-mapping' LDFLAGS=-fprofile-instr-generate tests
	@tests/coverage.sh $(COVERAGE_BUILD) '$(COVERAGE_TESTS)' $(COVERED)
