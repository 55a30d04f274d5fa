"""Open vSwitch objects as a plan has them: read from the database, compared, changed in one transaction.

Called by os_vif.host.observe, diff and engine. The wire below it is os_vif.host.ovsdb; nothing here knows of links,
and nothing needs privileges but the database's socket.
"""
