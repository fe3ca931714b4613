"""Times whole commands against baselines in the same run, interleaved, and prints the ratios of their medians.

Run: python tests/benchmarks/startup.py [ROUNDS]

Nothing here gates anything: machines are noisy, ratios from one run are what can be compared.
"""

import http.server
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ANSWER = '{"SMSMessage": {"Sid": "%s", "To": "09876543210", "Status": "queued"}}'

HTTPX = """
import httpx, sys
answer = httpx.post(sys.argv[1] + "/v1/Accounts/acme1/Sms/send.json", auth=("key", "token"),
                    data={"From": "ACMEIN", "To": "+919876543210", "Body": "Hello"})
print(answer.json()["SMSMessage"]["Sid"])
"""


class Exotel(http.server.BaseHTTPRequestHandler):
    """Accepts whatever it is sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer as Exotel does."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        answer = (ANSWER % secrets.token_hex(16)).encode()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def seconds(command: Sequence[str], env: Mapping[str, str]) -> float:
    """Return how long one whole process takes; one that fails would be timed for the wrong thing."""
    started = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print a table of medians and ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exotel)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    home = tempfile.mkdtemp()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "EXOTEL_ACCOUNT_SID": "acme1",
        "EXOTEL_API_KEY": "key",
        "EXOTEL_API_TOKEN": "token",
    }
    exosms = [shutil.which("exosms", path=str(Path(sys.executable).parent)) or "exosms"]
    send = [*exosms, "send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hello", "--base-url", url]
    post = f"{url}/v1/Accounts/acme1/Sms/send.json"
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "--version": [*exosms, "--version"],
        "--help": [*exosms, "--help"],
        "send --help": [*exosms, "send", "--help"],
        "send -p TAB": exosms,
        "httpx.post": [sys.executable, "-c", HTTPX, url],
        "curl": ["curl", "-sf", "-u", "key:token", "-d", "From=A", "-d", "To=B", "-d", "Body=C", post],
        "send, no ledger": [*send, "--rate", "off"],
        "send": [*send, "--rate", "off"],
    }
    blocked = Path(home) / "a-file"
    blocked.write_text("")
    envs = {
        "send, no ledger": {**env, "EXOSMS_STATE_DIR": str(blocked / "state")},
        "send -p TAB": {
            **env,
            "_EXOSMS_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_TYPER_COMPLETE_ARGS": "exosms send -p ",
        },
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            times[name].append(seconds(command, envs.get(name, env)))
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    baselines = {"--version": "python", "--help": "python", "send --help": "python", "send -p TAB": "--version"}
    print(f"{'command':<18}{'median ms':>10}  ratio")
    for name, median in medians.items():
        base = baselines.get(name, "httpx.post")
        print(f"{name:<18}{median * 1000:>10.1f}  {median / medians[base]:.2f} x {base}")
    server.shutdown()
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
