# SPDX-License-Identifier: Apache-2.0
"""IPMI 2.0 over LAN, by pyghmi in this process.

pyghmi keeps sessions in tables of the class, which shows in three ways: a
second session to the same BMC beside a first one hangs, a closed session is
handed out again, and a BMC that falls silent blocks its caller for half a
minute. So each request opens its own session and closes it, one at a time
for a BMC, after the stale entry was removed, and runs in a thread that is
left behind when the deadline passes. As long as such a thread has not come
back, its BMC is answered for with ``PowerBusy``.
"""

from collections.abc import Callable
from concurrent import futures
import socket
import threading
from typing import Any

from oslo_config import cfg
from pyghmi import exceptions as pyghmi_exc
from pyghmi.ipmi import command
from pyghmi.ipmi.private import session

from cloudmanager.power import base
from cloudmanager.power import exceptions
from cloudmanager.power import states

CONF = cfg.CONF
DEFAULT_PORT = 623
_STATES = {'on': states.POWER_ON, 'off': states.POWER_OFF}
_CREDENTIALS = ('incorrect password', 'unauthorized name',
                'invalid role', 'insufficient privilege')
_BUSY = ('node busy', 'out of sessions', 'insufficient resources')


def _translate(device: base.Device, request: str,
               exc: Exception) -> exceptions.PowerError:
    """Make a typed error; pyghmi tells kinds apart by text alone."""
    text = str(exc.args[0]).lower() if exc.args and exc.args[0] else ''
    if any(word in text for word in _CREDENTIALS):
        return exceptions.PowerCredentials(device=device)
    if any(word in text for word in _BUSY):
        return exceptions.PowerBusy(device=device)
    if (isinstance(exc, socket.gaierror | OSError) or not text
            or 'timeout' in text or 'no longer connected' in text
            or 'session' in text):
        return exceptions.PowerUnreachable(device=device)
    return exceptions.PowerRefused(device=device, request=request,
                                   reason=text)


class IPMIDriver(base.PowerDriver):
    """The BMC of a server; its one output is ``1``."""

    supports_soft = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, int], threading.Lock] = {}

    def _lock_of(self, device: base.Device) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault((device.host, device.port),
                                          threading.Lock())

    def state(self, device: base.Device, output: str) -> str:
        found = self._call(device, 'power status',
                           lambda bmc: bmc.get_power())
        return _STATES.get(found.get('powerstate'), states.UNKNOWN)

    def power_on(self, device: base.Device, output: str) -> None:
        self._set(device, 'on')

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        self._set(device, 'shutdown' if soft else 'off')

    def reset(self, device: base.Device, output: str) -> None:
        self._set(device, 'reset')

    def _set(self, device: base.Device, verb: str) -> None:
        self._call(device, f'power {verb}',
                   lambda bmc: bmc.set_power(verb))

    def _call(self, device: base.Device, request: str,
              function: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        if not device.login or not device.password:
            raise exceptions.PowerCredentials(device=device)
        lock = self._lock_of(device)
        deadline = CONF.power.call_deadline
        if not lock.acquire(timeout=deadline):
            raise exceptions.PowerBusy(device=device)
        future: futures.Future[dict[str, Any]] = futures.Future()
        # The thread, not the caller, owns the lock: a BMC is asked again
        # only when the last request to it is really over.
        threading.Thread(target=self._work, daemon=True, name='ipmi',
                         args=(device, function, future, lock)).start()
        try:
            return future.result(deadline)
        except futures.TimeoutError:
            raise exceptions.PowerUnreachable(device=device) from None
        except (pyghmi_exc.IpmiException, pyghmi_exc.PyghmiException,
                OSError, TypeError, AttributeError) as exc:
            # The last two are what a dead session of pyghmi raises. The
            # cause is left out: its frames hold the password.
            raise _translate(device, request, exc) from None

    @staticmethod
    def _work(device: base.Device,
              function: Callable[[Any], dict[str, Any]],
              future: 'futures.Future[dict[str, Any]]',
              lock: threading.Lock) -> None:
        try:
            port = device.port or DEFAULT_PORT
            session.Session.initting_sessions.pop(
                (device.host, device.login, device.password, port, None),
                None)
            bmc = command.Command(bmc=device.host, port=port,
                                  userid=device.login,
                                  password=device.password)
            try:
                found = function(bmc)
                if 'error' in found:
                    raise pyghmi_exc.IpmiException(found['error'])
                future.set_result(found)
            finally:
                bmc.ipmi_session.logout()
        except BaseException as exc:
            # The caller decides; this thread only carries the error over.
            if not future.done():
                future.set_exception(exc)
        finally:
            lock.release()
