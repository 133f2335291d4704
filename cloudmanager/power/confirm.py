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
        """Read the state; trouble reads as unknown, never as off."""
        try:
            return self.driver.state(self.device, self.output)
        except exceptions.PowerCredentials:
            raise
        except exceptions.PowerError as exc:
            LOG.warning('Reading %(device)s failed: %(why)s',
                        {'device': self.device, 'why': exc})
            return states.UNKNOWN

    def send(self, target: str, soft: bool) -> None:
        """Ask for a state. A refusal is judged by what is read after it."""
        try:
            if target == states.POWER_ON:
                self.driver.power_on(self.device, self.output)
            else:
                self.driver.power_off(self.device, self.output, soft)
        except exceptions.PowerRefused as exc:
            # Some BMCs refuse to switch off what is off.
            LOG.info('%s', exc)


def reach(feeds: list[Feed], target: str, timeout: float, *,
          soft: bool = False,
          pause: Callable[[float], None] = time.sleep) -> None:
    """Bring all feeds of a node to a state and confirm it.

    :param target: ``power_on`` or ``power_off``
    :param timeout: seconds
    :param soft: ask the operating system instead of cutting the power
    :param pause: waits some seconds; may raise to end the work
    :raises PowerTimeout: not all feeds confirmed it in time
    """
    deadline = time.monotonic() + timeout
    half = time.monotonic() + timeout / 2
    waiting = {index: 0 for index in range(len(feeds))}
    last: dict[int, str] = {}
    for index, feed in enumerate(feeds):
        last[index] = feed.read()
        if last[index] != target:
            feed.send(target, soft)
    pauses = itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
    again = not soft
    while waiting:
        for index in list(waiting):
            last[index] = feeds[index].read()
            waiting[index] = (waiting[index] + 1 if last[index] == target
                              else 0)
            if waiting[index] >= READINGS:
                del waiting[index]
        if not waiting:
            return
        now = time.monotonic()
        if now >= deadline:
            index = next(iter(waiting))
            raise exceptions.PowerTimeout(
                device=feeds[index].device, target=target,
                seconds=timeout, last=last[index])
        if again and now >= half:
            again = False
            for index in waiting:
                if last[index] not in (target, states.UNKNOWN):
                    feeds[index].send(target, soft)
        pause(min(next(pauses), max(0.1, deadline - now)))


def switch_off(feeds: list[Feed], *,
               pause: Callable[[float], None] = time.sleep) -> None:
    """Shut a node down softly where that is possible, then cut it off."""
    soft = [feed for feed in feeds if feed.driver.supports_soft]
    if soft and len(soft) == len(feeds):
        try:
            reach(feeds, states.POWER_OFF, CONF.power.soft_timeout,
                  soft=True, pause=pause)
            return
        except exceptions.PowerTimeout as exc:
            LOG.warning('A soft shutdown did not help: %s', exc)
    fence(feeds, pause=pause)


def fence(feeds: list[Feed], *,
          pause: Callable[[float], None] = time.sleep) -> None:
    """Cut all feeds of a node and prove it.

    :raises PowerError: it is not proven
    """
    reach(feeds, states.POWER_OFF, CONF.power.confirm_timeout, pause=pause)
