# SPDX-License-Identifier: Apache-2.0
"""Switches, and believes it only when the device has said so twice."""

from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import dataclasses
import itertools

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.power import base
from cloudmanager.power import exceptions
from cloudmanager.power import states

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
READINGS = 2
# Seconds between readings; the last one repeats.
PAUSES = (1, 1, 2, 2, 4)
# A device that says so now does not do anything else for minutes.
HOPELESS = (*exceptions.FINAL, exceptions.PowerUpdating)

Pause = Callable[[float], None]
Admission = Callable[[], contextlib.AbstractContextManager[None]]


@dataclasses.dataclass(frozen=True)
class Feed:
    """One output that feeds a node."""

    driver: base.PowerDriver
    device: base.Device
    output: str

    def read(self) -> str:
        """Read the state; trouble reads as unknown, never as off.

        :raises PowerError: one of ``HOPELESS``; wrong credentials tried
            again would only lock the account
        """
        try:
            return self.driver.state(self.device, self.output)
        except HOPELESS:
            raise
        except exceptions.PowerError as exc:
            LOG.warning('Reading %(device)s failed: %(why)s',
                        {'device': self.device, 'why': exc})
            return states.UNKNOWN

    def send(self, target: str, soft: bool) -> bool:
        """Ask for a state; return whether the device was asked.

        :raises PowerError: one of ``HOPELESS``
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
        except HOPELESS:
            raise
        except exceptions.PowerError as exc:
            LOG.warning('Asking %(device)s for %(target)s failed: %(why)s',
                        {'device': self.device, 'target': target,
                         'why': exc})
            return False
        return True


class Journal:
    """What an action has done so far.

    This one is forgotten with the action. One that is begun again after a
    crash needs one that is not, so as to do nothing twice.
    """

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}

    def note(self, what: str) -> None:
        """Write down that something is about to be done, or was done."""
        self._noted[what] = clock.monotonic()

    def age(self, what: str) -> float | None:
        """Return the seconds since it was noted, ``None`` if it was not."""
        then = self._noted.get(what)
        return None if then is None else clock.monotonic() - then

    def has(self, what: str) -> bool:
        return self.age(what) is not None


class _Pursuit:
    """Brings one feed to a state."""

    def __init__(self, feed: Feed, target: str, soft: bool,
                 asked: bool) -> None:
        self.feed = feed
        self.last = states.UNKNOWN
        self._target = target
        self._soft = soft
        self._asked = asked
        # How many readings in a row were the right one.
        self._readings = 0

    @property
    def confirmed(self) -> bool:
        return self._readings >= READINGS

    def step(self, found: str | None = None) -> None:
        """Read, and ask unless it was asked or need not be.

        :param found: what was read just before
        """
        self.last = self.feed.read() if found is None else found
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
          soft: bool = False, asked: bool = False,
          found: Sequence[str] = (), pause: Pause = clock.sleep) -> None:
    """Bring all feeds of a node to a state and confirm it.

    All feeds have to be confirmed at the same time. A request that is
    under way at the end of the time is waited for, so it may take longer by
    twice the call deadline for each feed.

    :param target: ``power_on`` or ``power_off``
    :param timeout: seconds
    :param soft: ask the operating system instead of cutting the power
    :param asked: the devices were asked before, so only wait
    :param found: what was read of the feeds just before
    :param pause: waits some seconds; may raise to end the work
    :raises PowerTimeout: not all feeds confirmed it in time
    :raises PowerError: a feed can never do it
    """
    if not feeds:
        raise ValueError('A node without feeds cannot be switched.')
    start = clock.monotonic()
    pursuits = [_Pursuit(feed, target, soft, asked) for feed in feeds]
    # An operating system is not asked twice: it may ask its user.
    again = not soft
    pauses = itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
    readings = iter(found)
    while True:
        for pursuit in pursuits:
            pursuit.step(next(readings, None))
        missing = [each for each in pursuits if not each.confirmed]
        if not missing:
            return
        passed = clock.monotonic() - start
        if passed >= timeout:
            raise exceptions.PowerTimeout(
                device=missing[0].feed.device, target=target,
                seconds=timeout, last=missing[0].last)
        if again and passed >= timeout / 2:
            again = False
            for pursuit in missing:
                pursuit.forget()
        pause(min(next(pauses), max(0.1, timeout - passed)))


@dataclasses.dataclass(frozen=True)
class Manner:
    """How a node is to be switched off.

    :ivar soft: ask the operating system first, where all devices can
    :ivar hard: cut the power, if it was not asked or did not obey
    :ivar soft_timeout: seconds that the operating system gets;
        ``[power] soft_timeout`` when ``None``
    """

    soft: bool = True
    hard: bool = True
    soft_timeout: float | None = None


SOFT_THEN_HARD = Manner()
HARD = Manner(soft=False)


def switch_off(feeds: list[Feed], *, manner: Manner = SOFT_THEN_HARD,
               journal: Journal | None = None, pause: Pause = clock.sleep,
               soft_pause: Pause | None = None) -> None:
    """Switch a node off.

    :param pause: as for ``reach``
    :param soft_pause: the same while the operating system shuts down
    :raises PowerUnsupported: not all devices can ask the operating system,
        and nothing else is allowed
    :raises PowerError: it is not proven to be off
    """
    unable = [feed for feed in feeds if not feed.driver.supports_soft]
    if manner.soft and not unable:
        try:
            _shut_down(feeds, manner, journal or Journal(),
                       soft_pause or pause)
            return
        except (exceptions.PowerTimeout,
                exceptions.PowerUnsupported) as exc:
            if not manner.hard:
                raise
            LOG.warning('A soft shutdown did not help: %s', exc)
    if not manner.hard:
        raise exceptions.PowerUnsupported(device=unable[0].device,
                                          request='a soft shutdown')
    fence(feeds, pause=pause)


def _shut_down(feeds: list[Feed], manner: Manner, journal: Journal,
               pause: Pause) -> None:
    """Ask the operating system, once, and wait for what is left of it."""
    timeout = (CONF.power.soft_timeout if manner.soft_timeout is None
               else manner.soft_timeout)
    age = journal.age('asked to shut down')
    if age is None:
        journal.note('asked to shut down')
    reach(feeds, states.POWER_OFF, max(0.0, timeout - (age or 0.0)),
          soft=True, asked=age is not None, pause=pause)


def fence(feeds: list[Feed], *, pause: Pause = clock.sleep) -> None:
    """Cut all feeds of a node and prove it.

    :raises PowerError: it is not proven
    """
    reach(feeds, states.POWER_OFF, CONF.power.confirm_timeout, pause=pause)


def is_off(feeds: list[Feed], *, pause: Pause = clock.sleep) -> bool:
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


def switch_on(feeds: list[Feed], *, pause: Pause = clock.sleep,
              admit: Admission = contextlib.nullcontext) -> None:
    """Switch all feeds of a node on.

    :param admit: entered before a node that is not on is switched on, left
        when it is on; may wait, or raise to end the work
    :raises PowerTimeout: they did not confirm it in time
    """
    found = [feed.read() for feed in feeds]
    calm = all(state == states.POWER_ON for state in found)
    with contextlib.nullcontext() if calm else admit():
        reach(feeds, states.POWER_ON, CONF.power.confirm_timeout,
              found=found, pause=pause)


def reset(feeds: list[Feed], *, manner: Manner = HARD,
          journal: Journal | None = None, pause: Pause = clock.sleep,
          soft_pause: Pause | None = None,
          admit: Admission = contextlib.nullcontext) -> None:
    """Restart a node: by its device where that is enough, else off and on.

    A node that is off is switched on. One with several feeds restarts only
    when all of them are cut.

    :param manner: how it is switched off; with ``soft`` its device alone
        is never enough
    :param admit: as for ``switch_on``
    :raises PowerInterrupted: the journal says that the device was about to
        be asked, and nobody knows whether it was
    :raises PowerError: the node is not on afterwards
    """
    journal = journal or Journal()
    if not journal.has('off'):
        found = states.of_node(feed.read() for feed in feeds)
        # Off may also be what an earlier life of this action has reached.
        if found != states.POWER_OFF and not (
                not manner.soft and _reset_by_device(feeds, journal)):
            journal.note('switching off')
            switch_off(feeds, manner=manner, journal=journal, pause=pause,
                       soft_pause=soft_pause)
            journal.note('off')
    switch_on(feeds, pause=pause, admit=admit)


def _reset_by_device(feeds: list[Feed], journal: Journal) -> bool:
    """Let the device restart its node, never twice; false if it cannot."""
    if len(feeds) > 1 or journal.has('switching off'):
        return False
    feed = feeds[0]
    if journal.has('was reset'):
        return True
    if journal.has('asked to reset'):
        raise exceptions.PowerInterrupted(device=feed.device)
    journal.note('asked to reset')
    try:
        feed.driver.reset(feed.device, feed.output)
    except exceptions.PowerUnsupported:
        return False
    journal.note('was reset')
    return True
