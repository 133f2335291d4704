# SPDX-License-Identifier: Apache-2.0
"""Hypervisors with libvirt, through ``virsh`` on them, by SSH.

An output is a domain, by its name. What is asked is decided by ``virsh
domstate``, never by the exit status of what changes a domain: that is 1 for
switching off what is off as well.
"""

from collections.abc import Iterable
import math
import re
import shlex

from oslo_config import cfg

from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power import types
from cloudmanager.power import wording
from cloudmanager.power.ssh import session as ssh_session

CONF = cfg.CONF

# As long as an output may be, and nothing in it that means something to a
# shell; see the gate in etc/cloudmanager.
_NAME = re.compile('[A-Za-z0-9_][A-Za-z0-9_.:+@-]{0,63}')

# Of a domain that was suspended to memory by its own system (pmsuspended)
# or of which libvirt does not know (no state) nothing is said here.
_STATES = {
    'running': states.POWER_ON, 'idle': states.POWER_ON,
    'paused': states.POWER_ON, 'in shutdown': states.POWER_ON,
    # Its memory and its disks are still held.
    'crashed': states.POWER_ON,
    'shut off': states.POWER_OFF}

_TIMED_OUT = 124
_NOT_RUN = (126, 127)
# By what virsh says, in the language that the command asks for.
_NO_DOMAIN = ('failed to get domain', 'domain not found')
_NO_LIBVIRT = 'failed to connect to the hypervisor'
_BUSY = ('cannot acquire state change lock', 'timed out during operation')
_UNSUPPORTED = 'not supported by the connection driver'


class SSHDriver(base.PowerDriver):
    """A hypervisor; its outputs are the domains that it defines."""

    supports_soft = True
    options_schema = types.SSH_DEVICE.options_schema

    def __init__(self) -> None:
        self._turns = power_deadline.Turns()

    def state(self, device: base.Device, output: str) -> str:
        return self.states(device, [output])[output]

    def states(self, device: base.Device,
               outputs: Iterable[str]) -> dict[str, str]:
        wanted = list(outputs)
        found = self._virsh(device, *(
            ('domstate', _domain(device, output)) for output in wanted))
        return {output: _state(device, text)
                for output, text in zip(wanted, found, strict=True)}

    def power_on(self, device: base.Device, output: str) -> None:
        self._virsh(device, ('start', _domain(device, output)))

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        self._virsh(device, ('shutdown' if soft else 'destroy',
                             _domain(device, output)))

    def reset(self, device: base.Device, output: str) -> None:
        self._virsh(device, ('reset', _domain(device, output)))

    def outputs(self, device: base.Device) -> list[str]:
        found, = self._virsh(device, ('list', ['--all', '--name']))
        # Others cannot be named here, see _domain.
        return sorted(name for name in map(str.strip, found.splitlines())
                      if _is_name(name))

    def check(self, device: base.Device, output: str | None = None) -> None:
        if output is None:
            self.outputs(device)
        else:
            self.state(device, output)

    def _virsh(self, device: base.Device,
               *requests: tuple[str, list[str]]) -> list[str]:
        """Run subcommands of virsh in one login; return what they print.

        :raises PowerError: one of them failed
        """
        prefix = [
            'env', 'LC_ALL=C',
            # libvirt may hang, and its clients would pile up over there.
            'timeout', str(math.ceil(CONF.power.call_deadline)),
            'virsh', '--quiet', '--connect', self.option(device, 'uri')]

        async def work(session: ssh_session.Session) -> list[str]:
            found = []
            for verb, arguments in requests:
                # No variable holds what was printed when an error is
                # raised, as its frames are looked at.
                output = _outcome(device, verb, arguments[-1],
                                  await session.run(shlex.join(
                                      [*prefix, verb, *arguments])))
                if isinstance(output, exceptions.PowerError):
                    raise output
                found.append(output)
            return found

        with self._turns.take(device) as deadline:
            return ssh_session.run(device, deadline,
                                   self.option(device, 'host_key'), work)


def _state(device: base.Device, text: str) -> str:
    """Return the power state that virsh names.

    :raises PowerUnclear: it is neither on nor off
    """
    name = text.strip()
    if name not in _STATES:
        raise exceptions.PowerUnclear(
            device=device,
            state=f'"{wording.quote(device, name)}"' if name else 'missing')
    return _STATES[name]


def _is_name(output: str) -> bool:
    # virsh takes a number for the id that a domain has until it is stopped.
    return _NAME.fullmatch(output) is not None and not output.isdigit()


def _domain(device: base.Device, output: str) -> list[str]:
    """Return the arguments that name a domain.

    :raises PowerNoOutput: no domain can be meant
    """
    if not _is_name(output):
        raise exceptions.PowerNoOutput(
            device=device, output=wording.quote(device, output))
    return ['--domain', output]


def _outcome(device: base.Device, verb: str, domain: str,
             result: ssh_session.Result) -> str | exceptions.PowerError:
    """Return what a command printed, or the error if it failed."""
    if result.status == 0:
        return result.output
    request = f'virsh {verb}'
    said = result.errors.lower()
    reason = wording.quote(device, result.errors)
    if result.status == _TIMED_OUT or any(text in said for text in _BUSY):
        return exceptions.PowerBusy(device=device)
    if result.status in _NOT_RUN:
        return exceptions.PowerRefused(device=device, request=request,
                                       reason=reason)
    if any(text in said for text in _NO_DOMAIN):
        return exceptions.PowerNoOutput(device=device, output=domain)
    if _NO_LIBVIRT in said:
        return exceptions.PowerError(device=device, reason=reason)
    if _UNSUPPORTED in said:
        return exceptions.PowerUnsupported(device=device, request=request)
    return exceptions.PowerRefused(device=device, request=request,
                                   reason=reason)
