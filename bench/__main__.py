"""`python -m bench [--quick] [--write] [SCENARIO ...]`, run by `make bench`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict

from bench import scenarios, switch_scenarios
from bench.model import Outcome
from bench.peers import CACHE, CHECKOUT
from bench.report import machine, report, write_into
from bench.run import run_host_scenario, run_start_scenario


def main() -> int:
    """0 when every contestant did its work (a missed target is reported, not an error), 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="os-vif beside its peers and the floor"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds, smaller hosts: under a minute")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="only these; default: all")
    arguments = parser.parse_args()
    hosts = [
        *scenarios.host_scenarios(quick=arguments.quick),
        *switch_scenarios.host_scenarios(quick=arguments.quick),
    ]
    starts = scenarios.start_scenarios(quick=arguments.quick)
    known = [*(host.name for host in hosts), *(start.name for start in starts)]
    unknown = set(arguments.scenarios) - set(known)
    if unknown:
        parser.error(f"unknown scenario {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    if arguments.write and (arguments.quick or arguments.scenarios):
        parser.error("only a full run is written into the documentation")
    if os.geteuid() != 0:
        parser.error("network namespaces and privsep daemons need root: run it as root")
    wanted = set(arguments.scenarios) or set(known)
    outcomes: list[Outcome] = []
    begin, load = time.monotonic(), os.getloadavg()[0]
    for scenario in hosts:
        if scenario.name in wanted:
            outcomes += told(scenario.title, run_host_scenario(scenario))
    for start in starts:
        if start.name in wanted:
            outcomes += told(start.title, [run_start_scenario(start)])
    text = report(outcomes, [*scenarios.targets(), *switch_scenarios.targets()], load)
    print(f"\n{text}\n\n{time.monotonic() - begin:.0f} s in all")
    results = {
        "machine": machine(),
        "quick": arguments.quick,
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    (CACHE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    if arguments.write:
        write_into(CHECKOUT / "docs" / "performance.md", text)
    return 1 if any(outcome.failures for outcome in outcomes) else 0


def told(title: str, outcomes: list[Outcome]) -> list[Outcome]:
    failures = [name for outcome in outcomes for name in outcome.failures]
    print(f"{title}: done{', failed: ' + ', '.join(failures) if failures else ''}", flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
