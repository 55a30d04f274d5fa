"""A Neutron of one host: RabbitMQ, API, RPC server and Open vSwitch agent, as processes of the test.

All of them listen on 127.0.0.1 of the network namespace that the thread is in, and are stopped by their process ids.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.ovs import OpenVSwitch

HOST = "compute1"
API = "http://127.0.0.1:9696"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_PRIVSEP = (
    "privsep",
    "privsep_conntrack",
    "privsep_dhcp_release",
    "privsep_link",
    "privsep_namespace",
    "privsep_ovs_vsctl",
)


class Neutron:
    """The running service; `log` is the directory of what its processes wrote."""

    def __init__(self, place: Path, python: Path, switch: OpenVSwitch) -> None:
        self.place = place
        self._python = python
        self._switch = switch
        self._stack = contextlib.ExitStack()
        self._database = f"sqlite:///{place}/neutron.sqlite?timeout=60"

    def __enter__(self) -> Neutron:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def request(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers; an AssertionError with what it says if it refuses."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{API}/v2.0/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text else None

    def create(self, kind: str, **fields: object) -> dict[str, Any]:
        """A new network, subnet or port."""
        made: dict[str, Any] = self.request("POST", f"{kind}s", {kind: fields})[kind]
        return made

    def port(self, port_id: str) -> dict[str, Any]:
        """A port as it is now."""
        found: dict[str, Any] = self.request("GET", f"ports/{port_id}")["port"]
        return found

    def start_agent(self, firewall_driver: str) -> None:
        """An agent with that firewall driver, in place of the one that runs; it is alive when this returns."""
        self._agent.close()
        (self.place / "agent.conf").write_text(
            self._common()
            + "[ovs]\nintegration_bridge = br-int\ndatapath_type = netdev\nof_listen_address = 127.0.0.1\n"
            f"ovsdb_connection = {self._switch.remote}\n"
            f"[securitygroup]\nenable_security_group = false\nfirewall_driver = {firewall_driver}\n"
            "[agent]\nreport_interval = 1\nroot_helper = sudo\n"
        )
        program = self._python.with_name("neutron-openvswitch-agent")
        began = time.time()
        # it does not end on SIGTERM
        self._agent.enter_context(
            self._process("agent", program, "--config-file", self.place / "agent.conf", kill=True)
        )

        def is_alive() -> bool:
            agents = self.request("GET", f"agents?host={HOST}")["agents"]
            hybrid = "iptables_hybrid" in firewall_driver
            return any(
                agent["alive"]
                and agent["configurations"].get("ovs_hybrid_plug") is hybrid
                and _seconds(agent["heartbeat_timestamp"]) >= began - 1
                for agent in agents
            )

        self.wait(is_alive, 60, "the Open vSwitch agent is not alive")

    def wait(self, condition: Callable[[], bool], timeout: float, otherwise: str) -> None:
        """Ask again until it is so; timeout: seconds. Neutron tells nobody but Nova."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{otherwise}\n{self.said()}"
            time.sleep(0.1)

    def said(self) -> str:
        """The last lines of all logs."""
        logs = sorted(self.place.glob("*.log"))
        return "\n".join(f"== {log.name}\n" + log.read_text(errors="replace")[-1500:] for log in logs)

    def _start(self) -> None:
        self._agent = self._stack.enter_context(contextlib.ExitStack())
        (self.place / "bin").mkdir()
        sudo = self.place / "bin" / "sudo"
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
        self._start_rabbitmq()
        (self.place / "server.conf").write_text(self._common())
        (self.place / "ml2.conf").write_text(
            "[ml2]\ntype_drivers = local\ntenant_network_types = local\nmechanism_drivers = openvswitch\n"
            "[securitygroup]\nenable_security_group = false\n"
        )
        api = Path(__file__).with_name("api.py")
        self._stack.enter_context(self._process("api", self._python, api, "9696", self._database))

        def answers() -> bool:
            try:
                self.request("GET", "networks")
            except OSError:
                return False
            return True

        self.wait(answers, 60, "Neutron's API does not answer")
        files = ("--config-file", self.place / "server.conf", "--config-file", self.place / "ml2.conf")
        rpc = self._python.with_name("neutron-rpc-server")
        self._stack.enter_context(self._process("rpc", rpc, *files))

    def _start_rabbitmq(self) -> None:
        (self.place / "plugins").write_text("[].")
        settings = {
            "HOME": str(self.place),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": str(self.place / "none"),
            "RABBITMQ_CONFIG_FILE": str(self.place / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.place / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(self.place),
            "RABBITMQ_MNESIA_BASE": str(self.place),
            "RABBITMQ_PID_FILE": str(self.place / "rabbitmq.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        self._stack.enter_context(self._process("epmd", "epmd", "-address", "127.0.0.1"))
        self._stack.enter_context(self._process("rabbitmq", RABBITMQ, environment=settings))
        log = self.place / "rabbitmq.log"
        self.wait(lambda: "Server startup complete" in log.read_text(), 60, "RabbitMQ does not start")

    @contextlib.contextmanager
    def _process(
        self,
        name: str,
        *command: str | Path,
        environment: Mapping[str, str] | None = None,
        kill: bool = False,
    ) -> Iterator[None]:
        own = {
            "PATH": f"{self.place}/bin:{self._python.parent}:{os.environ['PATH']}",
            "OS_NEUTRON_CONFIG_DIR": str(self.place),
            "OS_NEUTRON_CONFIG_FILES": "server.conf;ml2.conf",
            "PYTHONWARNINGS": "ignore",
        }
        with (self.place / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=self._switch.environment() | own | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.place,
            )
            try:
                yield
            finally:
                process.kill() if kill else process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _common(self) -> str:
        etc = self._python.parent.parent / "etc" / "neutron"
        helper = f"{self._python.with_name('privsep-helper')} --config-file {self.place}/agent.conf"
        sections = "".join(f"[{name}]\nhelper_command = {helper}\n" for name in _PRIVSEP)
        return (
            "[DEFAULT]\ncore_plugin = ml2\nservice_plugins =\nauth_strategy = noauth\n"
            f"transport_url = rabbit://guest:guest@127.0.0.1:5672/\nhost = {HOST}\nstate_path = {self.place}\n"
            f"api_paste_config = {etc}/api-paste.ini\nrpc_workers = 1\nrpc_state_report_workers = 0\n"
            "notify_nova_on_port_status_changes = false\nnotify_nova_on_port_data_changes = false\n"
            f"[database]\nconnection = {self._database}\n"
            f"[oslo_concurrency]\nlock_path = {self.place}\n{sections}"
        )


def _seconds(timestamp: str) -> float:
    """Of Neutron's "2026-01-31 12:00:00", with or without a fraction, in UTC."""
    return datetime.fromisoformat(timestamp).replace(tzinfo=UTC).timestamp()
