#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time of a power sweep of simulated BMCs, beside eight ipmitool workers.

The sweep is the conductor's own code with a real database and real IPMI; the
BMCs (tools/bmcsim) are another process on this machine. The peer does what
Ironic's periodic task does with its defaults of eight workers: one process
of ipmitool a BMC, here without Ironic's own repetitions, which only make it
longer. It is run on a sample, with the same share of black holes, and its
time is multiplied; that is said in the output.

Targets for 1000 BMCs, 50 of them black holes, 30 ms an answer: the live ones
known within 5 s, all looked at within 15 s. For 10 000: 60 s.
"""

import argparse
from collections.abc import Iterator
from concurrent import futures
import contextlib
import json
import os
from pathlib import Path
import resource
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import sqlalchemy as sa

from cloudmanager import conf  # noqa: F401  registers the options
from cloudmanager.common import secrets
from cloudmanager.conductor.periodics import members
from cloudmanager.conductor.periodics import power_sweep
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import models
from cloudmanager.power import base
from cloudmanager.power import registry
from cloudmanager.power.ipmi import session

TOOLS = Path(__file__).resolve().parents[1]
USER, PASSWORD = 'admin', 'secret'
PEER_WORKERS = 8
# As Ironic's, but for its repetition of the whole command.
PEER_ARGUMENTS = ('-I', 'lanplus', '-C', '3', '-N', '1', '-R', '3')
PATIENCE_SECONDS = 300
#: BMCs that are asked one after the other.
ALONE = 60


def address(number: int) -> str:
    """Return the address of a BMC, counting from 1."""
    return f'127.44.{number >> 8}.{number & 255}'


@contextlib.contextmanager
def simulator(options: argparse.Namespace) -> Iterator[int]:
    """Run the BMCs; give their port."""
    process = subprocess.Popen(
        [sys.executable, str(TOOLS / 'bmcsim'), '--no-input',
         '--count', str(options.count), '--delay', str(options.delay),
         '--black-holes', str(options.black_holes), '--user', USER],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, 'IPMI_PASSWORD': PASSWORD})
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())['port']
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def database(directory: str, url: str | None) -> Iterator[None]:
    """Make an empty database."""
    conf.CONF([], project='cloudmanager', default_config_files=[])
    conf.CONF.set_override('connection', url
                           or f'sqlite:///{directory}/bench.sqlite',
                           group='database')
    conf.CONF.set_override('state_path', directory)
    secrets.create_key()
    db_api.configure()
    migration.upgrade()
    try:
        yield
    finally:
        db_api.reset()


def enrol(count: int, port: int) -> None:
    """Insert nodes, each with a BMC of its own."""
    numbers = range(1, count + 1)
    password = secrets.encrypt(PASSWORD)
    with db_api.get_engine().begin() as connection:
        connection.execute(sa.insert(models.Node), [
            {'id': number, 'name': f'node{number}', 'node_class_id': 1,
             'node_type_id': 3, 'image_id': 1} for number in numbers])
        connection.execute(sa.insert(models.PowerControl), [
            {'id': number, 'title': f'bmc{number}', 'protocol_type': 'ipmi',
             'control_type': 'SupermicroRackDevice', 'port_number': port,
             'host': address(number), 'login': USER, 'password': password}
            for number in numbers])
        connection.execute(sa.insert(models.NodePowerControl), [
            {'node_id': number, 'power_control_id': number,
             'power_control_port': '1', 'is_default': True}
            for number in numbers])


def counts(engine: sa.Engine) -> tuple[int, int]:
    """Return how many nodes are known and how many BMCs were looked at."""
    control = models.PowerControl
    with engine.connect() as connection:
        return (
            connection.scalar(sa.select(sa.func.count()).where(
                models.Node.power_state.is_not(None))),
            connection.scalar(sa.select(sa.func.count()).where(sa.or_(
                control.last_success_at.is_not(None),
                control.last_error_at.is_not(None)))))


def cpu() -> float:
    """Return the seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def sweep(options: argparse.Namespace) -> dict[str, Any]:
    """Read all BMCs as one conductor does."""
    # Their imports are part of the start of a conductor, not of a sweep.
    registry.drivers()
    statements: list[str] = []
    sa.event.listen(db_api.get_engine(), 'before_cursor_execute',
                    lambda *found: statements.append(found[2]))
    # Its statements are not the sweep's.
    watching = sa.create_engine(db_api.get_engine().url)
    living = members.Members('bench', [])
    stopping = threading.Event()
    thread = threading.Thread(
        target=power_sweep.Sweeper(lambda: living).run, args=(stopping,))
    live = options.count - options.black_holes
    begun, used = time.monotonic(), cpu()
    thread.start()
    found: dict[str, Any] = {}
    while 'all' not in found:
        known, seen = counts(watching)
        passed = time.monotonic() - begun
        if known == live and 'live' not in found:
            found['live'] = passed
        if seen == options.count:
            found['all'] = passed
        if passed > PATIENCE_SECONDS:
            raise SystemExit(f'{known} known, {seen} looked at after '
                             f'{passed:.0f} s')
        time.sleep(0.25)
    found['cpu'] = (cpu() - used) / options.count * 1000
    found['statements'] = len(statements)
    stopping.set()
    thread.join(30)
    return found


