# SPDX-License-Identifier: Apache-2.0
"""A device that exists only here, for demonstrations and tests.

Its outputs are kept in ``[power] fake_state_dir``, or in memory.
"""

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

    @staticmethod
    def _key(device: base.Device) -> str:
        return re.sub(r'[^A-Za-z0-9.-]', '_', f'{device.host}_{device.port}')

    def _load(self, device: base.Device) -> dict[str, str]:
        if not CONF.power.fake_state_dir:
            return self._memory.setdefault(self._key(device), {})
        path = self._path(device)
        return json.loads(path.read_text()) if path.exists() else {}

    def _path(self, device: base.Device) -> pathlib.Path:
        return (pathlib.Path(CONF.power.fake_state_dir)
                / f'{self._key(device)}.json')

    def _set(self, device: base.Device, output: str, state: str) -> None:
        with self._lock:
            outputs = self._load(device)
            outputs[output] = state
            if CONF.power.fake_state_dir:
                path = self._path(device)
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_suffix('.tmp')
                temporary.write_text(json.dumps(outputs))
                temporary.rename(path)

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
