"""Open vSwitch objects as a plan has them: read from the database, compared, changed in one transaction.

Called by os_vif.host.observe, diff and engine. The wire below it is os_vif.host.ovsdb; nothing here knows of links,
and nothing needs privileges but the database's socket.
"""


class DatabaseLostError(Exception):
    """A database does not answer; the text says which, and why. It is here for those who do without the client."""
