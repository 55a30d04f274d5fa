# make demo     two real guests on a Linux bridge: plugged, checked, broken, repaired, unplugged
# make test     all tests (as root in network namespaces; else in a user namespace)
# make check    the quick tests: no root, no guests, under a minute
# make lint     ruff, mypy --strict, import rules
# make bench    speed, side by side with os-vif 4.3.0 and 5.3.0 and with the kernel's floor
.PHONY: demo test check lint bench setup clean
.DEFAULT_GOAL := help

NETWORK := ip=iproute2 nft=nftables iptables=iptables ping=iputils-ping
BIN := .venv/bin

help:
	@sed -n 's/^# //p' Makefile

setup:
	@tools/setup.sh

demo:
	@tools/setup.sh $(NETWORK)
	@$(BIN)/python -m demo.prepare
	@$(BIN)/python -m demo

test:
	@tools/setup.sh $(NETWORK)
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
