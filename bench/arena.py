"""Where contestants meet: network namespaces, the observer in each, and the workers' processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bench.guard import link_names, violations
from bench.model import Contestant, Scenario, Step
from bench.peers import CACHE, CHECKOUT, beside, interpreter

ANSWER_TIMEOUT = 120.0  # seconds; the longest call is the removal of 500 bridge ports
CONTEXT = "vif_plug_linux_bridge_privileged"  # the section of the plugin's privsep context


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
        self.observer.ask({"do": "fill", "others": scenario.others, "commands": scenario.commands})
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
            arguments.append(write_config(contestant, python, home))
        return Process(arguments, home / "worker.log")

    def measure(self, contestant: Contestant, number: int) -> dict[str, float]:
        """Seconds of each step in this round; raises ContestantError when one was not done. Leaves a clean host."""
        worker = self.workers[contestant.name]
        steps = [step.in_round(number) for step in self.scenario.steps if takes_part(contestant, step)]
        requests = [{"verb": step.verb, "vifs": [asdict(vif) for vif in step.vifs]} for step in steps]
        seconds: dict[str, float] = {}
        try:
            worker.ask({"do": "prepare", "steps": requests})
            for position, step in enumerate(steps):
                answer = worker.ask({"do": "measure", "step": position})
                seconds[step.name] = float(str(answer["seconds"]))
                self.verify(step)
        except NoAnswerError as error:
            raise ContestantError(str(error)) from error
        finally:
            self.observer.ask(
                {"do": "clear", "links": link_names([vif for step in steps for vif in step.vifs])}
            )
        return seconds

    def verify(self, step: Step) -> None:
        rules = any(not vif.filtered for vif in step.vifs)
        seen = self.observer.ask({"do": "observe", "links": link_names(step.vifs), "rules": rules})
        links = seen["links"]
        assert isinstance(links, dict)
        found = violations(step.verb, step.vifs, links, str(seen["rules"]))
        if found:
            raise ContestantError(f"{step.name}: returned, but " + "; ".join(found[:3]))

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


def write_config(contestant: Contestant, python: Path, home: Path) -> Path:
    """The configuration file of an os-vif contestant: its own lock path, and its daemon if it has one."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "bench.conf"
    lines = ["[oslo_concurrency]", f"lock_path = {home / 'locks'}"]
    if contestant.daemon:
        lines += [f"[{CONTEXT}]", f"helper_command = {beside(python, 'privsep-helper')} --config-file {path}"]
    path.write_text("\n".join(lines) + "\n")
    return path
