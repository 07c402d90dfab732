"""`python -m scripts.router_simulator --port … --control-port …`: the router as a process."""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from scripts.simulator.api import Api
from scripts.simulator.commands import Router
from scripts.simulator.control import make_control

LOOPBACK = "127.0.0.1"
"""Never anything else: its control API does whatever it is asked."""


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    parser = argparse.ArgumentParser(prog="router_simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8728, help="the binary API (8728)")
    parser.add_argument("--control-port", type=int, default=8780, help="control and page (8780)")
    parser.add_argument("--ssl-port", type=int, default=0, help="the API over TLS (api-ssl)")
    parser.add_argument("--certificate", default="", help="PEM file: what the TLS port shows")
    parser.add_argument("--key", default="", help="PEM file: its private key")
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password", default="")
    parser.add_argument("--portal", default="", help="where its login.html sends a browser")
    options = parser.parse_args()
    if options.ssl_port and not (options.certificate and options.key):
        parser.error("--ssl-port needs --certificate and --key")
    asyncio.run(serve(options))
    return 0


async def serve(options: argparse.Namespace) -> None:
    """Serve the ports until a signal."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    base = f"http://{LOOPBACK}:{options.control_port}"
    router = Router(options.username, options.password, options.portal, base)
    api = Api(router)
    servers = [await asyncio.start_server(api.serve, LOOPBACK, options.port)]
    if options.ssl_port:
        context = _tls(options.certificate, options.key)
        servers.append(
            await asyncio.start_server(api.serve, LOOPBACK, options.ssl_port, ssl=context)
        )
    control = HTTPServer(make_control(router, api, log=lambda handler: None))
    control.add_sockets(bind_sockets(options.control_port, LOOPBACK))
    print(f"router: API {LOOPBACK}:{options.port}, page {base}/", flush=True)
    await stopping.wait()
    for server in servers:
        server.close()
    control.stop()
    api.drop_all()


def _tls(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


if __name__ == "__main__":
    sys.exit(main())
