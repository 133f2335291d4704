# SPDX-License-Identifier: Apache-2.0
"""Hosts whose power really is that of their nova-compute."""

import pathlib
import threading

from cloudmanager.tests.integration import cloud

POLL_SECONDS = 0.1


class Machine:
    """Starts and kills the nova-compute of a host as its BMC says.

    :ivar resets: how often it was reset
    :ivar broken: while it is set, the machine does not boot
    """

    def __init__(self, host: str, bmc_directory: pathlib.Path) -> None:
        self.host = host
        self.resets = 0
        self.broken = threading.Event()
        self._log = bmc_directory / 'log'
        self._read = len(self._lines())
        self._runs = True
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> 'Machine':
        self._thread.start()
        return self

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(60)

    def assume_on(self) -> None:
        """Take the machine for one that runs, whoever started it."""
        self._runs = True

    def _lines(self) -> list[str]:
        try:
            return self._log.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _watch(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            lines = self._lines()
            fresh, self._read = lines[self._read:], len(lines)
            for line in fresh:
                self._event(line.partition(' ')[2])

    def _event(self, event: str) -> None:
        if event == 'set reset 1':
            self.resets += 1
            self._off()
            self._on()
        elif event.startswith('power is 0'):
            self._off()
        elif event == 'power is 1':
            self._on()

    def _off(self) -> None:
        if self._runs:
            self._runs = False
            cloud.minicloud('kill', self.host)

    def _on(self) -> None:
        if not self._runs and not self.broken.is_set():
            self._runs = True
            cloud.minicloud('run', self.host)
