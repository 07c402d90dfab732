"""Ports: below those of clients, each given once, and another where somebody was quicker."""

from __future__ import annotations

import random
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.embedded import ports
from scripts.embedded.mail_sink import MailSink
from scripts.embedded.ports import LOWEST, free_port, is_free, start_of_clients
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.server import Server
from scripts.embedded.supervisor import Child, StartError, Supervisor
from scripts.simulator.part import RouterPart

SERVERS: dict[str, Callable[[Path, Supervisor], Server]] = {
    "redis": lambda place, processes: RedisServer(place / "redis", processes),
    "postgres": lambda place, processes: PostgresServer(place / "postgres", processes),
    "mail": lambda place, processes: MailSink(place / "mail", processes, place / "mail.log"),
    "router": lambda place, processes: RouterPart(processes, place / "router.log"),
}


def squatter(port: int) -> socket.socket:
    """Somebody who listens there, and says nothing."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    return listening


def test_a_port_lies_below_those_that_clients_are_given() -> None:
    given = [free_port() for _ in range(300)]
    assert all(LOWEST <= port < start_of_clients() for port in given)
    assert len(set(given)) == 300


def test_the_same_seed_does_not_give_two_processes_the_same_ports() -> None:
    drawn = []
    for _ in range(2):
        random.seed(7)
        drawn.append([free_port() for _ in range(5)])
    assert drawn[0] != drawn[1]


def test_a_port_that_is_listened_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with squatter(port):
        assert not is_free(port)
        other = free_port()
        monkeypatch.setattr(ports, "_given", deque([other]))
        draws = iter([port, other, other + 1, port, other + 2])
        monkeypatch.setattr(ports._chance, "randrange", lambda *ends: next(draws))
        monkeypatch.setattr(ports, "is_free", lambda asked: asked != port)
        assert [free_port(), free_port()] == [other + 1, other + 2]
    monkeypatch.undo()
    assert is_free(port)


def test_where_clients_are_given_nearly_all_ports_the_system_chooses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "RANGE", tmp_path / "range")
    assert start_of_clients() == ports.USUAL_START
    (tmp_path / "range").write_text("1024\t65535\n")
    assert start_of_clients() == 1024
    assert is_free(free_port())


@pytest.mark.parametrize("name", SERVERS)
def test_a_start_that_finds_its_port_taken_takes_another(name: str, tmp_path: Path) -> None:
    ended: list[Child] = []
    with Supervisor(on_exit=ended.append) as supervisor:
        server = SERVERS[name](tmp_path, supervisor)
        chosen = server.ports[-1]
        with squatter(chosen):
            server.start()
            assert chosen not in server.ports and server.answers()
        # nobody takes the first try for a server that has died
        assert name not in [child.name for child in ended]
        server.stop()


def test_a_redis_of_somebody_else_is_not_taken_for_ours(
    tmp_path: Path, supervisor: Supervisor, own_redis: RedisServer
) -> None:
    server = RedisServer(tmp_path / "second", supervisor)
    server.ports = list(own_redis.ports)
    server.start()
    assert server.port != own_redis.port
    assert server.child is not None and server.child.returncode is None
    server.stop()


def test_a_server_that_has_been_up_keeps_its_address(own_redis: RedisServer) -> None:
    own_redis.kill()
    port = own_redis.port
    with squatter(port), pytest.raises(StartError):
        own_redis.start()
    assert own_redis.port == port
    own_redis.start()
    assert own_redis.port == port and own_redis.answers()


def test_what_cannot_start_for_another_reason_is_tried_once(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, tries = RedisServer(tmp_path / "redis", supervisor), []

    def command() -> list[str]:
        tries.append(1)
        return ["/bin/sh", "-c", "echo broken; exit 3"]

    monkeypatch.setattr(server, "command", command)
    with pytest.raises(StartError, match="broken"):
        server.start()
    assert len(tries) == 1
