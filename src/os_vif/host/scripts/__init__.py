"""Plug scripts: programs of the network's backend that connect a VIF's device; for the privileged side.

Only bare names come from the engine. Where scripts are, and how long they may run, the privileged side reads from its
own configuration: a daemon that took directories from its caller would run anything. `finding` decides which file is
run, `running` runs it, `ending` ends what it leaves, `keeper` says what the three actions mean; `fields` is what a
plan may say. What an author of scripts may rely on is in docs/scripts.md.
"""
