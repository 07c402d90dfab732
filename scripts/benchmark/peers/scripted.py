"""The peers written in Python: `<name>_server.py` beside this, run by a Python of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark.machine import Cores
from scripts.benchmark.peers.installed import python_with
from scripts.benchmark.peers.peer import Peer
from scripts.embedded.supervisor import Supervisor

HERE = Path(__file__).parent


class Scripted(Peer):
    """A server script that takes port, Redis and the names to use there."""

    def __init__(
        self,
        name: str,
        python: Path,
        supervisor: Supervisor,
        redis_url: str,
        cores: Cores,
        home: Path,
    ) -> None:
        super().__init__(supervisor, redis_url, cores, home)
        self.name = name
        self._python = python

    @classmethod
    def in_python(
        cls, name: str, supervisor: Supervisor, redis_url: str, cores: Cores, home: Path
    ) -> Scripted:
        """The peer of that name. Raises NotInstalled. Tornado is the product's own."""
        python = Path(sys.executable) if name == "tornado" else python_with(name)
        return cls(name, python, supervisor, redis_url, cores, home)

    def command(self) -> Sequence[str | Path]:
        script = HERE / f"{self.name}_server.py"
        return [self._python, script, str(self.port), self.redis_url, self.channel, self.prefix]
