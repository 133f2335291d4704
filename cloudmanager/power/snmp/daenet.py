# SPDX-License-Identifier: Apache-2.0
"""DAEnetIP2 of Denkovi: a board with 16 outputs that speaks SNMP.

The manufacturer's MIB could not be had. What is known comes from programs
that were published by users of the board, which agree in this: it speaks
SNMP version 1; below 1.3.6.1.4.1.19865.1.2, 1.1.0 to 1.8.0 are the pins of
port P3, 2.1.0 to 2.8.0 those of P5, integers 0 and 1 that can be written,
and 3.1.0 to 3.8.0 the analogue inputs of P6, integers of 10 bits. As they
disagree in how a port is read as a whole, it is read pin by pin; a manual
of a sister product asks for one object a request. The order of outputs that
is the default here, P3 before P5, is that of two of those programs.

Somebody else sells radios under the same enterprise number: a board is told
from them by its ``sysDescr``.
"""

from collections.abc import Callable
from collections.abc import Iterable
import time
from typing import TypeVar

from oslo_config import cfg

from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import options
from cloudmanager.power import relays
from cloudmanager.power import states
from cloudmanager.power import wording
from cloudmanager.power.snmp import client as snmp

CONF = cfg.CONF
T = TypeVar('T')

ROOT = (1, 3, 6, 1, 4, 1, 19865, 1, 2)
PORTS = {'P3': 1, 'P5': 2, 'P6': 3}
# As the board comes from its maker.
DEFAULT_COMMUNITY = 'private'
# What most agents show something to.
_COMMON_COMMUNITY = 'public'
# What agents answer to a community that may only read.
_NOT_WRITABLE = ('noAccess', 'readOnly', 'noCreation', 'notWritable',
                 'authorizationError')
# Both types of control may be used for one board.
_TURNS = power_deadline.Turns()


def oid(pin: str) -> snmp.OID:
    """Return the object of a pin."""
    port, _, number = pin.partition('.')
    return (*ROOT, PORTS[port], int(number), 0)


def translate(device: base.Device, request: str,
              exc: Exception) -> exceptions.PowerError:
    """Return our error for a failure, without a reference to its cause."""
    if isinstance(exc, snmp.NoSuchObject):
        return exceptions.PowerUnsupported(device=device, request=request)
    if isinstance(exc, snmp.ErrorStatus):
        return exceptions.PowerRefused(device=device, request=request,
                                       reason=exc.status)
    if isinstance(exc, snmp.Malformed):
        return exceptions.PowerProtocol(device=device, request=request,
                                        reason='it is no SNMP')
    return network.trouble(device, exc)


