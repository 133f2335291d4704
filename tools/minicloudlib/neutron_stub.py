# SPDX-License-Identifier: Apache-2.0
"""Stands in for Neutron: what is created is remembered, and nothing more.

There is no network at first. Ports get an address and are bound to any
host. All is forgotten when the process ends. Run as a program with the
address and the port to listen on.
"""

from http import server
import json
import sys
import threading
import urllib.parse
import uuid

QUOTAS = (
    'floatingip', 'network', 'port', 'security_group',
    'security_group_rule', 'subnet')
# collection: (name of one, what it has by default)
KINDS = {
    'networks': ('network', {
        'name': '', 'status': 'ACTIVE', 'admin_state_up': True, 'mtu': 1500,
        'shared': True, 'router:external': False,
        'port_security_enabled': True, 'subnets': []}),
    'subnets': ('subnet', {
        'name': '', 'ip_version': 4, 'enable_dhcp': False,
        'gateway_ip': None, 'dns_nameservers': [], 'host_routes': []}),
    'ports': ('port', {
        'name': '', 'status': 'ACTIVE', 'admin_state_up': True,
        'device_id': '', 'device_owner': '', 'fixed_ips': [],
        'security_groups': ['default'], 'port_security_enabled': True,
        'allowed_address_pairs': [], 'binding:vnic_type': 'normal',
        'binding:vif_type': 'ovs', 'binding:vif_details': {},
        'binding:profile': {}, 'binding:host_id': ''}),
    'security-groups': ('security_group', {'name': ''}),
}
# Parameters of lists that filter nothing.
UNFILTERED = ('fields', 'limit', 'marker', 'sort_key', 'sort_dir')


class Missing(Exception):
    """There is no such thing."""


class Store:
    """What was created, by collection and id."""

    def __init__(self):
        self._lock = threading.Lock()
        self._things = {name: {} for name in KINDS}
        self._addresses = iter(range(10, 250 * 250))

    def list(self, collection, query):
        """Return what has one of the values given for each parameter."""
        found = self._things.get(collection, {}).values()
        wanted = {name: values for name, values in query.items()
                  if name not in UNFILTERED}
        return [thing for thing in found if all(
            str(thing.get(name)) in values
            for name, values in wanted.items())]

    def show(self, collection, key):
        """Return one thing."""
        try:
            return self._things[collection][key]
        except KeyError:
            raise Missing() from None

    def create(self, collection, values):
        """Remember a thing with what it has by default."""
        with self._lock:
            made = {**KINDS[collection][1], **values,
                    'id': str(uuid.uuid4())}
            made.setdefault('tenant_id', '')
            made['project_id'] = made['tenant_id']
            if collection == 'subnets':
                network = self.show('networks', made['network_id'])
                network['subnets'] = [*network['subnets'], made['id']]
            if collection == 'ports':
                self._address(made)
            self._things[collection][made['id']] = made
            return made

    def _address(self, port):
        high, low = divmod(next(self._addresses), 250)
        port['mac_address'] = f'fa:16:3e:00:{high:02x}:{low:02x}'
        network = self.show('networks', port['network_id'])
        port['fixed_ips'] = [
            {'subnet_id': subnet, 'ip_address': f'10.99.{high}.{low}'}
            for subnet in network['subnets'][:1]]

    def update(self, collection, key, values):
        """Change a thing."""
        with self._lock:
            thing = self.show(collection, key)
            thing.update(values)
            return thing

    def delete(self, collection, key):
        """Forget a thing."""
        with self._lock:
            self.show(collection, key)
            del self._things[collection][key]


class Handler(server.BaseHTTPRequestHandler):
    """Answers requests as a very simple Neutron would."""

    protocol_version = 'HTTP/1.1'
    timeout = 60
    store = Store()

    def log_message(self, *args):
        """Say nothing: requests are of no interest here."""

    def _answer(self, body):
        """Return the status and the document of a request."""
        host, port = self.server.server_address
        split = urllib.parse.urlsplit(self.path)
        path = split.path.strip('/').removesuffix('.json').split('/')
        if path == ['']:
            link = {'rel': 'self', 'href': f'http://{host}:{port}/v2.0/'}
            version = {'id': 'v2.0', 'status': 'CURRENT', 'links': [link]}
            return 200, {'versions': [version]}
        if 'quotas' in path[1:]:
            return 200, {'quota': dict.fromkeys(QUOTAS, -1)}
        if len(path) == 2:
            return self._collection(
                path[1], urllib.parse.parse_qs(split.query), body)
        if len(path) == 3 and path[1] in KINDS:
            return self._thing(path[1], path[2], body)
        raise Missing()

    def _collection(self, name, query, body):
        if self.command == 'POST' and name in KINDS:
            kind = KINDS[name][0]
            return 201, {kind: self.store.create(name, body[kind])}
        return 200, {name.replace('-', '_'): self.store.list(name, query)}

    def _thing(self, name, key, body):
        kind = KINDS[name][0]
        if self.command == 'DELETE':
            self.store.delete(name, key)
            return 204, None
        if self.command == 'PUT':
            return 200, {kind: self.store.update(name, key, body[kind])}
        return 200, {kind: self.store.show(name, key)}

    def _respond(self):
        length = int(self.headers.get('Content-Length') or 0)
        body = json.loads(self.rfile.read(length) or 'null')
        try:
            status, document = self._answer(body)
        except Missing:
            error = {'type': 'NotFound', 'message': 'There is no such thing.',
                     'detail': ''}
            status, document = 404, {'NeutronError': error}
        data = b'' if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _respond


def main(host, port):
    """Serve until the process is ended."""
    server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == '__main__':
    main(*sys.argv[1:])