def alone(options: argparse.Namespace, port: int) -> tuple[float, float]:
    """Ask BMCs one after the other, without threads or a database.

    :returns: milliseconds of CPU a look, each with a session of its own; and
        a question in one session, which no BMC keeps from sweep to sweep
    """
    holes = {number * options.count // options.black_holes + 1
             for number in range(options.black_holes)}
    live = [base.Device(
        control_type='SupermicroRackDevice', protocol_type='ipmi',
        host=address(number), port=port, login=USER, password=PASSWORD)
        for number in range(1, options.count + 1) if number not in holes
    ][:ALONE]
    driver = registry.get(live[0])
    used = cpu()
    for device in live:
        driver.states(device, ['1'])
    look = (cpu() - used) / len(live) * 1000
    with session.Session(live[0], port, time.monotonic() + 60) as kept:
        used = cpu()
        for _ in live:
            kept.ask(0, 1)
        return look, (cpu() - used) / len(live) * 1000


def peer(options: argparse.Namespace, port: int) -> tuple[float, float]:
    """Ask a sample by ipmitool; return seconds and CPU milliseconds each."""
    step = options.count // options.sample
    chosen = list(range(1, options.count + 1, step))[:options.sample]
    # The share of black holes of a sample is that of all.
    holes = {number * options.count // options.black_holes + 1
             for number in range(options.black_holes)}
    wanted = round(len(chosen) * options.black_holes / options.count)
    live = [number for number in chosen if number not in holes]
    chosen = sorted(holes)[:wanted] + live[:len(chosen) - wanted]

    def ask(number: int) -> None:
        subprocess.run(
            ['ipmitool', *PEER_ARGUMENTS, '-H', address(number), '-p',
             str(port), '-U', USER, '-E', 'power', 'status'],
            env={**os.environ, 'IPMI_PASSWORD': PASSWORD}, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    with futures.ThreadPoolExecutor(PEER_WORKERS) as pool:
        list(pool.map(ask, chosen))
    seconds = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime - before.ru_utime
            - before.ru_stime)
    return seconds, used / len(chosen) * 1000


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--black-holes', type=int, default=50)
    parser.add_argument('--delay', type=float, default=30.0, metavar='MS')
    parser.add_argument('--sample', type=int, default=100,
                        help='BMCs that the peer is asked; 0 for no peer')
    parser.add_argument('--database', help='URL of an empty database; '
                                           'SQLite when not given')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, simulator(
            options) as port, database(directory, options.database):
        enrol(options.count, port)
        found = sweep(options)
        print(f'{options.count} BMCs, {options.black_holes} black holes, '
              f'{options.delay:g} ms an answer')
        print(f'  CloudManager, live ones known   {found["live"]:7.1f} s')
        print(f'  CloudManager, all looked at     {found["all"]:7.1f} s')
        print(f'  CPU a look, database included   {found["cpu"]:7.1f} ms')
        print(f'  statements                      '
              f'{found["statements"]:7d}')
        look, question = alone(options, port)
        print(f'  the same one after the other    {look:7.2f} ms, of which '
              f'the question takes {question:.2f} ms')
        if options.sample:
            seconds, used = peer(options, port)
            whole = seconds * options.count / options.sample
            print(f'  eight ipmitool workers          {whole:7.1f} s, '
                  f'extrapolated: {seconds:.1f} s for {options.sample} of '
                  'them')
            print(f'  CPU a look                      {used:7.1f} ms')


if __name__ == '__main__':
    main()
