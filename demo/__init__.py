"""The demonstration: real guests on taps that os-vif plugged. Run it with `make demo`."""
