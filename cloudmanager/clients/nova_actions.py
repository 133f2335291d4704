# SPDX-License-Identifier: Apache-2.0
"""Actions of Nova on a server that do not move it, and their outcome.

Nova's API takes such a request, notes an instance action, and has the host
carry it out (nova/compute/api.py, nova/compute/instance_actions.py).
"""


from cloudmanager.clients import retry
from cloudmanager.clients.nova_connection import Connection
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONFLICT = 409


class ServerActions(Connection):
    """The part of Nova's client with actions that move nothing."""

    def start(self, server_id: str) -> None:
        self._once('start', self._client.servers.start, server_id)

    def stop(self, server_id: str) -> None:
        self._once('stop', self._client.servers.stop, server_id)

    def unpause(self, server_id: str) -> None:
        self._once('unpause', self._client.servers.unpause, server_id)

    def resume(self, server_id: str) -> None:
        self._once('resume', self._client.servers.resume, server_id)

    def unshelve(self, server_id: str) -> None:
        self._once('unshelve', self._client.servers.unshelve, server_id)

    def unrescue(self, server_id: str) -> None:
        self._once('unrescue', self._client.servers.unrescue, server_id)

    def hard_reboot(self, server_id: str) -> None:
        """Ask for a power cycle."""
        self._once('reboot', self._client.servers.reboot, server_id, 'HARD')

    def confirm_resize(self, server_id: str) -> None:
        self._once('confirm', self._client.servers.confirm_resize,
                   server_id)

    def revert_resize(self, server_id: str) -> None:
        self._once('revert', self._client.servers.revert_resize, server_id)

    def reset_state(self, server_id: str, state: str) -> None:
        """Set the state of a server and clear its task.

        :param state: ``active`` or ``error``; Nova takes no other
        """
        self._set('reset state', self._client.servers.reset_state,
                  server_id, state)

    def request_deletion(self, server_id: str) -> None:
        """Ask for a deletion as its owner does.

        Where Nova reclaims deleted servers later it can be restored until
        then.
        """
        self._set('delete', self._client.servers.delete, server_id)

    def lock(self, server_id: str, reason: str) -> None:
        self._set('lock', self._client.servers.lock, server_id,
                  reason=reason)

    def unlock(self, server_id: str) -> None:
        self._set('unlock', self._client.servers.unlock, server_id)

    # What became of it

    def is_over(self, server_id: str, request_id: str) -> bool:
        """Tell whether all that an action of a server began has ended."""
        events = self._events(server_id, request_id)
        return bool(events) and all(event.get('finish_time')
                                    for event in events)

    def is_working(self, server_id: str, request_id: str) -> bool:
        """Tell whether a host has begun something and not ended it."""
        return not all(event.get('finish_time')
                       for event in self._events(server_id, request_id))

    def _events(self, server_id: str,
                request_id: str) -> list[JsonObject]:
        found = self._read('show action', self._client.instance_action.get,
                           server_id, request_id)
        return list(found.events or ())

    def guest_state(self, server_id: str) -> str | None:
        """Return what the hypervisor says of a guest, such as ``running``.

        :returns: ``None`` when it cannot tell, or does not answer
        """
        try:
            # Nova asks the host at once. One that hangs is asked once.
            found = retry.call(retry.Kind.ONCE, 'Nova', 'show diagnostics',
                               self._client.servers.diagnostics, server_id)
        except exception.CloudManagerException as exc:
            # Nova answers 409 when the guest does not run. Some drivers
            # have no diagnostics, and a dead host is seen otherwise.
            status = getattr(exc, 'http_status', None)
            return 'not running' if status == CONFLICT else None
        state: str | None = found[1].get('state')
        return state
