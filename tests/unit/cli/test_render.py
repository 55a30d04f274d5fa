"""`os-vif render`: what hypervisors are told, from the command line."""

from __future__ import annotations

import json
import shlex

import pytest
from tests.commandline import CommandLine
from tests.unit.virt.cards import SAMPLES

from os_vif import objects
from os_vif.virt import libvirt, qemu, vmx

TAP = ("--plugin", "tap", "--tap", "tap1", "--mac", "02:00:00:00:00:01")


def test_the_same_as_the_library_says(os_vif_command: CommandLine) -> None:
    vif = SAMPLES["tap"].vif
    sent = objects.to_json(vif)
    assert os_vif_command("render", "libvirt", "-", stdin=sent).out == libvirt.render(vif) + "\n"
    said = os_vif_command("render", "qemu", "-", stdin=sent).out
    assert shlex.split(said) == qemu.arguments(vif)
    dvs = SAMPLES["dvs"].vif
    said = os_vif_command("render", "vmx", "-", stdin=objects.to_json(dvs)).out
    assert said.splitlines() == vmx.lines(dvs)


def test_every_flag_of_the_card_is_heeded(os_vif_command: CommandLine) -> None:
    rates = ("--inbound", "1000,5000,1024", "--outbound", "128")
    many = ("--queues", 4, "--rx-queue-size", 1024, "--tx-queue-size", 256, "--driver", "vhost", "--packed")
    rest = ("--boot-order", 2, "--filterref", "clean-traffic", "--alias", "ua-front", "--model", "virtio")
    said = os_vif_command("render", "libvirt", *TAP, "--multiqueue", "--mtu", 1450, *rates, *many, *rest)
    assert said.code == 0, said.err
    for words in (
        '<inbound average="1000" peak="5000" burst="1024" />',
        '<outbound average="128" />',
        'queues="4" rx_queue_size="1024" tx_queue_size="256" packed="on"',
        '<boot order="2" />',
        '<filterref filter="clean-traffic" />',
        '<alias name="ua-front" />',
        '<mtu size="1450" />',
    ):
        assert words in said.out
    virtualport = objects.to_json(SAMPLES["ovs-virtualport"].vif)
    assert '<tag id="7" />' in os_vif_command("render", "libvirt", "-", "--tag", 7, stdin=virtualport).out


def test_many_vifs_of_a_file_and_json(os_vif_command: CommandLine) -> None:
    sent = json.dumps([json.loads(objects.to_json(SAMPLES[name].vif)) for name in ("dvs", "bridge")])
    said = os_vif_command("render", "vmx", "-", stdin=sent).out
    assert 'ethernet0.present = "TRUE"' in said
    assert 'ethernet1.present = "TRUE"' in said
    both = os_vif_command("render", "libvirt", "-", "-f", "json", stdin=sent).data
    assert both == [
        {"vif": SAMPLES[name].vif.id, "libvirt": libvirt.render(SAMPLES[name].vif)}
        for name in ("dvs", "bridge")
    ]
    taps = json.dumps([json.loads(objects.to_json(SAMPLES["tap"].vif))])
    (only,) = os_vif_command("render", "qemu", "-", "-f", "json", stdin=taps).data  # type: ignore[misc]
    assert only["qemu"] == qemu.arguments(SAMPLES["tap"].vif)
    too_many = json.dumps([json.loads(objects.to_json(SAMPLES["dvs"].vif))] * 11)
    refused = os_vif_command("render", "vmx", "-", stdin=too_many)
    assert (refused.code, "10 cards at most" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("libvirt", *TAP, "--inbound", "x"), 2, "--inbound: 'x' is not AVERAGE[,PEAK[,BURST]]"),
        (("libvirt", *TAP, "--inbound", "1,2,3,4"), 2, "--inbound"),
        (("libvirt", *TAP, "--outbound", "0"), 2, "average: 0 is not between 1 and"),
        (("libvirt", *TAP, "--queues", "0"), 2, "queues: 0 is not between 1 and 256"),
        (("libvirt", *TAP, "--queues", "2"), 2, "port_profile.multiqueue: is not set"),
        (("libvirt", *TAP, "--model", "a b"), 2, "model"),
        (("libvirt", *TAP, "--rx-queue-size", "300"), 2, "rx_queue_size"),
        (("libvirt", *TAP, "--alias", "front"), 2, "alias"),
        (("qemu", *TAP, "--filterref", "x"), 2, "filterref: is not possible"),
        (("libvirt", *TAP[:4]), 2, "address: is not set"),
        (("xen", *TAP), 2, "'xen' is not one of 'libvirt', 'qemu', 'vmx'"),
        (("vmx", *TAP), 3, "which no VMware guest can have"),
        (("qemu", "--plugin", "ovs", "--tap", "tap1", "--bridge", "br0", "--hybrid"), 3, "no QEMU guest"),
    ],
)
def test_what_cannot_be_rendered_says_why(
    os_vif_command: CommandLine, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = os_vif_command("render", *arguments)
    assert (result.code, result.out) == (code, "")
    assert words in result.err.replace("\n", " ")
    assert result.err.count("\n") <= 2
