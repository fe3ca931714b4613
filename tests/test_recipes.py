"""The README's recipes do what they say: they run as they stand there, as close as can be to what will run them."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ACCOUNT, Shell, can_mount, until
from faulty import FaultyExotel
from jobs import Sandbox, sandbox

README = Path(__file__).parent.parent / "README.md"
RECIPES = dict(re.findall(r"<!-- recipe (\w+) -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL))
BARE = "/usr/bin:/bin"
"""The PATH of cron; that of units has more, of which only `/usr/local` is ours."""
DLT_ID = "1107161234567890123"
TEXTING = [name for name, recipe in RECIPES.items() if re.search(r"\bexosms[, ]+(send|job)\b", recipe)]


def program_of(exosms: Shell) -> Path:
    """Return exosms as a program in a directory of its own, as /usr/local/bin would be for it."""
    directory = exosms.home / "bin"
    directory.mkdir(exist_ok=True)
    program = directory / "exosms"
    program.write_text(f'#!/bin/sh\nexec {" ".join(exosms.command())} "$@"\n')
    program.chmod(0o700)
    return program


def run(
    exosms: Shell, script: str, *, url: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a recipe's shell commands in an environment that has nothing but what they need."""
    everything = {
        "PATH": f"{program_of(exosms).parent}:{BARE}",
        "HOME": str(exosms.home),
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        **ACCOUNT,
        "EXOSMS_BASE_URL": url,
        **(env or {}),
    }
    return subprocess.run(
        ["sh", "-c", script], env=everything, cwd=exosms.home, capture_output=True, text=True, check=False, timeout=60
    )


def script(exosms: Shell, name: str, exit_code: int) -> None:
    """Write the script that a recipe runs."""
    file = exosms.home / name
    file.write_text(f"#!/bin/sh\necho said; exit {exit_code}\n")
    file.chmod(0o700)


def texts(exotel: FaultyExotel) -> list[str]:
    return [text for (_, text), deeds in exotel.deeds.items() for _ in deeds]


@pytest.mark.parametrize("name", TEXTING)
def test_every_text_has_its_dlt_id(name: str) -> None:
    assert re.search(rf"--dlt-template-id[\s,\"]+{DLT_ID}", RECIPES[name])


def test_what_is_installed_is_where_cron_and_units_look() -> None:
    program = re.findall(r"ln -sf (\S+) (\S+)", RECIPES["install"])[0]
    assert program == ("/opt/exosms/bin/exosms", "/usr/local/bin/exosms")
    for name in ("job", "cron"):
        path = re.match("PATH=(.*)", RECIPES[name])
        assert path
        assert path[1].split(":") == [str(Path(program[1]).parent), *BARE.split(":")]
    if shutil.which("systemd-path"):
        found = subprocess.run(
            ["systemd-path", "search-binaries-default"], capture_output=True, text=True, check=True
        )
        assert str(Path(program[1]).parent) in found.stdout.strip().split(":")


# cron


def crontab_command(name: str) -> str:
    """Return the command of a crontab as cron reads it."""
    _, line = RECIPES[name].strip().split("\n")
    return str(line.split(maxsplit=5)[5].replace(r"\%", "%"))


def test_cron_texts_once_a_day(exosms: Shell, exotel: FaultyExotel) -> None:
    script(exosms, "backup.sh", 0)
    for _ in range(2):
        done = run(exosms, crontab_command("cron"), url=exotel.url)
        assert (done.returncode, done.stderr) == (0, "")
    assert texts(exotel) == ["Backup finished - Acme"]


def test_cron_mails_what_keeps_the_text_from_going_out(exosms: Shell) -> None:
    script(exosms, "backup.sh", 0)
    with FaultyExotel(faults=1, seed=1, latency=0, kinds=["500"]) as server:
        done = run(exosms, crontab_command("cron"), url=server.url)
    assert done.returncode == 9
    assert "exosms: error: +919876543210: unknown: HTTP 500" in done.stderr


GROUPS = '[groups]\noncall = ["+919876543210", "+919876543211"]\n'


def group_file(exosms: Shell) -> str:
    file = exosms.home / "config.toml"
    file.write_text(GROUPS)
    file.chmod(0o600)
    return str(file)


