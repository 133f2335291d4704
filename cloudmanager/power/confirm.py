# SPDX-License-Identifier: Apache-2.0
"""Switches nodes, and confirms each change by two readings in a row."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.pursuit import Feed as Feed
from cloudmanager.power.pursuit import HOPELESS
from cloudmanager.power.pursuit import Journal as Journal
from cloudmanager.power.pursuit import Pause
from cloudmanager.power.pursuit import PAUSES
from cloudmanager.power.pursuit import pursue
from cloudmanager.power.pursuit import reach as reach
from cloudmanager.power.pursuit import READINGS
from cloudmanager.power.pursuit import ShutDown

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
# Errors that cutting the power would meet as well.
_NEITHER_WAY = (*(kind for kind in HOPELESS
                  if kind is not exceptions.PowerUnsupported),
                exceptions.PowerFeedSilent)

Admission = Callable[[], contextlib.AbstractContextManager[None]]


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
                  insist=True, pause=pause)
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
        except exceptions.PowerError as exc:
            if not manner.hard or isinstance(exc, _NEITHER_WAY):
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
    questions = [ShutDown(feed, journal) for feed in feeds]
    ages = [question.age() for question in questions]
    found: Sequence[str] = ()
    if None in ages and len(feeds) > 1:
        found = _look_at_all(feeds, pause)
    passed = min((age for age in ages if age is not None), default=0.0)
    if None in ages:
        passed = 0.0
    pursue(questions, max(0.0, timeout - passed), again_after=None,
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


def switch_on(feeds: list[Feed], *, insist: bool = False,
              pause: Pause = clock.sleep,
              admit: Admission = contextlib.nullcontext) -> None:
    """Switch all feeds of a node on.

    :param insist: as for ``reach``
    :param admit: entered before a node that is not on is switched on, left
        when it is on; may wait, or raise to end the work
    :raises PowerError: as for ``reach``
    """
    found = [feed.read() for feed in feeds]
    calm = all(state == states.POWER_ON for state in found)
    with contextlib.nullcontext() if calm else admit():
        reach(feeds, states.POWER_ON, CONF.power.confirm_timeout,
              found=found, insist=insist, pause=pause)


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
    # Some BMCs refuse to switch on what has just gone off.
    switch_on(feeds, insist=journal.has('off'), pause=pause, admit=admit)


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
