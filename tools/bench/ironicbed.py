# SPDX-License-Identifier: Apache-2.0
"""Ironic from PyPI on SQLite, as a peer to be held against.

The program ``ironic`` is API and conductor in one process, without
authentication and with drivers that do nothing.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import time
from typing import Any

INTERFACES = {'network': 'noop', 'storage': 'noop'} | dict.fromkeys((
    'bios', 'boot', 'console', 'deploy', 'firmware', 'inspect',
    'management', 'power', 'raid', 'rescue', 'vendor'), 'fake')
HEADERS = {'X-OpenStack-Ironic-API-Version': '1.80',
           'Content-Type': 'application/json'}
# What is nearest to our own list, and Ironic's short one.
WHOLE = '/v1/nodes/detail?limit=1000'
SHORT = '/v1/nodes?limit=1000'
PAGE = '/v1/nodes/detail?limit=100'
START_SECONDS = 120
CONFIGURATION = '''\
[DEFAULT]
auth_strategy = noauth
rpc_transport = none
host = bench
state_path = {directory}
enabled_hardware_types = fake-hardware
{interfaces}
[database]
connection = sqlite:///{directory}/ironic.sqlite
[api]
host_ip = 127.0.0.1
port = {port}
[oslo_concurrency]
lock_path = {directory}
'''


def install(directory: pathlib.Path) -> pathlib.Path:
    """Make a virtual environment with Ironic; return its programs."""
    programs = directory / 'venv' / 'bin'
    if not (programs / 'ironic').exists():
        subprocess.run([sys.executable, '-m', 'venv', directory / 'venv'],
                       check=True)
        subprocess.run([programs / 'pip', 'install', '--quiet', 'ironic'],
                       check=True)
    return programs


@contextlib.contextmanager
def running(directory: pathlib.Path,
            port: int) -> Iterator[Callable[..., bytes]]:
    """Run Ironic with an empty database; give what asks it."""
    programs = install(directory)
    (directory / 'ironic.sqlite').unlink(missing_ok=True)
    path = directory / 'ironic.conf'
    path.write_text(CONFIGURATION.format(
        directory=directory, port=port, interfaces='\n'.join(
            f'enabled_{kind}_interfaces = {name}'
            for kind, name in INTERFACES.items())))
    subprocess.run([programs / 'ironic-dbsync', '--config-file', path,
                    'create_schema'], check=True, capture_output=True)
    with (directory / 'ironic.log').open('wb') as log:
        process = subprocess.Popen([programs / 'ironic', '--config-file',
                                    path], stdout=log, stderr=log)
    try:
        yield _wait(port)
    finally:
        process.terminate()
        process.wait(60)


def _wait(port: int) -> Callable[..., bytes]:
    """Wait until Ironic listens; return what asks it."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = http.client.HTTPConnection('127.0.0.1', port,
                                                timeout=60)
        try:
            connection.connect()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)

    def ask(url: str, method: str = 'GET', body: Any = None,
            status: int = 200) -> bytes:
        connection.request(method, url, json.dumps(body) if body else None,
                           HEADERS)
        answer = connection.getresponse()
        found = answer.read()
        if answer.status != status:
            raise RuntimeError(f'{url}: {answer.status} {found[:500]!r}')
        return found
    return ask


def measure(directory: pathlib.Path, port: int, count: int,
            rounds: int) -> dict[str, float]:
    """Return the median seconds of each URL, with so many nodes."""
    medians = {}
    with running(directory, port) as ask:
        for number in range(count):
            ask('/v1/nodes', 'POST', {
                'name': f'node{number:05}', 'driver': 'fake-hardware',
                'properties': {'cpus': 64, 'memory_mb': 524288,
                               'local_gb': 4000}}, status=201)
        for url in (WHOLE, SHORT, PAGE):
            taken = []
            for _ in range(rounds):
                begun = time.perf_counter()
                ask(url)
                taken.append(time.perf_counter() - begun)
            medians[url] = statistics.median(taken)
    return medians
