"""The protocol between the harness and a worker: one JSON object a line, on stdin and stdout.

    -> {"do": "prepare", "steps": [{"verb": "plug", "vifs": [...]}, ...]}    <- {"ok": true}
    -> {"do": "measure", "step": 0}    <- {"started": 81.5, "seconds": 0.0021}    around the public call
    any failure    <- {"error": "what went wrong"}

The worker ends when its stdin does. Every worker module calls `serve` with its own `Engine`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from bench.model import Verb, Vif

Call = Callable[[], object]


class Engine(Protocol):
    """What a contestant implements."""

    def prepare(self, verb: Verb, vifs: Sequence[Vif]) -> Call:
        """Get everything ready that is not the work itself; the returned call is what is timed."""


def serve(engine: Engine) -> None:
    """Answer requests until stdin ends."""
    # Whatever a library prints goes to the log, not into the protocol.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    calls: list[Call] = []
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                calls = [
                    engine.prepare(step["verb"], [Vif(**vif) for vif in step["vifs"]])
                    for step in request["steps"]
                ]
                answer: dict[str, object] = {"ok": True}
            else:
                answer = timed(calls[request["step"]])
        except Exception as error:  # noqa: BLE001 - a failed contestant is a result, not a crash
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:600]}
        print(json.dumps(answer), file=answers, flush=True)


def timed(call: Call) -> dict[str, object]:
    """`started` is of a clock that all processes of the machine share."""
    started = time.perf_counter()
    call()
    return {"started": started, "seconds": time.perf_counter() - started}
