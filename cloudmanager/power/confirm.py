# SPDX-License-Identifier: Apache-2.0
"""Switches, and believes it only when the device has said so twice."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import itertools
import math

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

    def __str__(self) -> str:
        return f'output {self.output} of {self.device}'

    def look(self) -> tuple[str, exceptions.PowerError | None]:
        """Read the state, and why it is unknown if it is.

        :raises PowerError: one of ``HOPELESS``; wrong credentials tried
            again would only lock the account
        """
        try:
            return self.driver.state(self.device, self.output), None
        except HOPELESS:
            raise
        except exceptions.PowerError as exc:
            LOG.warning('Reading %(device)s failed: %(why)s',
                        {'device': self.device, 'why': exc})
            return states.UNKNOWN, exc

    def read(self) -> str:
        """Read the state; trouble reads as unknown, never as off.

        :raises PowerError: as for ``look``
        """
        return self.look()[0]

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

    def forget(self, *notes: str) -> None:
        """Take back what was noted, if it was."""
        for what in notes:
            self._noted.pop(what, None)

    def has(self, what: str) -> bool:
        return self.age(what) is not None


class _Question:
    """What one feed is to be asked, unless it was asked before."""

    def __init__(self, feed: Feed, target: str) -> None:
        self.feed = feed
        self.target = target

    def age(self) -> float | None:
        """Return the seconds since it was asked, ``None`` if it was not."""
        return None

    def put(self) -> bool:
        """Ask; return whether the device was reached."""
        return self.feed.send(self.target, False)


class _ShutDown(_Question):
    """The operating system is to be asked to shut down, once.

    That it is about to be asked is noted before, that it was is noted
    afterwards. Of a conductor that died in between nobody knows. Then it
    is asked again, unless that is a press of a button: a second one may
    switch on what the first has switched off.
    """

    def __init__(self, feed: Feed, journal: Journal) -> None:
        super().__init__(feed, states.POWER_OFF)
        self._journal = journal
        self._intent = f'about to ask {feed} to shut down'
        self._done = f'asked {feed} to shut down'

    def age(self) -> float | None:
        # The last one was noted by earlier versions, before they asked.
        for what in (self._done, 'asked to shut down'):
            age = self._journal.age(what)
            if age is not None:
                return age
        if self.feed.driver.soft_may_repeat:
            return None
        return self._journal.age(self._intent)

    def put(self) -> bool:
        if not self._journal.has(self._intent):
            self._journal.note(self._intent)
        reached = self.feed.send(self.target, True)
        if reached:
            self._journal.note(self._done)
        return reached


class _Pursuit:
    """Brings one feed to a state."""

    def __init__(self, question: _Question) -> None:
        self.feed = question.feed
        self.last = states.UNKNOWN
        self._question = question
        self._asked = question.age() is not None
        # How many readings in a row were the right one.
        self._readings = 0

    @property
    def confirmed(self) -> bool:
        return self._readings >= READINGS

    def step(self, found: str | None = None) -> bool:
        """Read, and ask unless it was asked or need not be.

        :param found: what was read just before
        :returns: whether it was asked now
        """
        self.last = self.feed.read() if found is None else found
        if self.last == self._question.target:
            self._readings += 1
            return False
        self._readings = 0
        if self._asked:
            return False
        self._asked = self._question.put()
        return self._asked

    def forget(self) -> None:
        """Let the next step ask again, as devices lose requests."""
        if self.last != states.UNKNOWN:
            self._asked = False


def reach(feeds: list[Feed], target: str, timeout: float, *,
          found: Sequence[str] = (), pause: Pause = clock.sleep) -> None:
    """Bring all feeds of a node to a state and confirm it.

    All feeds have to be confirmed at the same time. A request that is
    under way at the end of the time is waited for, so it may take longer by
    twice the call deadline for each feed.

    :param target: ``power_on`` or ``power_off``
    :param timeout: seconds
    :param found: what was read of the feeds just before
    :param pause: waits some seconds; may raise to end the work
    :raises PowerTimeout: not all feeds confirmed it in time
    :raises PowerError: a feed can never do it
    """
    # Devices lose requests.
    _pursue([_Question(feed, target) for feed in feeds], timeout,
            again_after=timeout / 2, found=found, pause=pause)


def _pursue(questions: Sequence[_Question], timeout: float, *,
            again_after: float | None, found: Sequence[str] = (),
            pause: Pause) -> None:
    """Ask all feeds of a node, and read until they are as wanted.

    :param again_after: seconds after which those that have not obeyed are
        asked once more; ``None`` never, and then the time begins when the
        last of them was asked, if that is in time
    """
    if not questions:
        raise ValueError('A node without feeds cannot be switched.')
    start = clock.monotonic()
    pursuits = [_Pursuit(question) for question in questions]
    pauses = itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
    readings = iter(found)
    while True:
        asked = [pursuit.step(next(readings, None)) for pursuit in pursuits]
        missing = [each for each in pursuits if not each.confirmed]
        if not missing:
            return
        if any(asked) and again_after is None:
            start = clock.monotonic()
        passed = clock.monotonic() - start
        if passed >= timeout:
            raise exceptions.PowerTimeout(
                device=missing[0].feed.device, target=questions[0].target,
                seconds=timeout, last=missing[0].last)
        if again_after is not None and passed >= again_after:
            again_after = math.inf
            for pursuit in missing:
                pursuit.forget()
        pause(min(next(pauses), max(0.1, timeout - passed)))


def _look_at_all(feeds: list[Feed], pause: Pause) -> list[str]:
    """Read all feeds of a node before one of them is cut.

    :raises PowerFeedSilent: one of several does not tell its state
    """
    found = [feed.look() for feed in feeds]
    if len(feeds) > 1 and states.UNKNOWN in (state for state, _ in found):
        pause(PAUSES[0])
        found = [(state, why) if state != states.UNKNOWN else feed.look()
                 for feed, (state, why) in zip(feeds, found, strict=True)]
        for feed, (state, why) in zip(feeds, found, strict=True):
            if state == states.UNKNOWN:
                raise exceptions.PowerFeedSilent(
                    device=feed.device, output=feed.output,
                    count=len(feeds), reason=why or 'its state is unknown')
    return [state for state, _ in found]


@contextlib.contextmanager
def _all_or_none(feeds: list[Feed], journal: Journal,
                 pause: Pause) -> Iterator[list[str]]:
    """Give the states of all feeds; if not all go off, none stays off.

    Otherwise a node that was to be restarted is left without power when
    the second of its devices is lost after the first feed was cut. What
    was on is noted, so that a successor knows it as well.

    :raises PowerFeedSilent: one of them does not tell its state
    """
    notes = [f'{feed} was on' for feed in feeds]
    try:
        found = _look_at_all(feeds, pause)
        for note, state in zip(notes, found, strict=True):
            if len(feeds) > 1 and state == states.POWER_ON and (
                    not journal.has(note)):
                journal.note(note)
        yield found
    except exceptions.PowerError as exc:
        told = _switch_on_again(
            [feed for feed, note in zip(feeds, notes, strict=True)
             if journal.has(note)], pause)
        if not told:
            raise
        raise type(exc)(f'{exc.message} {told}', **exc.kwargs) from exc
    else:
        journal.forget(*notes)


def _switch_on_again(feeds: list[Feed], pause: Pause) -> str:
    """Switch on those of some feeds that are off; tell what came of it."""
    told = []
    for feed in feeds:
        try:
            if feed.read() != states.POWER_OFF:
                continue
            reach([feed], states.POWER_ON, CONF.power.confirm_timeout,
                  pause=pause)
            told.append(f'It was switched on again: {feed}.')
        except exceptions.PowerError as exc:
            told.append(f'It could not be switched on again: {feed}: {exc}')
    return ' '.join(told)


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
    :raises PowerFeedSilent: nothing was done, as for ``fence``
    :raises PowerError: it is not proven to be off
    """
    journal = journal or Journal()
    unable = [feed for feed in feeds if not feed.driver.supports_soft]
    if manner.soft and not unable:
        try:
            _shut_down(feeds, manner, journal, soft_pause or pause)
            return
        except (exceptions.PowerTimeout,
                exceptions.PowerUnsupported) as exc:
            if not manner.hard:
                raise
            LOG.warning('A soft shutdown did not help: %s', exc)
    if not manner.hard:
        raise exceptions.PowerUnsupported(device=unable[0].device,
                                          request='a soft shutdown')
    fence(feeds, journal=journal, pause=pause)


