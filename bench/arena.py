"""Where contestants meet: network namespaces, the observer in each, and the workers' processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bench.guard import link_names, switch_violations, violations
from bench.model import Contestant, Scenario, Step, Vif
from bench.peers import CACHE, CHECKOUT, beside, interpreter

ANSWER_TIMEOUT = 300.0  # seconds; the longest call is that of 500 hybrid VIFs, one by one
CONTEXTS = ("vif_plug_linux_bridge_privileged", "vif_plug_ovs_privileged")  # sections of privsep contexts

CALL, TRANSACTIONS, MEMORY = ": the call", ": transactions", "resident memory"  # what is measured besides


class NoAnswerError(Exception):
    """A child process ended, hung or reported an error."""


class ContestantError(Exception):
    """A contestant did not do the work; the text says what happened."""


class Process:
    """A child process that answers one line of JSON with one line of JSON."""

    def __init__(self, arguments: Sequence[str | Path], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # Not the working directory: entering a mount namespace leaves it.
                env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
            )

    def ask(self, request: dict[str, object]) -> dict[str, object]:
        try:
            print(json.dumps(request), file=self.stdin, flush=True)
        except BrokenPipeError:
            raise NoAnswerError(f"the process has ended; {self.last_words()}") from None
        return self.answer()

    def answer(self) -> dict[str, object]:
        assert self.process.stdout is not None
        watchdog = threading.Timer(ANSWER_TIMEOUT, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise NoAnswerError(f"no answer; {self.last_words()}")
        answer: dict[str, object] = json.loads(line)
        if "error" in answer:
            raise NoAnswerError(str(answer["error"]))
        return answer

    @property
    def stdin(self) -> IO[str]:
        assert self.process.stdin is not None
        return self.process.stdin

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        self.process.communicate()


@dataclass(slots=True)
class Measured:
    """One round of one contestant, by what was measured."""

    seconds: dict[str, float] = field(default_factory=dict)
    transactions: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)  # MiB
    faults: int = 0  # steps with a forgiven fault


class Arena:
    """One fresh network namespace and who works in it."""

    def __init__(self, scenario: Scenario, contestants: Sequence[Contestant], label: str) -> None:
        self.scenario = scenario
        self.logs = CACHE / "run" / label
        self.observer = Process(
            ["unshare", "--net", "--mount", sys.executable, "-m", "bench.workers.observer"],
            self.logs / "observer.log",
        )
        self.observer.answer()
        self.workers: dict[str, Process] = {}
        filled = self.observer.ask(
            {
                "do": "fill",
                "others": scenario.others,
                "commands": scenario.commands,
                "switch": scenario.switch,
            }
        )
        self.database = str(filled["database"]) if scenario.switch else ""
        for contestant in contestants:
            self.workers[contestant.name] = self.start(contestant)

    def start(self, contestant: Contestant) -> Process:
        python = interpreter(contestant.peer)
        home = self.logs / contestant.name.replace(" ", "-")
        enter = ["nsenter", f"--target={self.observer.process.pid}", "--net", "--mount"]
        # By path: os-vif 4.3.0 names its iptables chains after the script, and "-m" gives it no usable name.
        script = CHECKOUT / "bench" / "workers" / f"{contestant.worker}.py"
        arguments: list[str | Path] = [*enter, python, "-P", script]
        if contestant.worker == "vif":
            arguments.append(write_config(contestant, python, home, self.database))
        elif self.database:
            arguments.append(self.database)
        return Process(arguments, home / "worker.log")

    def measure(self, contestant: Contestant, number: int) -> Measured:
        """One round; raises ContestantError when a step was not done. Leaves a clean host."""
        steps = [step.in_round(number) for step in self.scenario.steps if takes_part(contestant, step)]
        vifs = [vif for step in steps for vif in step.vifs]
        measured = Measured()
        try:
            self.prepare(contestant, steps)
            for position, step in enumerate(steps):
                if step.fresh:
                    self.workers[contestant.name].close()
                    self.workers[contestant.name] = self.start(contestant)
                    self.prepare(contestant, steps)
                answer = self.workers[contestant.name].ask({"do": "measure", "step": position})
                one = self.taken(step, answer)
                if step.timed:
                    measured.seconds |= one.seconds
                    measured.transactions |= one.transactions
                measured.faults += self.verify(step, contestant.forgiven)
            if self.scenario.memory:
                measured.memory[MEMORY] = resident(self.workers[contestant.name].process.pid)
        except NoAnswerError as error:
            raise ContestantError(str(error)) from error
        finally:
            left = {"links": link_names(vifs), "ports": port_names(vifs)}
            self.observer.ask({"do": "clear", **left})
        return measured

    def prepare(self, contestant: Contestant, steps: Sequence[Step]) -> None:
        requests = [{"verb": step.verb, "vifs": [asdict(vif) for vif in step.vifs]} for step in steps]
        self.workers[contestant.name].ask({"do": "prepare", "steps": requests})

    def taken(self, step: Step, answer: Mapping[str, object]) -> Measured:
        """What a step took: with a switch until that was done, seen from outside, and the call alone."""
        started, seconds = (float(str(answer[key])) for key in ("started", "seconds"))
        if not self.scenario.switch:
            return Measured({step.name: seconds})
        request = {"do": "settle", "ports": port_names(step.vifs), "plugged": step.verb.startswith("plug")}
        settled = self.observer.ask(request)
        times = {step.name: max(seconds, float(str(settled["at"])) - started), step.name + CALL: seconds}
        return Measured(times, {step.name + TRANSACTIONS: float(str(settled["transactions"]))})

    def verify(self, step: Step, forgiven: str) -> bool:
        """Look whether it was done; whether there was a forgiven fault."""
        rules = any(not vif.filtered for vif in step.vifs)
        request = {"links": link_names(step.vifs), "ports": port_names(step.vifs), "rules": rules}
        seen = self.observer.ask({"do": "observe", **request})
        links, ports = seen["links"], seen["ports"]
        assert isinstance(links, dict)
        assert isinstance(ports, dict)
        if self.scenario.switch:
            found = switch_violations(step.verb, step.vifs, links, ports)
        else:
            found = violations(step.verb, step.vifs, links, str(seen["rules"]))
        bad = [text for text in found if not forgiven or forgiven not in text]
        if bad:
            raise ContestantError(f"{step.name}: returned, but " + "; ".join(bad[:3]))
        return bool(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers.values():
            worker.close()
        self.observer.close()


def takes_part(contestant: Contestant, step: Step) -> bool:
    return contestant.creates_taps or not step.needs_taps


def port_names(vifs: Sequence[Vif]) -> list[str]:
    return sorted({vif.port for vif in vifs if vif.kind != "bridge"})


def resident(pid: int) -> float:
    """MiB that a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise NoAnswerError(f"process {pid} has ended")


def write_config(contestant: Contestant, python: Path, home: Path, database: str) -> Path:
    """The configuration file of an os-vif contestant: its own lock path, its database, its daemon if it has one."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "bench.conf"
    lines = ["[oslo_concurrency]", f"lock_path = {home / 'locks'}"]
    if database:
        lines += ["[os_vif_ovs]", f"ovsdb_connection = unix:{database}"]
    for section in CONTEXTS if contestant.daemon else ():
        lines += [f"[{section}]", f"helper_command = {beside(python, 'privsep-helper')} --config-file {path}"]
    path.write_text("\n".join(lines) + "\n")
    return path
