"""Times `exosms bulk` against other ways to send a file, and measures its pace and its memory.

Run: python tests/benchmarks/bulk.py [speed|pace|memory ...]

speed   10,000 rows, nothing held back, in rounds: a requests.Session loop (pip install requests), curl --parallel,
        exosms bulk; prints ratios of medians
pace    100 requests at 200 a minute, answered after 0, 1 and 2 seconds: share of the rate, share of a core
memory  10,000, 100,000 and 1,000,000 rows: peak of resident memory, and seconds for each 10,000 rows

Nothing here gates anything: machines are noisy, ratios from one run are what can be compared.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOOP = """
import csv, requests, sys
session = requests.Session()
session.auth = ("key", "token")
for row in csv.DictReader(open(sys.argv[2])):
    answer = session.post(sys.argv[1], data={"From": "ACMEIN", "To": "+91" + row["to"], "Body": row["body"]})
    answer.raise_for_status()
"""

STUB = '''
"""Accepts every message; prints its port, and on SIGTERM the count and when the second and last request came."""
import json, signal, socket, sys, threading, time
from urllib.parse import parse_qsl

latency = float(sys.argv[1])
came, messages, lock = [], [0], threading.Lock()

def serve(connection):
    with connection, connection.makefile("rb") as stream:
        while line := stream.readline():
            length = 0
            while (header := stream.readline()) not in (b"\\r\\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            body = stream.read(length)
            with lock:
                came.append(time.monotonic())
            time.sleep(latency)
            fields = parse_qsl(body.decode())
            tos = [value for name, value in fields if name.partition("[")[0] == "To" or name.endswith("[To]")]
            items = [{"SMSMessage": {"Sid": to[1:].zfill(32), "To": "0" + to[3:], "Status": "queued"}} for to in tos]
            answer = json.dumps(items if b"bulksend" in line or len(items) > 1 else items[0]).encode()
            with lock:
                messages[0] += len(tos)
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(answer) + answer)

def guarded(connection):
    try:
        serve(connection)
    except OSError:
        pass

def tell(*_):
    print(messages[0], len(came), came[1] if came[1:] else 0, came[-1] if came else 0, flush=True)
    raise SystemExit

signal.signal(signal.SIGTERM, tell)
listener = socket.create_server(("127.0.0.1", 0), backlog=512)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=guarded, args=(listener.accept()[0],), daemon=True).start()
'''


@dataclass
class Arrived:
    """What reached the server."""

    messages: int = 0
    requests: int = 0
    seconds: float = 0.0
    """From the second request to the last: the first, which proves the account, is waited for."""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


@contextmanager
def exotel(latency: float = 0.0) -> Iterator[tuple[str, Arrived]]:
    """Serve in a process of its own, so that the server's work is not the client's."""
    server = subprocess.Popen([sys.executable, "-c", STUB, str(latency)], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    arrived = Arrived()
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}", arrived
    finally:
        server.terminate()
        messages, requests, second, last = server.communicate()[0].split()
        arrived.messages, arrived.requests = int(messages), int(requests)
        arrived.seconds = float(last) - float(second)


def cost(command: Sequence[str], env: Mapping[str, str]) -> Cost:
    """Run one whole process and return what it took; one that fails would be timed for the wrong thing."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Bench:
    """Files, and an account of its own, below one directory."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._exosms = shutil.which("exosms", path=str(Path(sys.executable).parent)) or "exosms"

    def env(self, url: str) -> Mapping[str, str]:
        """Return an environment with a state directory that nobody has used."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "EXOSMS_STATE_DIR": tempfile.mkdtemp(dir=self._home),
            "EXOSMS_BASE_URL": url,
            "EXOTEL_ACCOUNT_SID": "acme1",
            "EXOTEL_API_KEY": "key",
            "EXOTEL_API_TOKEN": "token",
            "EXOTEL_FROM": "ACMEIN",
        }

    def file(self, rows: int) -> Path:
        """Return a CSV whose rows are all different."""
        path = self._home / f"{rows}.csv"
        if not path.exists():
            with path.open("w") as file:
                file.write("to,body\n")
                for n in range(rows):
                    text = f"Dear Name{n}, your order {n * 7} has left us and will arrive soon. - Acme"
                    file.write(f'{9_800_000_000 + n},"{text}"\n')
        return path

    def bulk(self, rows: int, *argv: str) -> Sequence[str]:
        """Return the command that sends a file."""
        return [self._exosms, "bulk", str(self.file(rows)), "--yes", "-q", *argv]

    def curl(self, url: str, rows: int) -> Sequence[str]:
        """Return the command by which curl sends the same file."""
        path = self._home / "curl.conf"
        common = f'url = "{url}"\nuser = "key:token"\noutput = "/dev/null"\nsilent\n'
        transfers = []
        for line in self.file(rows).read_text().splitlines()[1:]:
            to, _, text = line.partition(",")
            body = text.strip('"').replace(" ", "+").replace(",", "%2C")
            transfers.append(f'{common}data = "From=ACMEIN&To=%2B91{to}&Body={body}"\n')
        path.write_text("next\n".join(transfers))
        return ["curl", "--no-progress-meter", "--parallel", "--parallel-max", "50", "--config", str(path)]

    def speed(self, rows: int = 10_000, rounds: int = 5) -> None:
        """Print how long a file takes, as ratios to a loop and to curl."""
        times: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name in ("requests loop", "curl --parallel", "exosms bulk"):
                with exotel() as (url, arrived):
                    post = f"{url}/v1/Accounts/acme1/Sms/send.json"
                    commands = {
                        "requests loop": [sys.executable, "-c", LOOP, post, str(self.file(rows))],
                        "curl --parallel": self.curl(post, rows),
                        "exosms bulk": self.bulk(rows, "--rate", "off"),
                    }
                    times.setdefault(name, []).append(cost(commands[name], self.env(url)).seconds)
                if arrived.messages != rows:
                    print(f"{name}: {arrived.messages} messages arrived instead of {rows}")
        medians = {name: statistics.median(values) for name, values in times.items()}
        print(f"{rows} rows, {rounds} rounds\n{'':<18}{'median s':>9}  exosms takes")
        for name, median in medians.items():
            print(f"{name:<18}{median:>9.2f}  {medians['exosms bulk'] / median:.3f} x")

    def pace(self, requests: int = 100, per_minute: int = 200) -> None:
        """Print how much of the allowed rate is used, by when the requests arrive."""
        print(f"{requests} requests at {per_minute} a minute\nlatency s  of the rate  of a core  after start-up")
        for latency in (0.0, 1.0, 2.0):
            with exotel(latency) as (url, _):
                start = cost(self.bulk(1, "--rate", f"{per_minute}/min"), self.env(url))
            with exotel(latency) as (url, arrived):
                used = cost(self.bulk(requests, "--rate", f"{per_minute}/min"), self.env(url))
            reached = (arrived.requests - 2) / arrived.seconds * 60 / per_minute
            whole = used.cpu_seconds / used.seconds
            after = (used.cpu_seconds - start.cpu_seconds) / (used.seconds - start.seconds)
            print(f"{latency:>9}{100 * reached:>11.1f} %{100 * whole:>9.1f} %{100 * after:>14.1f} %")

    def memory(self) -> None:
        """Print peak memory, and how cost grows with the file."""
        print(f"{'rows':>9}{'peak MB':>9}{'s':>8}  s for each 10,000")
        for rows in (10_000, 100_000, 1_000_000):
            with exotel() as (url, _):
                used = cost(self.bulk(rows, "--rate", "off"), self.env(url))
            print(f"{rows:>9}{used.peak_mb:>9.1f}{used.seconds:>8.1f}  {used.seconds / rows * 10_000:.2f}")
            self.file(rows).unlink()


def main() -> None:
    """Run what was named, or everything."""
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Path(home))
        for name in sys.argv[1:] or ("speed", "pace", "memory"):
            getattr(bench, name)()


if __name__ == "__main__":
    main()
