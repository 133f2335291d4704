# SPDX-License-Identifier: Apache-2.0
"""Tries other limits of audits on loads that were measured in the past."""

from collections.abc import Iterable
import dataclasses

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.audits import sources
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain import audit_policies
from cloudmanager.planning.drs import backtest
from cloudmanager.planning.drs import settings as drs_settings

CONF = cfg.CONF


def run(tools: Tools, aggregate_id: int, params: JsonObject) -> JsonObject:
    """Replay the loads of an aggregate, as far as there is time.

    :param params: ``hours`` to look back, ``interval`` between audits in
        seconds, and limits of a policy
    :returns: the answer of the REST API
    :raises AggregateNotFound: Nova has no aggregate with this id
    :raises NothingMeasured: the source has no loads of that time
    :raises Unavailable: the source cannot be read
    """
    end = clock.monotonic() + CONF.drs.backtest_time
    seen = picture.look(tools, aggregate_id)
    now, limits = clock.timestamp(), sources.limits()
    start, interval = now - params['hours'] * 3600, params['interval']
    found = sources.get(CONF.drs.source).samples(
        seen.cloud, seen.hosts, start - limits.window, now)
    past = backtest.Past(seen.cloud, seen.hosts, found, limits)
    times = [start + number * interval for number in range(
        1 + int(params['hours'] * 3600 // interval))]
    given: JsonObject = {name: params[name] for name in audit_policies.LIMITS
                         if params.get(name) is not None}
    asked = dataclasses.replace(seen.settings, rounds=1, **given)
    present = dataclasses.replace(seen.settings, rounds=1)
    replays, made = _replay(past, times, end, (
        dataclasses.replace(present, max_moves=0), present, asked))
    still, with_present, with_asked = replays
    if still.deviation is None:
        raise exception.NothingMeasured(aggregate=aggregate_id,
                                        hours=params['hours'],
                                        source=CONF.drs.source)
    return {
        'rounds': still.rounds, 'unknown': still.unknown,
        'unreached': len(times) - made,
        'deviation': round(still.deviation, 4),
        'present': _told(present, with_present, still.deviation),
        'asked': _told(asked, with_asked, still.deviation)}


def _replay(past: backtest.Past, times: list[float], end: float,
            variants: Iterable[drs_settings.Settings]
            ) -> tuple[list[backtest.Replay], int]:
    """Replay rounds with several limits until the time is up.

    All variants advance together, so that they are of the same rounds.

    :param end: when it is, by the clock that never goes back; the first
        round is replayed all the same
    :returns: what came of each, and how many rounds there were
    """
    pauses = backtest.Pauses(base=CONF.drs.cooldown,
                             most=CONF.drs.cooldown_max)
    courses = [past.course(settings, plans.plan_options({}), pauses)
               for settings in variants]
    made = 0
    for time in times:
        if made and clock.monotonic() >= end:
            break
        for course in courses:
            course.step(time)
        made += 1
    return [course.result() for course in courses], made


def _told(settings: drs_settings.Settings, found: backtest.Replay,
          still: float) -> JsonObject:
    deviation = found.deviation or 0.0
    return {
        **{name: getattr(settings, name) for name in audit_policies.LIMITS},
        'moves': found.moves, 'most_moved': found.most_moved,
        'deviation': round(deviation, 4),
        'gain': round(still - deviation, 4)}
