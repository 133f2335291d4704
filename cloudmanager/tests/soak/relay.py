# SPDX-License-Identifier: Apache-2.0
"""A TCP relay whose connections can be cut and stalled."""

import asyncio
import contextlib
import threading
from typing import Any

from cloudmanager.tests.integration import processes

HOST = '127.0.0.1'
CHUNK = 65536
ORDER_SECONDS = 10


class Relay:
    """Passes connections on to a server, in a thread of its own.

    :param port: of the server, on this machine
    :ivar port: where the relay listens
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = processes.free_port()
        self._loop = asyncio.new_event_loop()
        self._flow = asyncio.Event()
        self._flow.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever,
                                        daemon=True)
        self._thread.start()
        self.heal()

    def cut(self) -> None:
        """Close all connections, and refuse new ones from now on."""
        self._order(self._cut())

    def stall(self) -> None:
        """Hold all bytes back from now on; connections stay, and open."""
        self._order(self._stall())

    def heal(self) -> None:
        """Pass connections on again, and all bytes that were held back."""
        self._order(self._heal())

    def close(self) -> None:
        """End the relay."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ORDER_SECONDS)

    def _order(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(
            ORDER_SECONDS)

    async def _heal(self) -> None:
        self._flow.set()
        if self._server is None:
            self._server = await asyncio.start_server(
                self._connected, HOST, self.port)

    async def _stall(self) -> None:
        self._flow.clear()

    async def _cut(self) -> None:
        self._flow.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            # Without a farewell, as a network does it.
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader,
                         writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._flow.wait()
            far_reader, far_writer = await asyncio.open_connection(
                HOST, self._target)
            self._writers.add(far_writer)
            try:
                await asyncio.gather(self._pass(reader, far_writer),
                                     self._pass(far_reader, writer))
            finally:
                self._leave(far_writer)
        except OSError:
            # Cut, or the server is away: the client sees it by itself.
            pass
        finally:
            self._leave(writer)

    def _leave(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader,
                    writer: asyncio.StreamWriter) -> None:
        """Pass the bytes of one direction on, until it ends."""
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flow.wait()
                writer.write(data)
                await writer.drain()
        await self._flow.wait()
        # Neither server nor client does anything with half a connection.
        writer.close()
