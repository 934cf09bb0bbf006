"""lines - a file of lines into a queue: `muster put` and `redis-cli --pipe`."""
import os
import subprocess
import time

import servers

LINE = b"x" * 100


def write_file(server, count):
    """What each is fed: lines, or the commands that redis-cli --pipe wants."""
    path = os.path.join(server.folder, "lines")
    with open(path, "wb") as out:
        if server.program == "redis":
            one = b"*3\r\n$5\r\nRPUSH\r\n$5\r\nbench\r\n$%d\r\n%s\r\n" % (len(LINE), LINE)
        else:
            one = LINE + b"\n"
        for _ in range(count // 1000):
            out.write(one * 1000)
    return path


def command(build, server):
    if server.program == "redis":
        return [servers.find("redis-cli"), "-h", servers.HOST, "-p", str(server.port), "--pipe"]
    return [os.path.join(build, "muster"), "put", "-q", "--url",
            f"muster://{servers.HOST}:{server.port}", "bench"]


def processor_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(build, server, count):
    path, words = write_file(server, count), command(build, server)
    before, begin = processor_s(server.server_pid()), time.monotonic()
    with open(path, "rb") as source:
        done = subprocess.run(words, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=300, check=False)
    spent = time.monotonic() - begin
    if done.returncode != 0:
        raise servers.Cannot(done.stdout.decode(errors="replace").strip().splitlines()[-1])
    used = processor_s(server.server_pid()) - before
    return {"messages": count, "seconds": spent, "rate": count / spent,
            "cpu_us": used * 1e6 / count}
