# SPDX-License-Identifier: Apache-2.0
"""Stands in for Neutron: there are no networks, and nothing is limited.

Run as a program with the address and the port to listen on.
"""

from http import server
import json
import sys

QUOTAS = (
    'floatingip', 'network', 'port', 'security_group',
    'security_group_rule', 'subnet')


class Handler(server.BaseHTTPRequestHandler):
    """Answers every request the way an empty Neutron would."""

    protocol_version = 'HTTP/1.1'
    timeout = 60

    def log_message(self, *args):
        """Say nothing: requests are of no interest here."""

    def _answer(self):
        """Return the status and the document for the requested path."""
        host, port = self.server.server_address
        path = self.path.partition('?')[0].strip('/').split('/')
        if path == ['']:
            link = {'rel': 'self', 'href': f'http://{host}:{port}/v2.0/'}
            version = {'id': 'v2.0', 'status': 'CURRENT', 'links': [link]}
            return 200, {'versions': [version]}
        if 'quotas' in path[1:]:
            return 200, {'quota': dict.fromkeys(QUOTAS, -1)}
        if len(path) == 2:
            name = path[1].removesuffix('.json').replace('-', '_')
            return 200, {name: []}
        error = {'type': 'NotFound', 'message': 'No networks.', 'detail': ''}
        return 404, {'NeutronError': error}

    def _respond(self):
        length = int(self.headers.get('Content-Length') or 0)
        self.rfile.read(length)
        status, document = self._answer()
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _respond


def main(host, port):
    """Serve until the process is ended."""
    server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == '__main__':
    main(*sys.argv[1:])
