"""A PostgreSQL server of the tests' own: a fresh cluster on a free port of loopback, gone at the end."""

from __future__ import annotations

import glob
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import psycopg

SECRET = "s3cret-Pa55"  # of the role `locked`, who has to say it; the others need none
INSTALL = "no PostgreSQL server is installed: apt-get install postgresql, or put initdb and pg_ctl on the PATH"
_RULES = """local all all trust
host all locked 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


def binaries() -> str | None:
    """The folder of initdb and pg_ctl, of the newest version; None where there is none."""
    versions = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    versions.sort(key=lambda path: int(path.split("/")[4]))
    chosen = versions[-1] if versions else shutil.which("initdb")
    return os.path.dirname(chosen) if chosen else None


class Server:
    """A cluster.

    Attributes:
      port: where it listens.
      dsn: the address of its database `shop`, whose owner `clerk` needs no password.
      where: the same as messages call it.
    """

    def __init__(self, folder: str) -> None:
        self.folder, self.bin = folder, binaries() or ""
        # The server refuses to be run by root.
        self.user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(folder, "nobody")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.data = f"{folder}/data"
        self.where = f"postgresql://127.0.0.1:{self.port}/shop"
        self.dsn = f"postgresql://clerk@127.0.0.1:{self.port}/shop"
        self._run("initdb", "-D", self.data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        pathlib.Path(self.data, "pg_hba.conf").write_text(_RULES)
        self.start()
        self.sql(f"CREATE ROLE clerk LOGIN; CREATE ROLE locked LOGIN PASSWORD '{SECRET}'", user="admin", db="postgres")
        self.sql("CREATE DATABASE shop OWNER clerk", user="admin", db="postgres")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c jit=off"
        self._run("pg_ctl", "-D", self.data, "-l", f"{self.folder}/log", "-o", options, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def sql(self, text: str, params: Sequence[Any] | None = None, user: str = "clerk", db: str = "shop") -> list[Any]:
        """What psycopg says: the oracle, and how the tests prepare and look."""
        # CREATE DATABASE and the like run outside of transactions.
        with psycopg.connect(f"postgresql://{user}@127.0.0.1:{self.port}/{db}", autocommit=True) as connection:
            cursor = connection.execute(text, params)
            return cursor.fetchall() if cursor.description else []

    def quiet(self, user: str = "clerk") -> bool:
        """Whether a role has no connection, or none soon: one that is ending is still listed for a moment."""
        for _ in range(100):
            if not self.sql("SELECT 1 FROM pg_stat_activity WHERE usename = %s", [user], user="admin"):
                return True
            time.sleep(0.05)
        return False

    def _run(self, name: str, *arguments: str) -> None:
        # A file, for the server keeps what pg_ctl was given, and a pipe would not end.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run([f"{self.bin}/{name}", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                                  stdout=said, stderr=said, timeout=60, **self.user)  # fmt: skip
            said.seek(0)
            assert done.returncode == 0, f"{name}: {said.read()}"


def started() -> tuple[Server, tempfile.TemporaryDirectory[str]]:
    """A running server, and the folder that it lies in."""
    # Where another user than root gets to.
    place = "/tmp" if os.geteuid() == 0 else None
    folder = tempfile.TemporaryDirectory(prefix="tlo-postgres-", dir=place, ignore_cleanup_errors=True)
    return Server(folder.name), folder
