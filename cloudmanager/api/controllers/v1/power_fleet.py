# SPDX-License-Identifier: Apache-2.0
"""How all power controls are, and what happened by itself."""

from oslo_config import cfg

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import power as power_forms
from cloudmanager.common import clock
from cloudmanager.db import power_events as db_power_events
from cloudmanager.db import power_sweep as db_power_sweep
from cloudmanager.db import services as db_services
from cloudmanager.policies import power_controls as policies

CONF = cfg.CONF
Event = power_forms.Event
CONDUCTOR_BINARY = 'cloudmanager-conductor'


@routing.route('GET', '/v1/power-controls/health', policies.HEALTH,
               answers={200: power_forms.Fleet})
def show_health(call: routing.Call) -> routing.Document:
    """Count power controls and nodes by how they are."""
    controls = db_power_sweep.controls_summary(call.context,
                                               CONF.power.lost_after)
    oldest = controls['oldest_reading_at']
    conductors = db_services.list_services(call.context, CONDUCTOR_BINARY)
    return {
        'power_controls': controls | {
            'oldest_reading_at': clock.isoformat(oldest)},
        'nodes': db_power_sweep.nodes_summary(call.context),
        'conductors': [
            power_forms.Conductor.render(row) | {
                'power_sweep': (row['report'] or {}).get('power_sweep')}
            for row in conductors]}


@routing.route('GET', '/v1/power-events', policies.EVENTS,
               query=Parameters(Event, paged=True,
                                order=(('id', 'desc'),)),
               answers={200: answers.page(Event)})
def list_events(call: routing.Call) -> routing.Document:
    """List what happened to power without a request, the newest first."""
    return listing.page(call, db_power_events.list_events,
                        lambda rows: [Event.render(row) for row in rows])
