# SPDX-License-Identifier: Apache-2.0
"""The service alone, with three nodes that exist only in it."""

from quickstartlib.console import note
from quickstartlib.console import say
from quickstartlib.service import Service
from quickstartlib.session import Session

# The power that each node has in the end.
NODES = {'mnode1': 'power_off', 'mnode2': 'power_on', 'mnode3': 'power_on'}


def credentials(service: Service) -> dict[str, str]:
    """Return the variables by which clients reach the service."""
    return {'OS_AUTH_TYPE': 'none', 'OS_ENDPOINT': service.url}


def run(service: Service) -> bool:
    """Enrol nodes, switch them; return whether all went well."""
    say('starting cloudmanager-standalone without a cloud')
    service.start({})
    note(f'it answers on {service.url}')
    say(f'enrolling {len(NODES)} nodes with simulated power controls')
    session = Session(credentials(service))
    for number, name in enumerate(NODES, 1):
        session.enrol(name, control_type='FakeDevice', protocol_type='fake',
                      host='127.0.0.1', port_number=number)
    say('switching them')
    session.show('node power off mnode1 --yes --wait -c name -c status '
                 '-c result')
    session.show('node power reset mnode3 --yes --wait -c name -c status '
                 '-c result')
    say('the nodes now')
    session.show('node list -c ID -c Name -c "Power Status"')
    return NODES == {node.name: node.power_state
                     for node in session.client.nodes()}