@pytest.mark.parametrize(("exit_code", "sent"), [(0, 0), (3, 2)])
def test_a_cron_job_that_fails_is_texted_about_once_an_hour(
    exosms: Shell, exotel: FaultyExotel, exit_code: int, sent: int
) -> None:
    script(exosms, "backup.sh", exit_code)
    env = {"EXOSMS_CONFIG": group_file(exosms)}
    for _ in range(2):
        done = run(exosms, crontab_command("job"), url=exotel.url, env=env)
        assert (done.returncode, done.stdout, done.stderr) == (exit_code, "said\n", "")
    assert [re.sub(" on .*:", " on H:", text) for text in texts(exotel)] == [
        "backup.sh on H: exit code 3 - Acme"
    ] * sent


@contextmanager
def cron(exosms: Shell, crontab: str) -> Iterator[None]:
    """Run Debian's cron in the foreground, with that crontab and no other."""
    spool, nothing = exosms.home / "spool", exosms.home / "nothing"
    for directory in (spool, nothing):
        directory.mkdir()
    (spool / "root").write_text(crontab)
    (spool / "root").chmod(0o600)
    mounts = [f"{spool} /var/spool/cron/crontabs", f"{nothing} /etc/cron.d", f"{nothing} /run"]
    if Path("/etc/crontab").exists():
        mounts.append("/dev/null /etc/crontab")
    steps = [f"mount --bind {mount}" for mount in mounts]
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", " && ".join([*steps, "exec cron -f"])])
    try:
        yield
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def served(exosms: Shell) -> Iterator[Sandbox]:
    with sandbox(exosms) as served:
        yield served


@pytest.mark.skipif(not (shutil.which("cron") and can_mount()), reason="cron is not installed, or not ours to run")
def test_real_cron_runs_it_each_minute(exosms: Shell, served: Sandbox) -> None:
    """Twice, which takes two minutes at most: cron knows nothing shorter."""
    script(exosms, "backup.sh", 3)
    path, line = RECIPES["job"].strip().split("\n")
    path = path.replace("/usr/local/bin", str(program_of(exosms).parent))
    codes = exosms.home / "codes"
    every_minute = line.replace("*/10 * * * *", f"* * * * * cd {exosms.home} &&") + f"; echo $? >>{codes}"
    env = {**exosms.env, "HOME": str(exosms.home), "EXOSMS_CONFIG": group_file(exosms)}
    given = "".join(f"{name}={value}\n" for name, value in env.items())
    with cron(exosms, f"{given}{path}\n{every_minute}\n"):
        for runs in (1, 2):
            until(lambda: codes.exists() and codes.read_text().count("\n") >= runs, within=150)  # noqa: B023
    assert codes.read_text() == "3\n3\n"
    assert len(served.texts) == 2  # of each number one


# Scripts


@pytest.mark.parametrize(("kind", "exit_code", "pauses"), [("429", 11, [60, 300, 900, 0]), ("500", 9, [])])
def test_the_loop_goes_on_only_where_it_is_safe_and_never_waits_for_nothing(
    exosms: Shell, kind: str, exit_code: int, pauses: list[int]
) -> None:
    recipe = RECIPES["loop"].replace("exosms send", "exosms send --retry-for 0")  # the loop's own patience is tested
    with FaultyExotel(faults=1, seed=1, latency=0, kinds=[kind]) as server:
        done = run(exosms, f"sleep() {{ echo paused $1; }}\n{recipe}", url=server.url)
    assert (done.returncode, re.findall("paused (.*)", done.stdout)) == (exit_code, [*map(str, pauses)]), done.stderr
    assert server.requests >= 1


def test_the_loop_ends_when_it_was_accepted(exosms: Shell, exotel: FaultyExotel) -> None:
    done = run(exosms, RECIPES["loop"], url=exotel.url)
    assert (done.returncode, len(texts(exotel))) == (0, 1), done.stderr


# systemd


def unit_lines(kind: str) -> list[str]:
    return [line.removeprefix(f"{kind}=") for line in RECIPES["systemd"].splitlines() if line.startswith(f"{kind}=")]


