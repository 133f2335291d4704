# SPDX-License-Identifier: Apache-2.0
"""A device that exists only here, for demonstrations and tests.

Its outputs are kept in ``[power] fake_state_dir``, or in memory.
"""

from collections.abc import Iterator
import contextlib
import fcntl
import json
import pathlib
import re
import threading

from oslo_config import cfg

from cloudmanager.power import base
from cloudmanager.power import states

CONF = cfg.CONF


class FakeDriver(base.PowerDriver):
    """Switches nothing, remembers everything; outputs begin switched on."""

    supports_soft = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memory: dict[str, dict[str, str]] = {}

    def state(self, device: base.Device, output: str) -> str:
        with self._lock:
            return self._load(device).get(output, states.POWER_ON)

    def power_on(self, device: base.Device, output: str) -> None:
        self._set(device, output, states.POWER_ON)

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        self._set(device, output, states.POWER_OFF)

    def reset(self, device: base.Device, output: str) -> None:
        self._set(device, output, states.POWER_ON)

    @staticmethod
    def _key(device: base.Device) -> str:
        return re.sub(r'[^A-Za-z0-9.-]', '_', f'{device.host}_{device.port}')

    def _path(self, device: base.Device) -> pathlib.Path:
        return (pathlib.Path(CONF.power.fake_state_dir)
                / f'{self._key(device)}.json')

    def _load(self, device: base.Device) -> dict[str, str]:
        if not CONF.power.fake_state_dir:
            return self._memory.setdefault(self._key(device), {})
        try:
            text = self._path(device).read_text()
        except FileNotFoundError:
            return {}
        found: dict[str, str] = json.loads(text)
        return found

    def _set(self, device: base.Device, output: str, state: str) -> None:
        with self._lock:
            if not CONF.power.fake_state_dir:
                self._load(device)[output] = state
                return
            path = self._path(device)
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.with_suffix('.lock')):
                outputs = self._load(device)
                outputs[output] = state
                # Readers take no lock, so they must never see half a file.
                new = path.with_suffix('.new')
                new.write_text(json.dumps(outputs))
                new.replace(path)


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """Keep other processes out."""
    with path.open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
