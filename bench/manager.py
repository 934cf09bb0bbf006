#!/usr/bin/env python3
"""manager - Python's own queue for other processes (multiprocessing.managers), and the load on it.

    manager.py serve PORT
    load-manager --drivers
    load-manager --driver NAME --host H --port N --server PID [options] flow|turn

The load speaks the same words as load.c and prints the same figures. The manager knows one request
at a time and no acknowledgement; windows and batches are taken note of and have no effect.
"""
import argparse
import json
import multiprocessing
import os
import queue
import statistics
import struct
import sys
import time
from multiprocessing.managers import BaseManager

KEY = b"bench"
NAME = "python manager"
MARK = struct.Struct("=qQ")


class Manager(BaseManager):
    pass


def serve(port):
    shared = queue.Queue()
    Manager.register("jobs", callable=lambda: shared)
    Manager(("127.0.0.1", port), KEY).get_server().serve_forever()


def connect(asked):
    Manager.register("jobs")
    manager = Manager((asked.host, asked.port), KEY)
    manager.connect()
    return manager.jobs()


def body(asked, number):
    return MARK.pack(time.monotonic_ns(), number) + b"a" * (asked.size - MARK.size)


def cpu_ns(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 10**9 // os.sysconf("SC_CLK_TCK")


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] / 1000


def produce(asked, gate, index, results):
    jobs = connect(asked)
    gate.wait()
    for number in range(index, asked.messages, asked.producers):
        jobs.put(body(asked, number))
    results.put(("put", 0, [], 0))


def consume(asked, gate, count, results):
    jobs = connect(asked)
    gate.wait()
    total, took = 0, []
    for _ in range(count):
        data = jobs.get()
        put_ns, number = MARK.unpack_from(data)
        took.append(time.monotonic_ns() - put_ns)
        total += number
    results.put(("got", total, took, time.monotonic_ns()))


def flow(asked):
    clients = asked.producers + asked.consumers
    gate, results, crew = multiprocessing.Barrier(clients + 1), multiprocessing.Queue(), []
    for i in range(asked.producers):
        crew.append(multiprocessing.Process(target=produce, args=(asked, gate, i, results)))
    for i in range(asked.consumers):
        share = asked.messages // asked.consumers + (i < asked.messages % asked.consumers)
        crew.append(multiprocessing.Process(target=consume, args=(asked, gate, share, results)))
    for member in crew:
        member.start()
    gate.wait()
    before, begin = cpu_ns(asked.server), time.monotonic_ns()
    told = [results.get(timeout=300) for _ in crew]
    for member in crew:
        member.join()
    used = cpu_ns(asked.server) - before
    seconds = (max(end for _, _, _, end in told) - begin) / 1e9
    took = [ns for _, _, times, _ in told for ns in times]
    if sum(total for _, total, _, _ in told) != asked.messages * (asked.messages - 1) // 2:
        sys.exit("bench: python manager: what came back is not what was put")
    rate = asked.messages / seconds
    return {"messages": asked.messages, "seconds": seconds, "rate": rate,
            "bytes_rate": rate * asked.size, "cpu_us": used / 1000 / asked.messages,
            "p50_us": quantile(took, 0.5), "p99_us": quantile(took, 0.99)}


def turn(asked):
    jobs, puts, takes = connect(asked), [], []
    before, begin = cpu_ns(asked.server), time.monotonic_ns()
    for number in range(asked.messages):
        data = body(asked, number)
        first = time.monotonic_ns()
        jobs.put(data)
        second = time.monotonic_ns()
        jobs.get()
        puts.append(second - first)
        takes.append(time.monotonic_ns() - second)
    spent, used = time.monotonic_ns() - begin, cpu_ns(asked.server) - before
    return {"messages": asked.messages, "seconds": spent / 1e9, "rate": asked.messages * 1e9 / spent,
            "put_p50_us": statistics.median(puts) / 1000, "put_p99_us": quantile(puts, 0.99),
            "take_p50_us": statistics.median(takes) / 1000, "take_p99_us": quantile(takes, 0.99),
            "both_us": spent / 1000 / asked.messages, "cpu_us": used / 1000 / asked.messages}


def main():
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
        return
    if sys.argv[1:2] == ["--drivers"]:
        told = "one request at a time, pickled objects"
        print(json.dumps({"driver": NAME, "how": told, "how_one": told, "answers": True,
                          "acknowledges": False}))
        return
    parser = argparse.ArgumentParser(prog="load-manager")
    for name in ("driver", "host"):
        parser.add_argument("--" + name)
    for name, value in (("port", 0), ("server", 0), ("size", 100), ("messages", 1000),
                        ("producers", 1), ("consumers", 1), ("window", 1), ("batch", 1),
                        ("ahead", 0), ("pin", -1)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("scenario", choices=["flow", "turn"])
    asked = parser.parse_args()
    if asked.pin >= 0:
        os.sched_setaffinity(0, {asked.pin})
    figures = flow(asked) if asked.scenario == "flow" else turn(asked)
    print(json.dumps({"driver": NAME, "scenario": asked.scenario, **figures}))


if __name__ == "__main__":
    main()
