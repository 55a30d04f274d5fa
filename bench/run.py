"""Runs a scenario: fresh namespaces, one warm-up round, then the rounds in random order."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.arena import Arena, ContestantError
from bench.model import Contestant, Outcome, Program, Scenario, StartScenario
from bench.peers import CHECKOUT, beside, interpreter


def run_host_scenario(scenario: Scenario) -> list[Outcome]:
    """Measure all contestants; one that fails is out, with its reason, and the others go on.

    The times first; with a switch also the database transactions, and if asked for the memory.
    """
    times, counts, memory = (new_outcome(scenario, unit) for unit in ("", "transactions", "MiB"))
    running = {contestant.name: contestant for contestant in scenario.contestants}
    with ExitStack() as stack:
        arenas = open_arenas(scenario, stack)
        # Round 0 starts daemons and fills caches; it is checked like the others but not counted.
        for number in range(0 if scenario.warm_up else 1, scenario.rounds + 1):
            for name in random.sample(sorted(running), len(running)):
                if number > (running[name].rounds or number):
                    continue
                try:
                    measured = arenas[name].measure(running[name], number)
                except ContestantError as failure:
                    times.failures[name] = str(failure)
                    del running[name]
                else:
                    if number:
                        record(times, name, measured.seconds)
                        record(counts, name, measured.transactions)
                        record(memory, name, measured.memory)
                        times.faults[name] = times.faults.get(name, 0) + measured.faults
    outcomes = [times, *(outcome for outcome in (counts, memory) if outcome.seconds)]
    drop_failed(outcomes, times.failures)
    return outcomes


def new_outcome(scenario: Scenario, unit: str) -> Outcome:
    return Outcome(
        scenario=scenario.name,
        title=scenario.title,
        contestants=[contestant.name for contestant in scenario.contestants],
        units={step.name: len(step.vifs) for step in scenario.steps},
        unit=unit,
    )


def drop_failed(outcomes: Sequence[Outcome], failures: Iterable[str]) -> None:
    """Half a series of times is no result."""
    for outcome in outcomes:
        for contestants in outcome.seconds.values():
            for name in failures:
                contestants.pop(name, None)


def open_arenas(scenario: Scenario, stack: ExitStack) -> dict[str, Arena]:
    """The arena of each contestant: the same one for all, or one each."""
    groups: Sequence[Sequence[Contestant]] = [scenario.contestants]
    if not scenario.shared:
        groups = [[contestant] for contestant in scenario.contestants]
    arenas: dict[str, Arena] = {}
    for number, group in enumerate(groups):
        arena = stack.enter_context(Arena(scenario, group, f"{scenario.name}/{number}"))
        arenas |= {contestant.name: arena for contestant in group}
    return arenas


def record(outcome: Outcome, contestant: str, seconds: Mapping[str, float]) -> None:
    for step, value in seconds.items():
        outcome.seconds.setdefault(step, {}).setdefault(contestant, []).append(value)


def run_start_scenario(scenario: StartScenario) -> Outcome:
    """Time whole processes."""
    outcome = Outcome(
        scenario=scenario.name,
        title=scenario.title,
        contestants=list(dict.fromkeys(program.name for program in scenario.programs)),
        units={program.step: 1 for program in scenario.programs},
    )
    running = list(scenario.programs)
    for number in range(scenario.rounds + 1):
        for program in random.sample(running, len(running)):
            try:
                seconds = timed_process(command(program))
            except (OSError, subprocess.CalledProcessError) as error:
                outcome.failures[program.name] = f"{program.step}: {error}"
                running.remove(program)
            else:
                if number:
                    record(outcome, program.name, {program.step: seconds})
    drop_failed([outcome], outcome.failures)
    return outcome


def command(program: Program) -> list[str | Path]:
    first, *rest = program.arguments
    python = interpreter(program.peer)
    return [python if first == "python" else beside(python, first), *rest]


def timed_process(arguments: Sequence[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        cwd=CHECKOUT,
    )
    return time.perf_counter() - start
