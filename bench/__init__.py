"""The benchmarks: os-vif beside its peers and beside the floor, in one run (`make bench`, `python -m bench`).

A *scenario* is one unit of work done by several *contestants* (programs) in a fresh network namespace. Contestants
take turns in random order, round by round, so that whatever the machine does meanwhile hits all of them; what is
read off are the ratios between neighbours of one round. After every timed call a neutral observer looks at the
kernel. Nothing in this package but `workers.vif` imports os_vif: workers run under the interpreter of their own peer.
"""
