"""Tables of what was measured, for the terminal and for docs/performance.md: Markdown that reads well as it is."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.model import Outcome, Target
from bench.stats import Spread, ratios, spread

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
BASES = ("os-vif 4.3.0", "os-vif 5.3.0", "netlink", "transact", "python -c pass")
UNITS = {"": "Milliseconds", "transactions": "Database transactions", "MiB": "MiB"}


def report(outcomes: Sequence[Outcome], targets: Sequence[Target], load: float) -> str:
    """All tables, the targets first; `load` is the machine's load average before the run."""
    parts = [f"Measured on {machine()}, load average {load:.1f} before the run."]
    verdicts = table(
        ["what", "against", "measured", "promised", ""],
        [row for target in targets for row in verdict(target, outcomes)],
    )
    if verdicts:
        parts += ["### Targets", verdicts]
    for outcome in outcomes:
        parts += [f"### {outcome.title}", *outcome_tables(outcome)]
    return "\n\n".join(parts)


def machine() -> str:
    """The machine in general words: no names, no addresses."""
    release = ".".join(platform.release().split("-")[0].split(".")[:2])
    return (
        f"Linux {release}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )


def write_into(document: Path, text: str) -> None:
    """Replace what stands between the markers."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def outcome_tables(outcome: Outcome) -> Iterable[str]:
    rounds = max((len(values) for step in outcome.seconds.values() for values in step.values()), default=0)
    worked = [name for name in outcome.contestants if name not in outcome.failures]
    scale = 1 if outcome.unit else 1000
    rows = [
        [step, *(times(series.get(name), scale) for name in worked)]
        for step, series in outcome.seconds.items()
    ]
    yield f"{UNITS[outcome.unit]}, median of {rounds} rounds (10th to 90th percentile):"
    yield table(["", *worked], rows)
    for base in () if outcome.unit == "transactions" else BASES:
        steps = {step: series for step, series in outcome.seconds.items() if base in series}
        against = [
            name for name in worked if name != base and any(name in series for series in steps.values())
        ]
        rows = [
            [step, *(factor(series.get(name), series[base]) for name in against)]
            for step, series in steps.items()
        ]
        if against:
            yield f"Times the cost of {base}, round by round:"
            yield table(["", *against], rows)
    for name, count in outcome.faults.items():
        if count:
            yield f"{name}: {count} steps ended with a tap that is down."
    for name, reason in outcome.failures.items():
        yield f"**{name} failed**: {reason}"


def verdict(target: Target, outcomes: Sequence[Outcome]) -> Iterable[list[str]]:
    """One row, or none if the scenario was not run at this size."""
    for outcome in outcomes:
        if outcome.scenario != target.scenario or target.step not in outcome.seconds:
            continue
        absolute = f" {outcome.unit}" if outcome.unit else " s"
        unit = "" if target.against or target.step_against else absolute
        samples = measured(target, outcome)
        seen = spread(samples) if samples else None
        yield [
            f"{outcome.title}: {target.step}",
            target.against
            or (f"its own, per VIF, in {target.step_against}" if target.step_against else "the clock"),
            show(seen) + unit if seen else "-",
            f"at most {target.limit:g}{unit}",
            "not measured" if not seen else "met" if seen.median <= target.limit else "**missed**",
        ]


def measured(target: Target, outcome: Outcome) -> list[float]:
    """What is held against the limit, round by round; empty if one side has failed."""
    mine = outcome.seconds[target.step].get(target.contestant) or []
    if target.against:
        return ratios(mine, outcome.seconds[target.step].get(target.against) or [])
    if target.step_against:
        per_vif = outcome.units[target.step_against] / outcome.units[target.step]
        other = outcome.seconds[target.step_against].get(target.contestant) or []
        return [ratio * per_vif for ratio in ratios(mine, other)]
    return mine


def factor(values: Sequence[float] | None, base: Sequence[float]) -> str:
    return show(spread(ratios(values, base))) if values else "-"


def times(values: Sequence[float] | None, scale: float) -> str:
    return show(spread([value * scale for value in values])) if values else "-"


def show(seen: Spread) -> str:
    return f"{number(seen.median)} ({number(seen.low)} - {number(seen.high)})"


def number(value: float) -> str:
    """Two or three significant digits."""
    if value == int(value) and value < 100:
        return str(int(value))
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3 if value >= 0.01 else 4
    return f"{value:.{digits}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with columns of even width; empty when there are no rows."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, ["-" * width for width in widths], *rows]
    ]
    return "\n".join(lines)
