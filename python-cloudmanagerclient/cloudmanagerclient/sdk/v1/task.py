# SPDX-License-Identifier: Apache-2.0
"""Tasks, plans, audits and the policies of aggregates."""

from typing import Any

from openstack import resource

from cloudmanagerclient.sdk.v1 import _base

#: Statuses of tasks that have ended.
ENDED = ('SUCCESS', 'FAILURE', 'REVOKED')


class Task(_base.Resource):
    """Work that takes time."""

    resources_key = 'tasks'
    base_path = '/tasks'

    allow_fetch = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'id', 'name', 'status', 'host', 'server_id', 'server', 'node_id',
        'parent_id', 'created_at', 'started_at', 'finished_at', 'detail',
        *_base.LISTED)

    #: ``PENDING``, ``STARTED``, ``RETRY``, ``SUCCESS``, ``FAILURE`` or
    #: ``REVOKED``.
    status: str = resource.Body('status')
    host: str | None = resource.Body('host')
    server_id: str | None = resource.Body('server_id')
    #: Id of the task that this one is a part of.
    parent_id: str | None = resource.Body('parent_id')
    params: dict[str, Any] = resource.Body('params')
    #: What came of it, in words.
    result: str | None = resource.Body('result')
    #: How it was asked to cancel.
    cancel: str | None = resource.Body('cancel')
    user_id: str | None = resource.Body('user_id')
    user_name: str | None = resource.Body('user_name')
    request_id: str | None = resource.Body('request_id')
    created_at: str = resource.Body('created_at')
    started_at: str | None = resource.Body('started_at')
    finished_at: str | None = resource.Body('finished_at')
    #: Numbers of items: ``total``, ``done``, ``failed``, ``running``.
    progress: dict[str, int] = resource.Body('progress')
    #: For administrators.
    traceback: str | None = resource.Body('traceback')
    #: One for each server or node.
    items_: list[dict[str, Any]] = resource.Body('items')

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it changes any more."""
        return self.status in ENDED


class Plan(_base.Resource):
    """What an action on hosts would do.

    A restart has ``waves``, each with a plan; the other actions have
    ``servers``.
    """

    action: str = resource.Body('action')
    host: str | None = resource.Body('host')
    hosts: list[str] = resource.Body('hosts')
    #: Whether the hosts would end up empty.
    feasible: bool = resource.Body('feasible', type=bool)
    servers: list[dict[str, Any]] = resource.Body('servers')
    blockers: list[dict[str, Any]] = resource.Body('blockers')
    warnings: list[dict[str, Any]] = resource.Body('warnings')
    targets: list[dict[str, Any]] = resource.Body('targets')
    waves: list[dict[str, Any]] = resource.Body('waves')
    #: Hosts that cannot be emptied, each with its plan.
    blocked: list[dict[str, Any]] = resource.Body('blocked')
    #: Hosts that are not begun because too many were blocked.
    left: list[str] = resource.Body('left')
    #: Number of moves of a restart.
    moves: int | None = resource.Body('moves', type=int)
    #: Ids of servers that are moved back after a restart.
    returned: list[str] = resource.Body('returned')
    #: Ids of servers that are moved away more than once.
    moved_again: list[str] = resource.Body('moved_again')
    #: Other hosts that take no servers now, and why.
    out_of_use: dict[str, str] = resource.Body('out_of_use')

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The plans of single hosts or waves, in their order."""
        if self.waves is None and self.blocked is None:
            return [self.to_dict(computed=False)]
        return [part['plan']
                for part in [*(self.waves or ()), *(self.blocked or ())]]


class Audit(_base.Resource):
    """A look at how evenly the hosts of an aggregate are loaded.

    Those of a list have no loads and moves; of one that was just begun, or
    whose status was asked for, only id and status are known.
    """

    resource_key = 'audit'
    resources_key = 'audits'
    base_path = '/audits'

    allow_fetch = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'id', 'aggregate_id', 'status', 'task_id', 'apply_task_id',
        'created_at', 'continuous', *_base.LISTED)

    aggregate_id: int = resource.Body('aggregate_id', type=int)
    #: ``PENDING``, ``ONGOING``, ``DONE``, ``FAILED``, ``APPLYING``,
    #: ``APPLIED`` or ``STALE``.
    status: str = resource.Body('status')
    #: What was found, in words.
    conclusion: str | None = resource.Body('conclusion')
    source: str | None = resource.Body('source')
    fingerprint: str | None = resource.Body('fingerprint')
    #: Ids of the tasks that made it, and that applied it last.
    task_id: str | None = resource.Body('task_id')
    apply_task_id: str | None = resource.Body('apply_task_id')
    created_at: str = resource.Body('created_at')
    finished_at: str | None = resource.Body('finished_at')
    #: Whether the policy of the aggregate asked for it.
    continuous: bool = resource.Body('continuous', type=bool)
    #: When moves of it ended last, and when they were measured.
    applied_at: str | None = resource.Body('applied_at')
    measured_at: str | None = resource.Body('measured_at')
    #: By how much they lower the standard deviation of the loads, as it was
    #: thought and in fact.
    predicted_gain: float | None = resource.Body('predicted_gain')
    real_gain: float | None = resource.Body('real_gain')
    #: ``means`` and ``deviations`` by resource, and loads by host.
    before: dict[str, Any] | None = resource.Body('before')
    after: dict[str, Any] | None = resource.Body('after')
    reached: dict[str, Any] | None = resource.Body('reached')
    #: By host that stays above the mean: why.
    hot: dict[str, str] | None = resource.Body('hot')
    warnings: list[str] | None = resource.Body('warnings')
    moves: list[dict[str, Any]] = resource.Body('moves')


class AggregatePolicy(_base.Resource):
    """When an aggregate is audited by itself, and by what limits."""

    resource_key = 'policy'

    aggregate_id: int = resource.Body('aggregate_id', type=int)
    #: ``off``, ``recommend`` or ``automatic``.
    mode: str = resource.Body('mode')
    #: Seconds between audits, or a cron expression.
    interval: int | None = resource.Body('interval')
    cron: str | None = resource.Body('cron')
    time_zone: str = resource.Body('time_zone')
    #: With ``days``, ``start`` and ``end``.
    maintenance_windows: list[dict[str, Any]] = resource.Body(
        'maintenance_windows')
    quiet_hours: list[dict[str, Any]] = resource.Body('quiet_hours')
    #: Limits; ``None`` where the configuration says them.
    threshold: float | None = resource.Body('threshold')
    minimum_gain: float | None = resource.Body('minimum_gain')
    source_floor: float | None = resource.Body('source_floor')
    max_load: float | None = resource.Body('max_load')
    max_moves: int | None = resource.Body('max_moves')
    max_moves_per_day: int | None = resource.Body('max_moves_per_day')
    next_audit_at: str | None = resource.Body('next_audit_at')
    #: Since when, and why, no servers are moved by themselves.
    frozen_at: str | None = resource.Body('frozen_at')
    frozen_reason: str | None = resource.Body('frozen_reason')
    updated_at: str | None = resource.Body('updated_at')
