"""scenarios - what is measured: one table of scenarios, each with the peers that take part.

A scenario has one figure by which the peers are compared, and a side of it that is better. `words`
are those of the load program. Where `seconds` is given the number of messages is chosen for each
peer, so that a round takes about so long.
"""
from dataclasses import dataclass, field

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
MUSTER_AUTO = Peer("muster auto", servers.Muster)
ENCRYPTED = Peer("muster encrypted", servers.MusterEncrypted, "muster", "as muster, encrypted")
LIST = Peer("redis list", servers.Redis)
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
    pin: bool = False   # server and client on one processor
    one: bool = False   # each request waits for its answer
    base: str = "muster"  # ratios are to this peer


RATE = [("cpu_us", "CPU us/msg"), ("p50_us", "p50 us"), ("p99_us", "p99 us")]

SCENARIOS = [
    Scenario("1", "Put and get in turn",
             "One client and the server, both on one processor; 100 bytes. p50 of a put.",
             "turn", [], "put_p50_us", "us", False,
             [MUSTER, MUSTER_AUTO, ENCRYPTED, LIST, STREAM, BEANSTALKD, JETSTREAM, GEARMAND,
              RABBITMQ, MANAGER, ECHO],
             [("take_p50_us", "take+ack p50 us"), ("put_p99_us", "put p99 us"),
              ("cpu_us", "CPU us/msg")], seconds=1, first=500, pin=True, one=True),
    Scenario("2", "One producer, one consumer",
             "100 bytes, at most 1,000 messages put and not yet acknowledged by the consumer.",
             "flow", ["--window", "1000", "--batch", "250", "--ahead", "1000"], "rate", "msg/s",
             True, QUEUES + [RELAY], RATE, seconds=2, first=20000),
    Scenario("3", "Eight producers, eight consumers",
             "100 bytes; each client asks for one thing at a time and waits for the answer.",
             "flow", ["--producers", "8", "--consumers", "8"], "rate", "msg/s", True, QUEUES,
             RATE, seconds=2, first=4000, one=True),
    Scenario("4", "Large messages", "64 KiB, one producer, one consumer, window 16.",
             "flow", ["--size", "65536", "--window", "16", "--batch", "4", "--ahead", "16"],
             "bytes_rate", "B/s", True, QUEUES + [RELAY], RATE, seconds=2, first=500),
]
