# SPDX-License-Identifier: Apache-2.0
"""Asks the feeds of a node for a state until they have said it twice.

What went wrong last is kept, and told when the time is over.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import itertools
import math

from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.power import base
from cloudmanager.power import exceptions
from cloudmanager.power import states

LOG = logging.getLogger(__name__)
READINGS = 2
# Seconds between readings; the last one repeats.
PAUSES = (1, 1, 2, 2, 4)
# Requests that a device may refuse before it is taken at its word.
TRIES = 2
# A device that says so now does not do anything else for minutes.
HOPELESS = (*exceptions.FINAL, exceptions.PowerUpdating)

Pause = Callable[[float], None]


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

    def send(self, target: str,
             soft: bool) -> exceptions.PowerError | None:
        """Ask for a state; return what went wrong, if anything did.

        :raises PowerError: one of ``HOPELESS``
        """
        try:
            if target == states.POWER_ON:
                self.driver.power_on(self.device, self.output)
            else:
                self.driver.power_off(self.device, self.output, soft)
        except HOPELESS:
            raise
        except exceptions.PowerUnchanged as exc:
            LOG.info('%s', exc)
        except exceptions.PowerError as exc:
            LOG.warning('Asking %(device)s for %(target)s failed: %(why)s',
                        {'device': self.device, 'target': target,
                         'why': exc})
            return exc
        return None


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


class Question:
    """What one feed is to be asked, unless it was asked before.

    :param tries: requests that it may refuse before that is final
    """

    def __init__(self, feed: Feed, target: str,
                 tries: float = TRIES) -> None:
        self.feed = feed
        self.target = target
        self.tries = tries

    def age(self) -> float | None:
        """Return the seconds since it was asked, ``None`` if it was not."""
        return None

    def put(self) -> exceptions.PowerError | None:
        """Ask; return what went wrong, if anything did."""
        return self.feed.send(self.target, False)


class ShutDown(Question):
    """The operating system is to be asked to shut down, once.

    That it is about to be asked is noted before, that it was is noted
    afterwards. Of a conductor that died in between nobody knows. Then it
    is asked again, unless that is a press of a button: a second one may
    switch on what the first has switched off.
    """

    def __init__(self, feed: Feed, journal: Journal) -> None:
        super().__init__(feed, states.POWER_OFF, tries=1)
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

    def put(self) -> exceptions.PowerError | None:
        # Where it may be asked twice nobody needs to know of the intent.
        if not (self.feed.driver.soft_may_repeat
                or self._journal.has(self._intent)):
            self._journal.note(self._intent)
        trouble = self.feed.send(self.target, True)
        if _arrived(trouble):
            self._journal.note(self._done)
        return trouble


def _arrived(trouble: exceptions.PowerError | None) -> bool:
    """Tell whether a request with this outcome has reached its device."""
    return trouble is None or isinstance(trouble, exceptions.PowerRefused)


class _Pursuit:
    """Brings one feed to a state."""

    def __init__(self, question: Question) -> None:
        self.feed = question.feed
        self.last = states.UNKNOWN
        self._question = question
        self._asked = self._accepted = question.age() is not None
        # How many readings in a row were the right one.
        self._readings = 0
        # Why the last reading and the last request failed, if they did.
        self._unread: exceptions.PowerError | None = None
        self._trouble: exceptions.PowerError | None = None
        # Requests that were refused, and readings of another state since
        # the last one.
        self._refused = self._contrary = 0

    @property
    def confirmed(self) -> bool:
        return self._readings >= READINGS

    @property
    def cause(self) -> exceptions.PowerError | None:
        """Why it is not as it is to be, as far as that is known."""
        return self._unread or self._trouble

    def step(self, found: str | None = None) -> bool:
        """Read, and ask unless it was asked or need not be.

        :param found: what was read just before
        :returns: whether it was asked now
        :raises PowerError: it can never do it, or does not want to
        """
        self.last, self._unread = (self.feed.look() if found is None
                                   else (found, None))
        if self.last == self._question.target:
            self._readings += 1
            return False
        self._readings = 0
        self._weigh_refusal()
        if self._asked:
            return False
        self._trouble = self._question.put()
        self._contrary = 0
        self._refused += isinstance(self._trouble, exceptions.PowerRefused)
        self._accepted |= self._trouble is None
        self._asked = _arrived(self._trouble)
        return self._asked

    def forget(self) -> None:
        """Let the next step ask again, as devices lose requests."""
        if self.last != states.UNKNOWN:
            self._asked = False

    def _weigh_refusal(self) -> None:
        """Ask once more what was refused, or take it for the last word.

        Some BMCs refuse to switch off what is off. So only one that still
        tells another state has refused in earnest, and only if it has not
        taken such a request before: its readings may be old ones.
        """
        if not (self._refused and self._asked) or self._accepted or (
                self.last == states.UNKNOWN):
            return
        self._contrary += 1
        if self._contrary < READINGS:
            return
        if self._refused >= self._question.tries and self._trouble:
            raise self._trouble
        self._asked = False


def reach(feeds: list[Feed], target: str, timeout: float, *,
          found: Sequence[str] = (), insist: bool = False,
          pause: Pause = clock.sleep) -> None:
    """Bring all feeds of a node to a state and confirm it.

    All feeds have to be confirmed at the same time. A request that is
    under way at the end of the time is waited for, so it may take longer by
    twice the call deadline for each feed.

    :param target: ``power_on`` or ``power_off``
    :param timeout: seconds
    :param found: what was read of the feeds just before
    :param insist: ask again until the end what a device refuses
    :param pause: waits some seconds; may raise to end the work
    :raises PowerTimeout: not all feeds confirmed it in time
    :raises PowerError: a feed can never do it, or refuses it; or what kept
        it from doing it until the end of the time
    """
    # Devices lose requests.
    pursue([Question(feed, target, math.inf if insist else TRIES)
            for feed in feeds], timeout, again_after=timeout / 2,
           found=found, pause=pause)


def pursue(questions: Sequence[Question], timeout: float, *,
           again_after: float | None, found: Sequence[str] = (),
           pause: Pause) -> None:
    """Ask all feeds of a node, and read until they are as wanted.

    :param again_after: seconds after which those that have not obeyed are
        asked once more; ``None`` never, and then the time begins when the
        last of them was asked, if that is in time
    :raises PowerError: as for ``reach``
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
            raise _failure(missing, questions[0].target, timeout)
        if again_after is not None and passed >= again_after:
            again_after = math.inf
            for pursuit in missing:
                pursuit.forget()
        pause(min(next(pauses), max(0.1, timeout - passed)))


def _failure(missing: list[_Pursuit], target: str,
             timeout: float) -> exceptions.PowerError:
    """Return the error that tells why feeds are not as wanted in time."""
    pursuit = next((each for each in missing if each.cause), missing[0])
    error = exceptions.PowerTimeout(
        device=pursuit.feed.device, target=target, seconds=timeout,
        last=pursuit.last)
    cause = pursuit.cause
    if cause is None:
        return error
    return type(cause)(f'{cause.message} {error.message}', **cause.kwargs)
