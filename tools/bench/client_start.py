#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the start of a command costs: openstack cloudmanager info show.

It is compared with openstack --version, which does nothing but start, and with
openstack module list, a command of openstack itself that asks no service. An
HTTP server in this process answers at once, so that only the client is
measured. They run in turn; of each the fastest run counts, which is the one
that other work disturbed least.

Usage: tools/bench/client_start.py [--runs 10] [--limit 150]

Exit code 1: the command costs more than the limit.
"""

import argparse
import http.server
import json
import os
import resource
import subprocess
import sys
import threading
import time

# An installed client has its modules compiled.
WITHOUT_CACHE = ('PYTHONDONTWRITEBYTECODE',)


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
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def run(*words: str) -> tuple[float, float]:
    """Run openstack; return seconds that passed, and of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    before = used.ru_utime + used.ru_stime
    begun = time.perf_counter()
    subprocess.run([sys.executable, '-m', 'openstackclient.shell', *words],
                   check=True, stdout=subprocess.DEVNULL, env={
                       name: value for name, value in os.environ.items()
                       if not name.startswith('OS_')
                       and name not in WITHOUT_CACHE})
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
    command = ('--os-auth-type', 'none', '--os-endpoint',
               f'http://127.0.0.1:{server.server_port}', 'cloudmanager',
               'info', 'show')
    # The first runs fill the caches of Python and of stevedore.
    run('--version')
    run(*command)
    found: dict[str, list[tuple[float, float]]] = {
        'version': [], 'modules': [], 'command': []}
    for _ in range(chosen.runs):
        found['version'].append(run('--version'))
        found['modules'].append(run('module', 'list'))
        found['command'].append(run(*command))
    best = {name: [min(column) * 1000 for column in zip(*runs, strict=True)]
            for name, runs in found.items()}
    for name, (passed, used) in best.items():
        print(f'{name:<8} {passed:6.0f} ms, of the processor {used:6.0f} ms')
    # Time that passed says little on a machine that does other work.
    costs = best['command'][1] - best['version'][1]
    print(f'start of a command: {costs:.0f} ms of the processor over '
          f'--version (at most {chosen.limit:.0f} ms)')
    return 0 if costs <= chosen.limit else 1


if __name__ == '__main__':
    sys.exit(main())
