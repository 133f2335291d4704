# SPDX-License-Identifier: Apache-2.0
"""Switches, and believes it only when the device has said so twice."""

from collections.abc import Callable
import dataclasses
import itertools
import time

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.power import base
from cloudmanager.power import exceptions
from cloudmanager.power import states

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
READINGS = 2
# Seconds between readings; the last one repeats.
PAUSES = (1, 1, 2, 2, 4)


@dataclasses.dataclass(frozen=True)
class Feed:
    """One output that feeds a node."""

    driver: base.PowerDriver
    device: base.Device
    output: str

    def read(self) -> str:
        """Read the state; trouble reads as unknown, never as off.

        :raises PowerError: one of ``exceptions.FINAL``; wrong credentials
            tried again would only lock the account
        """
        try:
            return self.driver.state(self.device, self.output)
        except exceptions.FINAL:
            raise
        except exceptions.PowerError as exc:
            LOG.warning('Reading %(device)s failed: %(why)s',
                        {'device': self.device, 'why': exc})
            return states.UNKNOWN

    def send(self, target: str, soft: bool) -> bool:
        """Ask for a state; return whether the device was asked.

        :raises PowerError: one of ``exceptions.FINAL``
        """
        try:
            if target == states.POWER_ON:
                self.driver.power_on(self.device, self.output)
            else:
                self.driver.power_off(self.device, self.output, soft)
        except exceptions.PowerRefused as exc:
            # Some BMCs refuse to switch off what is off: what is read
            # after it decides.
            LOG.info('%s', exc)
        except exceptions.FINAL:
            raise
        except exceptions.PowerError as exc:
            LOG.warning('Asking %(device)s for %(target)s failed: %(why)s',
                        {'device': self.device, 'target': target,
                         'why': exc})
            return False
        return True


class _Pursuit:
    """Brings one feed to a state."""

    def __init__(self, feed: Feed, target: str, soft: bool) -> None:
        self.feed = feed
        self.last = states.UNKNOWN
        self._target = target
        self._soft = soft
        self._asked = False
        # How many readings in a row were the right one.
        self._readings = 0

    @property
    def confirmed(self) -> bool:
        return self._readings >= READINGS

    def step(self) -> None:
        """Read, and ask unless it was asked or need not be."""
        self.last = self.feed.read()
        if self.last == self._target:
            self._readings += 1
            return
        self._readings = 0
        if not self._asked:
            self._asked = self.feed.send(self._target, self._soft)

    def forget(self) -> None:
        """Let the next step ask again, as devices lose requests."""
        if self.last != states.UNKNOWN:
            self._asked = False


def reach(feeds: list[Feed], target: str, timeout: float, *,
          soft: bool = False,
          pause: Callable[[float], None] = time.sleep) -> None:
    """Bring all feeds of a node to a state and confirm it.

    All feeds have to be confirmed at the same time. A request that is
    under way at the end of the time is waited for, so it may take longer by
    twice the call deadline for each feed.

    :param target: ``power_on`` or ``power_off``
    :param timeout: seconds
    :param soft: ask the operating system instead of cutting the power
    :param pause: waits some seconds; may raise to end the work
    :raises PowerTimeout: not all feeds confirmed it in time
    :raises PowerError: a feed can never do it
    """
    if not feeds:
        raise ValueError('A node without feeds cannot be switched.')
    start = time.monotonic()
    pursuits = [_Pursuit(feed, target, soft) for feed in feeds]
    # An operating system is not asked twice: it may ask its user.
    again = not soft
    pauses = itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
    while True:
        for pursuit in pursuits:
            pursuit.step()
        missing = [each for each in pursuits if not each.confirmed]
        if not missing:
            return
        passed = time.monotonic() - start
        if passed >= timeout:
            raise exceptions.PowerTimeout(
                device=missing[0].feed.device, target=target,
                seconds=timeout, last=missing[0].last)
        if again and passed >= timeout / 2:
            again = False
            for pursuit in missing:
                pursuit.forget()
        pause(min(next(pauses), max(0.1, timeout - passed)))


def switch_off(feeds: list[Feed], *,
               pause: Callable[[float], None] = time.sleep) -> None:
    """Shut a node down softly where that is possible, then cut it off.

    :param pause: as for ``reach``
    :raises PowerError: it is not proven to be off
    """
    soft = [feed for feed in feeds if feed.driver.supports_soft]
    if soft and len(soft) == len(feeds):
        try:
            reach(feeds, states.POWER_OFF, CONF.power.soft_timeout,
                  soft=True, pause=pause)
            return
        except (exceptions.PowerTimeout,
                exceptions.PowerUnsupported) as exc:
            LOG.warning('A soft shutdown did not help: %s', exc)
    fence(feeds, pause=pause)


def fence(feeds: list[Feed], *,
          pause: Callable[[float], None] = time.sleep) -> None:
    """Cut all feeds of a node and prove it.

    :raises PowerError: it is not proven
    """
    reach(feeds, states.POWER_OFF, CONF.power.confirm_timeout, pause=pause)


def is_off(feeds: list[Feed], *,
           pause: Callable[[float], None] = time.sleep) -> bool:
    """Tell whether a node is seen to be off, without switching anything.

    :param pause: as for ``reach``
    :returns: whether all feeds have said so twice in a row
    :raises PowerCredentials: a device does not accept ours
    :raises PowerUnsupported: a device cannot tell
    """
    if not feeds:
        raise ValueError('A node without feeds cannot be judged.')
    for reading in range(READINGS):
        if reading:
            pause(PAUSES[0])
        if any(feed.read() != states.POWER_OFF for feed in feeds):
            return False
    return True


def switch_on(feeds: list[Feed], *,
              pause: Callable[[float], None] = time.sleep) -> None:
    """Switch all feeds of a node on.

    :raises PowerTimeout: they did not confirm it in time
    """
    reach(feeds, states.POWER_ON, CONF.power.confirm_timeout, pause=pause)


def reset(feeds: list[Feed], *,
          pause: Callable[[float], None] = time.sleep) -> None:
    """Restart a node: by its device where that is enough, else off and on.

    A node that is off is switched on. One with several feeds restarts only
    when all of them are cut.

    :raises PowerError: the node is not on afterwards
    """
    found = [feed.read() for feed in feeds]
    if states.of_node(found) == states.POWER_OFF:
        switch_on(feeds, pause=pause)
        return
    try:
        if len(feeds) > 1:
            raise exceptions.PowerUnsupported(device=feeds[0].device,
                                              request='reset of one feed')
        feeds[0].driver.reset(feeds[0].device, feeds[0].output)
    except exceptions.PowerUnsupported:
        fence(feeds, pause=pause)
    switch_on(feeds, pause=pause)
