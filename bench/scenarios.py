"""scenarios - what is measured: one table of scenarios, each with the peers that take part.

A scenario has one figure by which the peers are compared, and a side of it that is better. `words`
are those of the load program. Where `seconds` is given the number of messages is chosen for each
peer, so that a round takes about so long.
"""
from dataclasses import dataclass, field, replace

import servers


@dataclass
class Peer:
    label: str    # in tables; also the driver's name, unless driver is given
    server: type
    driver: str = ""
    note: str = ""
    durable: bool = False
    words: list = field(default_factory=list)

    def driver_name(self):
        return self.driver or self.label


MUSTER = Peer("muster", servers.Muster)
BUSY = Peer("muster busy-poll", servers.MusterBusy, "muster", "as muster; both look for 50 us")
MUSTER_AUTO = Peer("muster auto", servers.Muster)
ENCRYPTED = Peer("muster encrypted", servers.MusterEncrypted, "muster", "as muster, encrypted")
LIST = Peer("redis list", servers.Redis)
REDIS_CHANNEL = Peer("redis publish", servers.Redis, "redis list")
STREAM = Peer("redis stream", servers.Redis)
SORTED = Peer("redis sorted set", servers.Redis)
BEANSTALKD = Peer("beanstalkd", servers.Beanstalkd)
NATS = Peer("nats core", servers.Nats)
JETSTREAM = Peer("nats jetstream", servers.Nats)
GEARMAND = Peer("gearmand", servers.Gearmand)
RABBITMQ = Peer("rabbitmq", servers.Rabbitmq)
MANAGER = Peer("python manager", servers.Manager)
RELAY = Peer("limit: relay", servers.Limit)
ECHO = Peer("limit: echo", servers.Limit)
BROADCAST = Peer("limit: broadcast", servers.Limit)

LIFO = Peer("muster lifo", servers.Muster, "muster", "as muster", words=["--kind", "lifo"])
PRIORITY = Peer("muster priority", servers.Muster, "muster", "as muster, random priorities",
                words=["--kind", "priority", "--random"])
PRIORITY_EMPTY = Peer("muster, empty queue", servers.Muster, "muster", "as muster",
                      words=["--kind", "priority", "--random", "--fill", "0"])
OVERWRITE = Peer("limit: fdatasync overwrite", servers.Alone)
APPEND = Peer("limit: fdatasync append", servers.Alone)
CIPHERS = [Peer(f"limit: cipher {size}", servers.Alone) for size in ("100 B", "64 KiB")]


def durable(peer):
    return replace(peer, durable=True, note=SYNCED[peer.label])


SYNCED = {"muster": "--data-dir; durable queue", "redis list": "appendfsync always; RPUSH",
          "beanstalkd": "-b, -f0", "rabbitmq": "durable queue, persistent, confirmed"}
DURABLE = [durable(peer) for peer in (MUSTER, LIST, BEANSTALKD, RABBITMQ)]

QUEUES = [MUSTER, MUSTER_AUTO, ENCRYPTED, LIST, STREAM, BEANSTALKD, NATS, JETSTREAM, GEARMAND,
          RABBITMQ, MANAGER]


@dataclass
class Scenario:
    key: str
    title: str
    what: str
    load: str          # of the load program
    words: list
    figure: str        # the one that is compared
    unit: str
    more_is_better: bool
    peers: list
    others: list = field(default_factory=list)  # further figures for the table: (name, title)
    seconds: float = 0  # of one round; 0: words say how many messages
    first: int = 2000   # messages of the run that finds out how many
    most: int = 20000000
    pins: tuple = (None, None)  # the processors of server and client; None: any
    one: bool = False   # each request waits for its answer
    base: str = "muster"  # ratios are to this peer
    log: bool = True      # the plot's axis
    told: bool = True     # it matters how it was done, and whether it was acknowledged


RATE = [("cpu_us", "CPU us/msg"), ("p50_us", "p50 us"), ("p99_us", "p99 us")]

