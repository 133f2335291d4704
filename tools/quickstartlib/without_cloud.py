# SPDX-License-Identifier: Apache-2.0
"""The service alone, with three nodes that exist only in it."""

from typing import Any

from quickstartlib.console import note
from quickstartlib.console import say
from quickstartlib.console import table
from quickstartlib.service import Service

NODES = ('mnode1', 'mnode2', 'mnode3')


def run(service: Service) -> bool:
    """Enrol nodes, switch them; return whether all went well."""
    say('starting cloudmanager-standalone without a cloud')
    service.start({})
    note(f'it answers on {service.url}')
    say(f'enrolling {len(NODES)} nodes with simulated power controls')
    ids = {name: service.enrol(name, {
        'control_type': 'FakeDevice', 'protocol_type': 'fake',
        'host': '127.0.0.1', 'port_number': number})
        for number, name in enumerate(NODES, 1)}
    wanted = {'mnode1': ['power-off'], 'mnode2': ['power-off', 'power-on'],
              'mnode3': ['reset']}
    for name, actions in wanted.items():
        for action in actions:
            say(f'{name}: {action}')
            service.follow(f'/v1/nodes/{ids[name]}/actions/{action}')
    say('the nodes now')
    rows = [_row(service, ids[name]) for name in NODES]
    table(('ID', 'NODE', 'POWER', 'LAST ACTION', 'RESULT'), rows)
    return [row[2] for row in rows] == ['power_off', 'power_on', 'power_on']


def _row(service: Service, node_id: int) -> list[Any]:
    node = service.request('GET', f'/v1/nodes/{node_id}')[0]['node']
    actions = service.request(
        'GET', f'/v1/nodes/{node_id}/power-actions/?sort=id:desc')[0]
    last = actions['power_actions'][0]
    return [node['id'], node['name'], node['power_state'], last['action'],
            last['result']]
