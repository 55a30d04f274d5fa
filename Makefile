# make demo     two real guests on a Linux bridge, then on Open vSwitch: plugged, checked, broken, repaired, unplugged
#               and with libvirt (make demo-bridge, demo-ovs, demo-libvirt: one of them)
# make test     all tests (as root in network namespaces; else in a user namespace)
# make check    the quick tests: no root, no guests, under a minute
# make lint     ruff, mypy --strict, import rules
# make bench    speed, side by side with os-vif 4.3.0 and 5.3.0 and with the kernel's floor
.PHONY: demo demo-bridge demo-ovs demo-libvirt test check lint bench setup clean
.DEFAULT_GOAL := help

NETWORK := ip=iproute2 nft=nftables iptables=iptables ping=iputils-ping
# what the tests need besides what the demonstration does
TESTED := ovn-northd=ovn-central ovn-controller=ovn-host openssl=openssl cpio=cpio \
	/usr/lib/rabbitmq/bin/rabbitmq-server=rabbitmq-server dpdk-testpmd=dpdk-dev /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk=openvswitch-switch-dpdk
BIN := .venv/bin

help:
	@sed -n 's/^# //p' Makefile

setup:
	@tools/setup.sh

demo demo-bridge demo-ovs demo-libvirt:
	@tools/setup.sh $(NETWORK)
	@$(BIN)/python -m demo.prepare
	@$(BIN)/python -m demo $(patsubst demo-%,%,$(filter demo-%,$@))

test:
	@tools/setup.sh $(NETWORK) $(TESTED)
	@tools/test.sh

check: setup
	@$(BIN)/python -m pytest -q tests/unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_imports.py

bench:
	@tools/setup.sh $(NETWORK)
	@$(BIN)/python -m bench --write

clean:
	rm -rf .venv .cache build src/*.egg-info