SCENARIOS = [
    Scenario("1", "Put and get in turn",
             "One client and the server, both on one processor; 100 bytes. p50 of a put.",
             "turn", [], "put_p50_us", "us", False,
             [MUSTER, MUSTER_AUTO, ENCRYPTED, LIST, STREAM, BEANSTALKD, JETSTREAM, GEARMAND,
              RABBITMQ, MANAGER, ECHO],
             [("take_p50_us", "take+ack p50 us"), ("put_p99_us", "put p99 us"),
              ("cpu_us", "CPU us/msg")], seconds=1, first=500, pins=(0, 0), one=True),
    Scenario("1.apart", "Put and get in turn, on two processors",
             "The same, the server on one processor and the client on another: each wakes the other "
             "up, unless it has not slept yet.",
             "turn", [], "put_p50_us", "us", False,
             [MUSTER, BUSY, LIST, BEANSTALKD, JETSTREAM, GEARMAND, ECHO],
             [("take_p50_us", "take+ack p50 us"), ("put_p99_us", "put p99 us"),
              ("cpu_us", "CPU us/msg")], seconds=1, first=500, pins=(0, 1), one=True),
    Scenario("2", "One producer, one consumer",
             "100 bytes, at most 1,000 messages put and not yet acknowledged by the consumer.",
             "flow", ["--window", "1000", "--batch", "250", "--ahead", "1000"], "rate", "msg/s",
             True, QUEUES + [RELAY], RATE, seconds=2, first=20000),
    Scenario("3", "Eight producers, eight consumers",
             "100 bytes; each client asks for one thing at a time and waits for the answer.",
             "flow", ["--producers", "8", "--consumers", "8"], "rate", "msg/s", True,
             QUEUES + [BUSY], RATE, seconds=2, first=4000, one=True),
    Scenario("4", "Large messages", "64 KiB, one producer, one consumer, window 16.",
             "flow", ["--size", "65536", "--window", "16", "--batch", "4", "--ahead", "16"],
             "bytes_rate", "B/s", True, QUEUES + [RELAY], RATE, seconds=2, first=500),
    Scenario("5.1", "Durable puts, 1 producer",
             "Each put is on stable storage before it is answered; one at a time; 100 bytes.",
             "puts", [], "rate", "put/s", True, DURABLE + [OVERWRITE, APPEND],
             [("cpu_us", "CPU us/msg")], seconds=2, first=200, one=True),
    Scenario("5.8", "Durable puts, 8 producers", "The same, 8 producers.", "puts",
             ["--producers", "8"], "rate", "put/s", True, DURABLE + [OVERWRITE],
             [("cpu_us", "CPU us/msg")], seconds=2, first=800, one=True),
    Scenario("5.64", "Durable puts, 64 producers", "The same, 64 producers.", "puts",
             ["--producers", "64"], "rate", "put/s", True, DURABLE + [OVERWRITE],
             [("cpu_us", "CPU us/msg")], seconds=2, first=6400, one=True),
    Scenario("6", "Memory per waiting message",
             "A million messages of 100 bytes wait; what the server has grown by, their bodies "
             "included.",
             "pile", ["--fill", "1000000"], "bytes_each", "B/msg", False,
             [MUSTER, PRIORITY, LIST, STREAM, SORTED, BEANSTALKD, JETSTREAM, GEARMAND, RABBITMQ],
             [("rate", "put msg/s")], log=False, told=False),
    Scenario("7", "Memory per idle connection", "5,000 connections that do nothing.", "idle",
             ["--consumers", "5000"], "bytes_each", "B/connection", False,
             [MUSTER, ENCRYPTED, LIST, BEANSTALKD, NATS, GEARMAND], [("connects", "connects/s")],
             told=False),
    Scenario("8.get", "One put, 200 getters wait",
             "Each getter is a process; from the put to the one that has the message. p50.",
             "wake", ["--consumers", "200", "--messages", "300"], "p50_us", "us", False,
             [MUSTER, MUSTER_AUTO, LIST, STREAM, BEANSTALKD, GEARMAND], [("p99_us", "p99 us")],
             one=True, log=False),
    Scenario("8.event", "One set, 200 waiters",
             "Each waiter is a process; from the set until the last has seen it. p50. Peers "
             "publish to subscribers: who is away meanwhile misses it.",
             "broadcast", ["--consumers", "200", "--messages", "50"], "p50_us", "us", False,
             [MUSTER, REDIS_CHANNEL, NATS, BROADCAST], [("p99_us", "p99 us")], log=False,
             told=False),
    Scenario("9", "Priorities, a million messages wait",
             "Put, get and acknowledge in turn, each request answered; random priorities. p50 of "
             "all three.",
             "turn", ["--fill", "1000000", "--random", "--kind", "priority"], "both_p50_us", "us",
             False, [PRIORITY_EMPTY, MUSTER, ENCRYPTED, SORTED, BEANSTALKD],
             [("put_p50_us", "put p50 us"), ("take_p50_us", "take+ack p50 us"),
              ("cpu_us", "CPU us/msg")], seconds=1, first=500, one=True, log=False,
             base="muster, empty queue"),
    Scenario("kinds", "Fifo, lifo, priority", "As scenario 2, by kind of queue.", "flow",
             ["--window", "1000", "--batch", "250", "--ahead", "1000"], "rate", "msg/s", True,
             [MUSTER, LIFO, PRIORITY], RATE, seconds=2, first=20000, log=False),
    Scenario("start", "Start of an empty server",
             "From the start of the process until it takes a connection.", "turn",
             ["--messages", "1"], "start_ms", "ms", False,
             [MUSTER, ENCRYPTED, replace(LIST, label="redis", driver="redis list"), BEANSTALKD, NATS,
              GEARMAND, RABBITMQ], told=False),
    Scenario("lines", "Lines of stdin", "A million lines of 100 bytes, from a file.", "lines",
             [], "rate", "line/s", True, [replace(MUSTER, note="muster put -q QUEUE < FILE"),
                                          replace(LIST, note="RPUSH each, redis-cli --pipe")],
             [("cpu_us", "CPU us/msg")], log=False),
    Scenario("cipher", "The bare cipher", "Sealed and opened, on one processor.", "alone", [],
             "bytes_rate", "B/s", True, CIPHERS, [("each_us", "us each")], base="", told=False),
]


@dataclass
class Growth:
    """What a message costs beside ever more of something; muster alone."""
    what: str
    title: str
    most: int
    steps: tuple = (1000, 100, 10, 1)  # parts of the most


GROWTH = [
    Growth("queued", "messages queued", 10_000_000),
    Growth("connections", "connections", 10_000),
    Growth("queues", "queues, all in use in turn", 10_000),
    Growth("waiters", "waiting gets of other queues", 100_000),
    Growth("deadlines", "deadlines, half messages, half gets", 100_000),
    Growth("leases", "leases of another queue", 100_000),
]
