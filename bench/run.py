#!/usr/bin/env python3
"""run - all peers, the same work, one run.

    bench/run.py BUILD [--rounds N] [--size full|short] [--publish] [SCENARIO...]

Rounds are interleaved: each round runs every peer once, with a fresh server, so that what the machine
does meanwhile meets all of them. Writes BUILD/bench/results.jsonl (every run), summary.jsonl
(medians), tables.md and SVG plots; --publish puts them into docs/BENCHMARKS.md and docs/bench.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys

import growth
import lines
import report
import scenarios
import servers

RUN_LIMIT_S = 300
LINES = 1000000


class Runner:
    def __init__(self, build, rounds, short):
        self.build = os.path.abspath(build)
        self.rounds = rounds
        self.short = short
        self.messages = {}  # (scenario, peer) -> how many
        self.skipped = {}   # (scenario, peer) -> why
        self.results = []
        self.how = {}       # driver -> what it says of itself

    def program(self, peer):
        path = os.path.join(self.build, "bench", "load-" + peer.server.program)
        if not os.path.exists(path):
            raise servers.Cannot(f"load-{peer.server.program} was not built: its library is not "
                                 "here; try 'make bench-deps'")
        return path

    def describe(self, peer):
        name = peer.driver_name()
        if name not in self.how:
            for line in servers.run_for_text([self.program(peer), "--drivers"]).splitlines():
                row = json.loads(line)
                self.how[row["driver"]] = row
        return self.how[name]

    def load(self, scenario, peer, messages):
        """One server, one load; the figures it gave."""
        self.describe(peer)
        server_pin, load_pin = scenario.pins
        with peer.server(self.build, durable=peer.durable, pin=server_pin) as server:
            if scenario.load == "lines":
                return lines.measure(self.build, server, LINES)
            words = [self.program(peer), "--driver", peer.driver_name()] + server.load_words()
            words += scenario.words + peer.words
            if peer.durable:
                words.append("--durable")
            if messages:
                words += ["--messages", str(messages)]
            if load_pin is not None:
                words += ["--pin", str(load_pin)]
            done = subprocess.run(words + [scenario.load], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, timeout=RUN_LIMIT_S,
                                  cwd=server.folder, env=server.load_environment(),
                                  check=False)
            if done.returncode != 0:
                raise servers.Cannot(done.stderr.strip().splitlines()[-1] if done.stderr.strip()
                                     else f"the load ended with {done.returncode}")
            figures = json.loads(done.stdout)
            figures["start_ms"] = server.start_s * 1000
            return figures

    def how_many(self, scenario, peer):
        """So many messages that a round takes the time it should, found by a small run that also
        wakes everything up."""
        if scenario.seconds == 0:
            return 0
        key = (scenario.key, peer.label)
        if key not in self.messages:
            seconds = scenario.seconds / (4 if self.short else 1)
            rate = self.load(scenario, peer, scenario.first)["rate"]
            self.messages[key] = max(scenario.first, min(scenario.most, int(rate * seconds)))
        return self.messages[key]

    def one(self, scenario, peer, number):
        key = (scenario.key, peer.label)
        if key in self.skipped:
            return
        try:
            figures = self.load(scenario, peer, self.how_many(scenario, peer))
        except (servers.Cannot, subprocess.TimeoutExpired) as why:
            self.skipped[key] = str(why)
            print(f"  {scenario.key}  {peer.label:18} skipped: {why}", file=sys.stderr)
            return
        row = {"scenario": scenario.key, "peer": peer.label, "round": number}
        row.update((k, v) for k, v in figures.items() if k not in ("scenario", "driver"))
        self.results.append(row)
        print(f"  {scenario.key}  {peer.label:18} round {number}: "
              f"{report.number(figures[scenario.figure])} {scenario.unit}", file=sys.stderr)

    def run(self, scenario):
        print(f"{scenario.key}. {scenario.title}", file=sys.stderr)
        for number in range(1, self.rounds + 1):
            for peer in scenario.peers:
                self.one(scenario, peer, number)

    def summary(self, scenario):
        """A row for each peer: medians of all figures, spread and ratio of the one that counts."""
        rows = []
        for peer in scenario.peers:
            runs = [r for r in self.results
                    if r["scenario"] == scenario.key and r["peer"] == peer.label]
            if not runs:
                continue
            row = {"scenario": scenario.key, "peer": peer.label, "rounds": len(runs)}
            for name in runs[0]:
                if name not in ("scenario", "peer", "round"):
                    row[name] = statistics.median(r[name] for r in runs)
            values = sorted(r[scenario.figure] for r in runs)
            middle = statistics.median(values)
            row["spread"] = (values[-1] - values[0]) / middle if middle else 0
            told = self.describe(peer)
            row["how"] = peer.note or told["how_one" if scenario.one else "how"]
            row["acknowledged"] = told["acknowledges"]
            rows.append(row)
        base = next((r[scenario.figure] for r in rows if r["peer"] == scenario.base), None)
        for row in rows:
            row["ratio"] = row[scenario.figure] / base if base else None
        return rows


GROW = "scale"  # the scaling tables, on the command line


def choose(keys):
    """"8" stands for 8.get and 8.event."""
    if not keys:
        return scenarios.SCENARIOS, True
    chosen = []
    for key in keys:
        found = [s for s in scenarios.SCENARIOS if key in (s.key, s.key.split(".")[0])]
        if not found and key != GROW:
            raise KeyError(key)
        chosen += found
    return chosen, GROW in keys


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", choices=["full", "short"], default="full")
    parser.add_argument("--publish", action="store_true")
    asked = parser.parse_intermixed_args()
    try:
        chosen, grow = choose(asked.scenarios)
    except KeyError as unknown:
        parser.error(f"there is no scenario {unknown}; there are "
                     f"{' '.join(s.key for s in scenarios.SCENARIOS)} {GROW}")
    if asked.publish and asked.scenarios:
        parser.error("--publish replaces all results, so it takes all scenarios")
    # Ended from outside, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit("bench: ended by a signal"))
    runner = Runner(asked.build, asked.rounds, asked.size == "short")
    for scenario in chosen:
        runner.run(scenario)
    grown = growth.run(runner) if grow else None
    report.write(runner, chosen, grown, os.path.join(asked.build, "bench"), asked.publish)


if __name__ == "__main__":
    main()