def test_a_unit_that_failed_is_texted_about_once_an_hour(exosms: Shell, exotel: FaultyExotel) -> None:
    token = exosms.home / "token"
    token.write_text("token\n")
    token.chmod(0o440)
    (command,) = unit_lines("ExecStart")
    assigned = " ".join(unit_lines("Environment"))
    told = {"%S": str(exosms.home), "%d": str(exosms.home), "%i": "backup.service", "%H": "host"}
    for specifier, value in told.items():
        assigned, command = assigned.replace(specifier, value), command.replace(specifier, value)
    env = dict(pair.split("=", 1) for pair in assigned.split())
    assert env.keys() >= {"EXOTEL_DLT_ENTITY_ID", "EXOTEL_FROM", "EXOSMS_STATE_DIR"}
    for _ in range(2):
        done = run(exosms, command, url=exotel.url, env={**env, "EXOTEL_REGION": "", "EXOTEL_API_TOKEN": ""})
        assert done.returncode == 0, done.stderr
    assert texts(exotel) == ["backup.service failed on host - Acme"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_unit(exosms: Shell) -> None:
    program = program_of(exosms)
    unit = RECIPES["systemd"].replace("ExecStart=exosms", f"ExecStart={program}")
    (exosms.home / "sms@.service").write_text(unit)
    by = re.search(r"By `(OnFailure=\S+)` in its `\[Unit\]`", README.read_text())
    assert by
    (exosms.home / "backup.service").write_text(f"[Unit]\n{by[1]}\n[Service]\nExecStart=/bin/false\n")
    for name in ("backup.service", "sms@backup.service"):
        if "@" in name:
            shutil.copy(exosms.home / "sms@.service", exosms.home / name)
        verified = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(exosms.home / name)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**exosms.full_env(), "SYSTEMD_UNIT_PATH": f"{exosms.home}:"},
        )
        ours = [line for line in verified.stderr.splitlines() if "sms@" in line or "backup" in line]
        assert (verified.returncode, ours) == (0, []), verified.stderr


# CI


def test_github_actions_texts_about_a_step(exosms: Shell, exotel: FaultyExotel) -> None:
    (step,) = yaml.safe_load(RECIPES["github"])
    assert set(step["env"]) >= set(ACCOUNT) | {"EXOTEL_REGION", "ONCALL"}
    script(exosms, "deploy.sh", 3)
    done = run(exosms, f"set -e; {step['run']}", url=exotel.url, env={"ONCALL": "9876543210"})
    assert (done.returncode, done.stdout, done.stderr) == (3, "said\n", "")
    assert texts(exotel) == ["deploy.sh: exit code 3 - Acme"]


def test_github_actions_texts_about_any_step(exosms: Shell, exotel: FaultyExotel) -> None:
    (step,) = yaml.safe_load(RECIPES["github_failure"])
    env = {"GITHUB_WORKFLOW": "Release $(id)", "GITHUB_REF_NAME": "main", "ONCALL": "9876543210,9876543211"}
    assert (step["if"], run(exosms, step["run"], url=exotel.url, env=env).returncode) == ("failure()", 0)
    assert texts(exotel) == ["Release $(id) failed on main - Acme"] * 2


