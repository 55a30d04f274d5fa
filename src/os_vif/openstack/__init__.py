"""OpenStack's side of os-vif: what Neutron says of a port, as a VIF.

    neutron     a port, its network and subnets as Neutron's REST API shows them -> VIF
    types       the table of all vif_types, which makes the VIF; direct: the part of it for devices of the host
    binding     what was said of one port, read once; reading: values from outside, each read by the type it must have

All of these are pure: they look at nothing on a host and import nothing of Nova or Neutron.
"""