def _shut_down(feeds: list[Feed], manner: Manner, journal: Journal,
               pause: Pause) -> None:
    """Ask the operating system, once, and wait for what is left of it."""
    timeout = (CONF.power.soft_timeout if manner.soft_timeout is None
               else manner.soft_timeout)
    questions = [_ShutDown(feed, journal) for feed in feeds]
    ages = [question.age() for question in questions]
    found: Sequence[str] = ()
    if None in ages and len(feeds) > 1:
        found = _look_at_all(feeds, pause)
    passed = min((age for age in ages if age is not None), default=0.0)
    if None in ages:
        passed = 0.0
    _pursue(questions, max(0.0, timeout - passed), again_after=None,
            found=found, pause=pause)


def fence(feeds: list[Feed], *, journal: Journal | None = None,
          pause: Pause = clock.sleep) -> None:
    """Cut all feeds of a node and prove it.

    Of several feeds none is cut unless all tell their state, and what was
    cut is switched on again when the others cannot be.

    :param journal: what was done before; a successor needs it to know
        which feeds it was that were cut
    :raises PowerFeedSilent: one of several feeds does not tell its state
    :raises PowerError: it is not proven
    """
    if len(feeds) == 1:
        reach(feeds, states.POWER_OFF, CONF.power.confirm_timeout,
              pause=pause)
        return
    with _all_or_none(feeds, journal or Journal(), pause) as found:
        reach(feeds, states.POWER_OFF, CONF.power.confirm_timeout,
              found=found, pause=pause)


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
    :raises PowerFeedSilent: nothing was done, as for ``fence``
    :raises PowerError: the node is not on afterwards
    """
    journal = journal or Journal()
    if not journal.has('off'):
        with _all_or_none(feeds, journal, pause) as found:
            # Off may also be what an earlier life of this action has
            # reached.
            if states.of_node(found) != states.POWER_OFF and not (
                    not manner.soft and _reset_by_device(feeds, journal)):
                journal.note('switching off')
                switch_off(feeds, manner=manner, journal=journal,
                           pause=pause, soft_pause=soft_pause)
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
