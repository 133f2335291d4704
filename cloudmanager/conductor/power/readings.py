# SPDX-License-Identifier: Apache-2.0
"""Reading a power device, and what follows when it does not answer."""

from collections.abc import Callable
from collections.abc import Iterable
import datetime
import random

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.db import power_states as db_power_states
from cloudmanager.db.models import Row
from cloudmanager.power import base as power_base
from cloudmanager.power import exceptions as power_exc
from cloudmanager.power import registry
from cloudmanager.power import states

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
# A pause varies at random by this fraction, so that devices that stopped
# answering together are not all read at the same time.
JITTER = 0.3


def device(row: Row,
           decrypt: Callable[[str | None], str | None] = secrets.decrypt
           ) -> power_base.Device:
    """Return the device that a stored power control describes.

    :raises SecretUnreadable: none of the present keys decrypts its secrets
    """
    return power_base.Device(
        control_type=row['control_type'],
        protocol_type=row['protocol_type'],
        host=row['host'], port=row['port_number'], login=row['login'],
        password=decrypt(row['password']), ssh_key=decrypt(row['ssh_key']),
        options=row['options'] or {})


def look(row: Row, outputs: Iterable[str],
         decrypt: Callable[[str | None], str | None] = secrets.decrypt, *,
         least: int = 0) -> db_power_states.Visit:
    """Read some outputs of a device; errors are part of the result.

    :param row: the stored power control
    :param least: as for ``silent``
    """
    begun = clock.utcnow()
    try:
        target = device(row, decrypt)
        found, note = _read(registry.get(target), target, list(outputs))
    except exception.CloudManagerException as exc:
        return silent(row, exc, least)
    except Exception as exc:
        # Boundary of a driver. The errors it may raise are handled above. Any
        # other error must not stop the reading of other devices. Its text may
        # hold secrets, so only its type is told.
        LOG.error('The driver of %(type)s broke down: %(kind)s', {
            'type': row['control_type'], 'kind': type(exc).__name__})
        return silent(row, exception.Unavailable(
            reason='Its driver broke down: ' + type(exc).__name__), least)
    # Dated before the reading: the state may have changed during it.
    return db_power_states.Visit(row['id'], begun, found, note=note)


def _read(driver: power_base.PowerDriver, target: power_base.Device,
          outputs: list[str]) -> tuple[dict[str, str], str | None]:
    """Return the states of some outputs, and the errors of the others.

    :raises PowerError: the device reported none
    """
    try:
        return driver.states(target, outputs), None
    except power_exc.PowerNoOutput:
        if len(outputs) == 1:
            raise
    except power_exc.PowerUnclear as exc:
        if len(outputs) == 1:
            return {outputs[0]: states.UNKNOWN}, str(exc)
    # One output has an error, which says nothing about the others.
    found, troubles = {}, []
    for output in outputs:
        try:
            found[output] = driver.state(target, output)
        except (power_exc.PowerNoOutput, power_exc.PowerUnclear) as exc:
            found[output] = states.UNKNOWN
            troubles.append(str(exc) if isinstance(
                exc, power_exc.PowerNoOutput) else f'Output {output}: {exc}')
    return found, '; '.join(troubles) or None


def silent(row: Row, error: exception.CloudManagerException,
           least: int = 0) -> db_power_states.Visit:
    """Return the visit of a device that did not report its states.

    :param least: the smallest number of failures to count it as
    """
    now = clock.utcnow()
    failures = row['failures']
    if isinstance(error, power_exc.PowerBusy):
        # It answers. A firmware update takes minutes and is no failure.
        seconds = CONF.power.retry_interval * 2
    elif isinstance(error, power_exc.FINAL):
        failures = max(failures + 1, CONF.power.lost_after)
        # Frequent logins with a wrong password would lock the account.
        seconds = (CONF.power.retry_interval_max
                   if isinstance(error, power_exc.HARMFUL)
                   else pause(failures))
    else:
        failures = max(failures + 1, least)
        seconds = pause(failures)
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return db_power_states.Visit(
        row['id'], now, error=str(error), failures=failures,
        retry_at=now + datetime.timedelta(seconds=seconds * spread))


def pause(failures: int) -> float:
    """Return the seconds until the next look at a device.

    :param failures: how many looks in a row have failed
    """
    doubled = CONF.power.retry_interval * 2 ** min(failures - 1, 20)
    if failures >= CONF.power.lost_after:
        # This one is given up: read it no more often than those that answer.
        doubled = max(doubled, CONF.power.sweep_interval)
    return float(min(doubled, CONF.power.retry_interval_max))
