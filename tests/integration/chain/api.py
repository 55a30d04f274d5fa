"""Neutron's REST API on a port of 127.0.0.1, run by an environment with neutron; arguments: the port, the database.

Neutron's own WSGI application, configured by OS_NEUTRON_CONFIG_DIR and OS_NEUTRON_CONFIG_FILES, on the server that
Python has. The tables of its database are made first. With auth_strategy = noauth, who asks without saying who he is
asks as an administrator: Nova's client says it to Keystone only, which there is not.
"""

from __future__ import annotations

import socketserver
import sys
import warnings
from wsgiref import simple_server

warnings.simplefilter("ignore")

import sqlalchemy  # noqa: E402
from neutron.db.migration.models import head  # noqa: E402

ADMINISTRATOR = {"HTTP_X_ROLES": "admin", "HTTP_X_USER_ID": "operator", "HTTP_X_PROJECT_ID": "p" * 32}


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True


class Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Neutron logs requests itself."""


def main() -> None:
    port, database = int(sys.argv[1]), sys.argv[2]
    del sys.argv[1:]  # Neutron reads what is there
    head.get_metadata().create_all(sqlalchemy.create_engine(database))
    from neutron.wsgi.api import application

    def as_administrator(environ: dict[str, object], start_response: object) -> object:
        return application(ADMINISTRATOR | environ, start_response)

    with simple_server.make_server("127.0.0.1", port, as_administrator, Server, Handler) as server:
        server.serve_forever()


main()
