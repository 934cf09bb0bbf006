"""machine - on what it was measured, and with which versions."""
import os
import platform
import re
import servers


def processor():
    with open("/proc/cpuinfo") as info:
        found = re.search(r"model name\s*: (.*)", info.read())
    return found.group(1) if found else platform.machine()


VERSIONS = [("redis-server", "--version"), ("beanstalkd", "-v"), ("nats-server", "--version"),
            ("gearmand", "--version")]


def versions():
    found = []
    for program, option in VERSIONS:
        try:
            text = servers.run_for_text([servers.find(program), option])
        except servers.Cannot:
            continue
        number = re.search(r"\d+\.\d+(\.\d+)?", text)
        found.append(f"{program} {number.group(0) if number else '?'}")
    return found


def describe(rounds):
    load = os.getloadavg()[0]
    return [f"{processor()}, {os.cpu_count()} processors, Linux {platform.release().split('-')[0]}; "
            f"{rounds} interleaved rounds, medians; spread is (largest - smallest) / median. "
            f"Load of the machine at the end: {load:.1f}. {', '.join(versions())}.", ""]
