#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the start of a command costs: openstack cloudmanager info show.

It is compared with openstack --version, which does nothing but start, and with
the command of a plugin that has nothing else: openstack loads the commands of
all its services for it, too. Both commands send the same requests. An HTTP
server in this process answers at once, so that only the client is measured.
They run in turn; of each the fastest run counts, which is the one that other
work disturbed least.

Usage: tools/bench/client_start.py [--runs 10] [--limit 150]

Exit code 1: the command costs more than the limit.
"""

import argparse
import functools
import http.server
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import time

#: A plugin with one command, as small as it can be.
FLOOR = '''\
from osc_lib.command import command

API_NAME = 'floor'
API_VERSION_OPTION = 'os_floor_api_version'
API_VERSIONS = ('1',)
DEFAULT_API_VERSION = '1'


def make_client(instance):
    return instance.sdk_connection.session


def build_option_parser(parser):
    return parser


class Show(command.ShowOne):

    def take_action(self, parsed_args):
        session = self.app.client_manager.floor
        url = session.get_endpoint()
        session.get(f'{url}/')
        found = session.get(f'{url}/v1/info').json()['info']
        return tuple(found), tuple(found.values())
'''
ENTRY_POINTS = '''\
[openstack.cli.extension]
floor = floor_plugin
[openstack.floor.v1]
floor_show = floor_plugin:Show
'''
METADATA = 'Metadata-Version: 2.1\nName: floor-plugin\nVersion: 1.0\n'

# An installed client has its modules compiled.
WITHOUT_CACHE = ('PYTHONDONTWRITEBYTECODE',)


def write_floor(directory: pathlib.Path) -> None:
    """Install the small plugin in a directory."""
    (directory / 'floor_plugin.py').write_text(FLOOR)
    known = directory / 'floor_plugin-1.0.dist-info'
    known.mkdir()
    (known / 'METADATA').write_text(METADATA)
    (known / 'entry_points.txt').write_text(ENTRY_POINTS)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the service does."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self) -> None:
        url = f'http://127.0.0.1:{self.server.server_port}/v1/'
        version = {'id': 'v1.0', 'status': 'CURRENT',
                   'links': [{'rel': 'self', 'href': url}]}
        body = json.dumps({
            '/': {'versions': [version]},
            '/v1': {'version': version},
            '/v1/info': {'info': {'version': '1.0.0'}},
        }[self.path.rstrip('/') or '/']).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        # With the body, or the client waits for a delayed acknowledgement.
        self._headers_buffer.append(b'\r\n' + body)
        self.flush_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def run(*words: str, path: str = '') -> tuple[float, float]:
    """Run openstack; return seconds that passed, and of the processor.

    :param path: directory with a further plugin
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    before = used.ru_utime + used.ru_stime
    begun = time.perf_counter()
    subprocess.run([sys.executable, '-m', 'openstackclient.shell', *words],
                   check=True, stdout=subprocess.DEVNULL, env={
                       name: value for name, value in os.environ.items()
                       if not name.startswith('OS_')
                       and name not in WITHOUT_CACHE} | (
                           {'PYTHONPATH': path} if path else {}))
    passed = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return passed, used.ru_utime + used.ru_stime - before


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--runs', type=int, default=10)
    parser.add_argument('--limit', type=float, default=150,
                        help='in ms')
    chosen = parser.parse_args()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    reached = ('--os-auth-type', 'none', '--os-endpoint',
               f'http://127.0.0.1:{server.server_port}')
    command = (*reached, 'cloudmanager', 'info', 'show')
    with tempfile.TemporaryDirectory() as path:
        write_floor(pathlib.Path(path))
        small = functools.partial(run, *reached, 'floor', 'show', path=path)
        # The first runs fill the caches of Python and of stevedore.
        run('--version')
        run(*command)
        small()
        found: dict[str, list[tuple[float, float]]] = {
            'version': [], 'floor': [], 'command': []}
        for _ in range(chosen.runs):
            found['version'].append(run('--version'))
            found['floor'].append(small())
            found['command'].append(run(*command))
    best = {name: [min(column) * 1000 for column in zip(*runs, strict=True)]
            for name, runs in found.items()}
    for name, (passed, used) in best.items():
        print(f'{name:<8} {passed:6.0f} ms, of the processor {used:6.0f} ms')
    # Time that passed says little on a machine that does other work.
    costs = best['command'][1] - best['version'][1]
    floor = best['floor'][1] - best['version'][1]
    print(f'start of a command: {costs:.0f} ms of the processor over '
          f'--version (at most {chosen.limit:.0f} ms), of which the smallest '
          f'plugin needs {floor:.0f} ms')
    return 0 if costs <= chosen.limit else 1


if __name__ == '__main__':
    sys.exit(main())
