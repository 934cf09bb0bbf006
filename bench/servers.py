"""servers - starts and ends the server of each peer, on a port and in a folder of its own.

Each server is one process (and its children), known by its id and ended by it. What it needs on disk
is in a temporary folder that is removed with it. Whether a peer can run at all is asked first, and
the answer is a reason for people.
"""
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HOST = "127.0.0.1"
READY_S = 60


# Servers of many connections inherit what the system allows at most.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


class Cannot(Exception):
    """The peer cannot take part; the text says why."""


def free_port():
    """A port that nobody uses now. Another program could take it before the server does; then the
    server fails to start, which is told."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def find(program):
    places = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    path = shutil.which(program, path=places)
    if path is None:
        raise Cannot(f"{program} is not installed; try 'make bench-deps'")
    return path


class Server:
    """One running server. Used as a context: leaving it ends the process."""

    program = None  # of the load generator: load-PROGRAM
    version_words = None

    def __init__(self, build, durable=False, pin=None, extra=()):
        self.build = build
        self.durable = durable
        self.pin = pin
        self.extra = list(extra)
        self.port = None
        self.process = None
        # Below the build, so that it is on a disk where /tmp is not.
        self.folder = tempfile.mkdtemp(prefix="server-", dir=os.path.join(build, "bench"))
        self.start_s = None

    # What each peer says for itself.
    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def ready(self):
        """Does it answer? By default: does it take a connection?"""
        try:
            with socket.create_connection((HOST, self.port), timeout=1):
                return True
        except OSError:
            return False

    def clean_up(self):
        pass

    def load_words(self):
        return ["--host", HOST, "--port", str(self.port), "--server", str(self.server_pid())]

    def load_environment(self):
        return dict(os.environ)

    def server_pid(self):
        return self.process.pid

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self):
        self.port = free_port()
        words = self.command()
        if self.pin is not None:
            words = [find("taskset"), "-c", str(self.pin)] + words
        log = open(os.path.join(self.folder, "log"), "wb")
        begin = time.monotonic()
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env=self.environment(), cwd=self.folder,
                                        start_new_session=True, pass_fds=self.files())
        log.close()
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() - begin > READY_S:
                raise Cannot(f"{os.path.basename(words[0])} did not start: {self.last_words()}")
            time.sleep(0.001)
        self.start_s = time.monotonic() - begin

    def files(self):
        return ()

    def last_words(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            lines = [line.strip() for line in log if line.strip()]
        return lines[-1] if lines else "it said nothing"

    def __exit__(self, *unused):
        self.clean_up()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                # Its whole group, which is its own: nothing that it started stays behind.
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Muster(Server):
    program = "muster"
    has_disk = None

    def command(self):
        self.reading, self.writing = os.pipe()
        words = [os.path.join(self.build, "musterd"), "--listen", f"{HOST}:0", "--ready-fd",
                 str(self.writing), "--max-memory", "0", "--max-connections", "60000",
                 "--silence", "1h", "--max-unauthenticated", "60000", "--max-per-address", "60000"]
        if self.durable:
            if "--data-dir" not in run_for_text([words[0], "--help"]):
                raise Cannot("this musterd has no --data-dir yet")
            words += ["--data-dir", os.path.join(self.folder, "data")]
        return words + self.extra

    def files(self):
        return (self.writing,)

    def ready(self):
        """The broker says itself when, and on which port."""
        os.close(self.writing)
        with os.fdopen(self.reading) as said:
            line = said.readline()
        if not line:
            self.process.wait(timeout=READY_S)
            return False
        self.port = int(line.strip().rsplit(":", 1)[1])
        return True


class MusterBusy(Muster):
    """Broker and clients look for more for a moment before they sleep."""
    poll = "50us"

    def command(self):
        return super().command() + ["--busy-poll", self.poll]

    def load_environment(self):
        return dict(os.environ, MUSTER_BUSY_POLL=self.poll)


class MusterEncrypted(Muster):
    def command(self):
        keys = os.path.join(self.folder, "keys")
        os.mkdir(keys, 0o700)
        with open(os.path.join(keys, "permissions"), "w") as permissions:
            permissions.write("allow anonymous * **\n")
        os.chmod(os.path.join(keys, "permissions"), 0o600)
        self.key = run_for_text([os.path.join(self.build, "muster"), "keygen",
                                 os.path.join(keys, "server.key")]).split()[-1]
        return super().command() + ["--keys-dir", keys, "--allow-anonymous"]

    def load_words(self):
        return super().load_words() + ["--server-key", self.key]


class Redis(Server):
    program = "redis"

    def command(self):
        words = [find("redis-server"), "--bind", HOST, "--port", str(self.port), "--save", "",
                 "--dir", self.folder, "--maxclients", "60000", "--daemonize", "no"]
        if self.durable:
            words += ["--appendonly", "yes", "--appendfsync", "always"]
        return words


class Beanstalkd(Server):
    program = "beanstalkd"

    def command(self):
        words = [find("beanstalkd"), "-l", HOST, "-p", str(self.port), "-z", "1000000"]
        if self.durable:
            os.mkdir(os.path.join(self.folder, "binlog"))
            words += ["-b", os.path.join(self.folder, "binlog"), "-f0"]
        return words


class Nats(Server):
    program = "nats"

    def command(self):
        return [find("nats-server"), "-a", HOST, "-p", str(self.port), "-js", "-sd", self.folder]


class Gearmand(Server):
    program = "gearman"

    def command(self):
        return [find("gearmand"), "--listen", HOST, "--port", str(self.port), "--threads", "1",
                "--log-file", os.path.join(self.folder, "gearmand.log"), "--file-descriptors",
                "8192"] + (["--user", "root"] if os.geteuid() == 0 else [])


class Rabbitmq(Server):
    program = "rabbitmq"

    def command(self):
        self.names_port = free_port()
        # The program in the PATH changes the user and the folder; this is what it starts.
        own = "/usr/lib/rabbitmq/bin/rabbitmq-server"
        return [own if os.path.exists(own) else find("rabbitmq-server")]

    def environment(self):
        os.chmod(self.folder, 0o755)
        return dict(os.environ, HOME=self.folder, RABBITMQ_NODENAME=f"bench{self.port}@localhost",
                    RABBITMQ_NODE_IP_ADDRESS=HOST, RABBITMQ_NODE_PORT=str(self.port),
                    RABBITMQ_DIST_PORT=str(free_port()), RABBITMQ_MNESIA_BASE=self.folder,
                    RABBITMQ_LOG_BASE=self.folder, RABBITMQ_LOGS="-",
                    RABBITMQ_ENABLED_PLUGINS_FILE=os.path.join(self.folder, "plugins"),
                    ERL_EPMD_PORT=str(self.names_port), ERL_EPMD_ADDRESS=HOST)

    def server_pid(self):
        """The virtual machine: a descendant of the script that was started."""
        for pid in descendants(self.process.pid):
            try:
                with open(f"/proc/{pid}/comm") as name:
                    if name.read().strip() == "beam.smp":
                        return pid
            except OSError:
                continue
        return self.process.pid

    def clean_up(self):
        """The script hands no signal on, and the daemon of names stays behind: end both by id."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.kill(self.server_pid(), signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            pass
        subprocess.run([shutil.which("epmd") or "epmd", "-port", str(self.names_port), "-kill"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


class Manager(Server):
    program = "manager"

    def command(self):
        return [find("python3"), os.path.join(os.path.dirname(__file__), "manager.py"), "serve",
                str(self.port)]


class Alone(Server):
    """No server at all: the load is the limit."""
    program = "alone"

    def start(self):
        self.port, self.start_s = 0, 0

    def server_pid(self):
        return 0


class Limit(Server):
    program = "limit"

    def command(self):
        return [os.path.join(self.build, "bench", "limit-server")]

    def ready(self):
        with open(os.path.join(self.folder, "log")) as log:
            line = log.readline()
        if line.endswith("\n"):
            self.port = int(line)
        return line.endswith("\n")


def descendants(pid):
    """Who was started by a process, and by those; some may end while we look."""
    found, ask = [], [pid]
    while ask and len(found) < 1000:
        parent = ask.pop()
        try:
            with open(f"/proc/{parent}/task/{parent}/children") as children:
                ask += [int(child) for child in children.read().split()]
        except OSError:
            continue
        found.append(parent)
    return found


def run_for_text(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=30, check=False)
    return done.stdout
