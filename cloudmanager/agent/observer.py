# SPDX-License-Identifier: Apache-2.0
"""Looks at the guests and the load of the node at regular intervals."""

import threading

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.agent import guests
from cloudmanager.agent import load
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
GUESTS = 'guests'
#: How many guests one report names.
MAX_NAMED = 4096


class Observer:
    """Knows the guests of the node, and how busy both are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._host = load.HostLoad()
        self._load = guests.GuestLoad()
        self._guests: list[guests.Guest] | None = None
        self._why: str | None = 'nobody has looked yet'
        self._taken_at = clock.monotonic()

    def look(self) -> bool:
        """Look at the guests.

        :returns: whether the guests or their states have changed
        """
        why = None
        found: list[guests.Guest] | None = None
        try:
            found = guests.read()
        except exception.CloudManagerException as exc:
            why = exc.message
        with self._lock:
            before = self._states(), self._why
            self._guests, self._why = found, why
            if found is not None:
                self._load.saw(found)
            changed = (self._states(), why) != before
        if changed and why is not None:
            LOG.warning('The guests of the node are not known: %s', why)
        return changed

    def _states(self) -> list[JsonObject] | None:
        if self._guests is None:
            return None
        return [{'id': guest.id, 'name': guest.name, 'state': guest.state}
                for guest in self._guests[:MAX_NAMED]]

    def guests(self) -> tuple[list[JsonObject] | None, str | None]:
        """Return the guests as they were seen last.

        :returns: ``id``, ``name`` and ``state`` of each, or ``None`` and
            why they are not known
        """
        with self._lock:
            return self._states(), self._why

    def load(self) -> JsonObject | None:
        """Return the load since the last time, if that is long enough ago.

        :returns: in the form of ``domain.load_reports``
        """
        now = clock.monotonic()
        with self._lock:
            if now - self._taken_at < CONF.agent.load_interval:
                return None
            self._taken_at = now
            host, reasons = self._host.take()
            if self._guests is None:
                return {'host': host, GUESTS: {},
                        'reasons': {**reasons, GUESTS: self._why}}
            return {'host': host, GUESTS: self._load.take(),
                    'reasons': reasons}