class Runner:
    """A runner of GitLab's, as far as it matters here: a fresh directory for each job, and caches by their key."""

    def __init__(self, exosms: Shell, url: str) -> None:
        self._exosms = exosms
        self._url = url
        self._caches: dict[str, Path] = {}

    def run(self, job: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        project = self._exosms.home / "project"
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir()
        cache, (path,) = job["cache"], job["cache"]["paths"]
        if cache["key"] in self._caches:
            shutil.copytree(self._caches[cache["key"]], project / path)
        given = {"CI_PIPELINE_ID": "42", "ONCALL": "9876543210", "CI_PROJECT_DIR": str(project)}
        ours = {
            name: value.replace("$CI_PROJECT_DIR", str(project)) for name, value in job.get("variables", {}).items()
        }
        done = run(self._exosms, "\n".join(job["script"]), url=self._url, env=given | ours)
        when = cache.get("when", "on_success")
        if when == "always" or (when == "on_success") == (done.returncode == 0):
            kept = self._caches[cache["key"]] = self._exosms.home / f"cache-{cache['key']}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(project / path, kept)
        return done


@pytest.mark.parametrize(("faults", "exit_codes"), [(0, (3, 0)), (1, (3, 9))])
def test_gitlab_texts_once_for_each_pipeline_also_after_a_lost_answer(
    exosms: Shell, faults: float, exit_codes: tuple[int, int]
) -> None:
    script(exosms, "deploy.sh", 3)
    for name, exit_code in zip(("gitlab", "gitlab_failure"), exit_codes, strict=True):
        (job,) = yaml.safe_load(RECIPES[name]).values()
        job["script"] = [line.replace("./deploy.sh", f"{exosms.home}/deploy.sh") for line in job["script"]]
        assert job["cache"]["key"] == "exosms"  # its own: another's is thrown away with that
        with FaultyExotel(faults=faults, seed=1, latency=0, kinds=["500"]) as server:
            runner = Runner(exosms, server.url)
            for _ in range(3):
                done = runner.run(job)
                assert done.returncode == exit_code, done.stderr
            assert server.requests == 1
        shutil.rmtree(exosms.home / "cache-exosms")


# Containers


def test_a_container_needs_no_home(exosms: Shell, exotel: FaultyExotel) -> None:
    first, command = re.split(r"IMAGE \\\n", RECIPES["container"])
    owner = re.search(r"--user 0 .* chown (\d+) /state", first)
    assert owner
    assert f"--user {owner[1]} " in first
    assert "--env EXOSMS_STATE_DIR=/state" in first
    state = exosms.home / "volume"
    state.mkdir()
    for _ in range(2):
        done = run(exosms, command, url=exotel.url, env={"HOME": "", "EXOSMS_STATE_DIR": str(state)})
        assert done.returncode == 0, done.stderr
    assert texts(exotel) == ["Deployed - Acme"]


def test_kubernetes_lets_its_user_write(exosms: Shell, exotel: FaultyExotel) -> None:
    pod = yaml.safe_load(RECIPES["kubernetes"])["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (volume,) = pod["volumes"]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"] == 65534
    assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/state"}]
    assert container["env"] == [{"name": "EXOSMS_STATE_DIR", "value": "/state"}]
    script(exosms, "backup.sh", 3)
    command = shlex.join(container["command"]).replace("$(ONCALL)", "9876543210")
    state = exosms.home / "volume"
    state.mkdir()
    for _ in range(2):
        done = run(exosms, command, url=exotel.url, env={"HOME": "", "EXOSMS_STATE_DIR": str(state)})
        assert (done.returncode, done.stderr) == (3, "")
    assert texts(exotel) == ["backup: exit code 3 - Acme"]


# On a developer's machine


def test_the_hook_names_each_text_that_is_not_registered(exosms: Shell) -> None:
    (hook,) = yaml.safe_load(RECIPES["hook"])[0]["hooks"]
    registered = re.search(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    assert registered
    (exosms.home / "templates.toml").write_text(registered[1])
    texts = {
        "good.txt": "4711 is your OTP for login. - Acme\n",
        "bad one.txt": "4711 is your OTP for login - Acme\n",
        "other.txt": "4712 is your OTP for login. - Acme\n",
        "worse.txt": "Hello\n",
    }
    for name, text in texts.items():
        (exosms.home / name).write_text(text)
    program_of(exosms)
    for names, bad in ((["good.txt", "other.txt"], []), ([*texts], ["bad one.txt", "worse.txt"])):
        argv = [*shlex.split(hook["entry"]), *names]  # which is how pre-commit starts it
        done = run(exosms, shlex.join(argv), url="http://127.0.0.1:9")
        assert done.returncode == (3 if bad else 0), done.stdout
        assert re.findall(r"^(.*?\.txt): mismatch", done.stdout, re.MULTILINE) == bad


COMPLETES = {
    "bash": 'source ~/.bashrc; complete -p exosms; _init_completion() { :; }; test -n "$(complete -p exosms)"',
    "zsh": "fpath+=~/.zfunc; autoload -Uz compinit; compinit -u -D; test $_comps[exosms] = _exosms",
    "fish": "complete -C 'exosms ' | grep -q '^send'",
}


@pytest.mark.parametrize("shell", COMPLETES)
def test_completions_are_where_their_shell_looks(exosms: Shell, shell: str) -> None:
    path = shutil.which(shell)
    if path is None and not os.environ.get("CI"):
        pytest.skip(f"{shell} is not installed")
    installed = run(exosms, RECIPES["completion"], url="http://127.0.0.1:9")
    assert (installed.returncode, installed.stderr) == (0, "")
    asked = run(exosms, shlex.join([path or shell, "-c", COMPLETES[shell]]), url="http://127.0.0.1:9")
    assert asked.returncode == 0, asked.stderr