class DaenetDriver(relays.RelayDriver):
    """The outputs of a board."""

    options_schema = options.DAENET

    def states(self, device: base.Device,
               outputs: Iterable[str]) -> dict[str, str]:
        wanted = {output: self.pin(device, output) for output in outputs}
        return self.visit(device, 'a reading', lambda agent: {
            output: self.read(device, agent, pin)
            for output, pin in wanted.items()})

    def outputs(self, device: base.Device) -> list[str]:
        return [str(number + 1) for number in
                range(len(self.option(device, 'outputs')))]

    def check(self, device: base.Device, output: str | None = None) -> None:
        """Check community, kind of board, and that an output is there.

        An agent does not answer a community that it does not know. If it
        answers the one that nearly all agents know, ours is wrong; if it
        answers none, that may be so as well, or the board is dead.
        """
        deadline = time.monotonic() + CONF.power.call_deadline
        pin = self.pin(device, output or '1')
        error = self._examined(device, pin, deadline)
        if error is not None and self._answers_others(device, deadline):
            # It may just have come up.
            error = self._examined(device, pin, deadline)
            if error is not None:
                error = exceptions.PowerCredentials(device=device)
        if error is not None:
            raise error

    def examine(self, device: base.Device, agent: snmp.Agent,
                pin: str) -> None:
        """Check that it is such a board, and has a pin.

        :raises PowerError: it is not, or has not
        """
        self._identify(device, agent)
        self.read(device, agent, pin)

    def visit(self, device: base.Device, request: str,
              work: Callable[[snmp.Agent], T],
              deadline: float | None = None) -> T:
        """Work with a board that nobody else works with meanwhile.

        :param request: names the work in errors
        :param deadline: monotonic time at which it has to be over, if not
            by the usual deadline
        :raises PowerError: it failed
        """
        return self._visit(device, request, work, deadline, (
            device.password or device.login or DEFAULT_COMMUNITY))

    def pin(self, device: base.Device, output: str) -> str:
        """Return the pin of an output.

        :raises PowerNoOutput: there is no such output
        """
        known = dict(zip(self.outputs(device),
                         self.option(device, 'outputs'), strict=True))
        if output not in known:
            raise exceptions.PowerNoOutput(device=device, output=output)
        found: str = known[output]
        return found

    def level(self, device: base.Device, on: bool) -> int:
        """Return the value of a pin whose output is on, or off."""
        return int(on != self.option(device, 'inverted'))

    def read(self, device: base.Device, agent: snmp.Agent,
             pin: str) -> str:
        """Return what a pin says: ``power_on``, ``power_off``, unknown.

        :raises OSError: no answer came in time
        :raises SNMPError: the board has no such pin
        """
        value = agent.get(oid(pin))
        if value == self.level(device, True):
            return states.POWER_ON
        if value == self.level(device, False):
            return states.POWER_OFF
        return states.UNKNOWN

    def set_pin(self, device: base.Device, agent: snmp.Agent, pin: str,
                on: bool, repeat: bool = True) -> bool:
        """Set a pin; return whether our community is allowed to.

        :param repeat: whether to send it again as long as no answer comes
        :raises OSError: no answer came in time
        :raises SNMPError: the board refused
        """
        try:
            agent.set(oid(pin), self.level(device, on), repeat)
        except snmp.NoSuchObject:
            # That is what version 1 has for "not with this community".
            return False
        except snmp.ErrorStatus as exc:
            if exc.status not in _NOT_WRITABLE:
                raise
            return False
        return True

    def write(self, device: base.Device, agent: snmp.Agent, pin: str,
              on: bool) -> None:
        """Set a pin, and read whether it is set.

        :raises PowerCredentials: the community may only read
        :raises PowerUnchanged: it did not change, or not yet
        :raises OSError: no answer came in time
        :raises SNMPError: the board refused
        """
        allowed = self.set_pin(device, agent, pin, on)
        # Fails if the board has no such pin at all.
        found = self.read(device, agent, pin)
        if not allowed:
            raise exceptions.PowerCredentials(device=device)
        if found != (states.POWER_ON if on else states.POWER_OFF):
            raise exceptions.PowerUnchanged(
                device=device, request=f'{pin} {"on" if on else "off"}',
                reason='it did not change')

    def switch(self, device: base.Device, output: str, on: bool) -> None:
        pin = self.pin(device, output)
        self.visit(device, f'output {output} {"on" if on else "off"}',
                   lambda agent: self.write(device, agent, pin, on))

    def _identify(self, device: base.Device, agent: snmp.Agent) -> None:
        """Check that the board is what its control says.

        :raises PowerUnsupported: it is something else
        """
        identity = self.option(device, 'identity')
        try:
            found = agent.get(snmp.SYS_DESCR)
        except snmp.NoSuchObject:
            return
        text = (found.decode('utf-8', 'replace') if isinstance(found, bytes)
                else str(found))
        if identity.lower() not in text.lower():
            raise exceptions.PowerUnsupported(
                device=device, request=(
                    f'the type {device.control_type}: it says that it is '
                    f'"{wording.quote(device, text)}"'))

    def _examined(self, device: base.Device, pin: str,
                  deadline: float) -> exceptions.PowerError | None:
        """Examine a board; return the error if it does not answer."""
        try:
            self.visit(device, 'a reading', lambda agent: self.examine(
                device, agent, pin), deadline)
        except exceptions.PowerUnreachable as exc:
            return exc
        return None

    def _answers_others(self, device: base.Device, deadline: float) -> bool:
        """Tell whether a board is there, but not for our community."""
        try:
            self._visit(device, 'a reading',
                        lambda agent: agent.get(snmp.SYS_DESCR),
                        deadline, _COMMON_COMMUNITY)
        except (exceptions.PowerRefused, exceptions.PowerUnsupported):
            # To be told that there is no such object is an answer too.
            return True
        except exceptions.PowerError:
            return False
        return True

    def _visit(self, device: base.Device, request: str,
               work: Callable[[snmp.Agent], T], deadline: float | None,
               community: str) -> T:
        with _TURNS.take(device, deadline=deadline) as limit:
            try:
                with snmp.Agent(device, community, limit,
                                self.option(device, 'version')) as agent:
                    return work(agent)
            except (OSError, snmp.SNMPError) as exc:
                error = translate(device, request, exc)
            except exceptions.PowerError as exc:
                error = exc
            finally:
                # A report of an error may show what a frame holds.
                del community
        # Not raised above: the frames of the cause hold it too.
        error.__context__ = None
        raise error
