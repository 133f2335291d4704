#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cloudmanager-standalone costs while nothing happens.

It knows a fleet whose power was read just now, and is left alone. The CPU
that it uses in a minute is beside that of a bare process of Python with as
many threads, which only wait.

Target for 10 000 nodes: under 1 s of CPU a minute.
"""

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

import power_burst
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.db import api as db_api
from cloudmanager.db import models

# By then what comes with a start is over.
SETTLE_SECONDS = 20
WAITING = """
import threading
for _ in range(int({threads})):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
threading.Event().wait()
"""


def prepare(state: Path, count: int) -> None:
    """Make a database with nodes whose devices were read just now."""
    power_burst.prepare(state, 0)
    node, control, link = (model.__table__ for model in (
        models.Node, models.PowerControl, models.NodePowerControl))
    now = clock.utcnow()
    with db_api.context_manager.writer.using(
            cm_context.admin_context()) as session:
        session.execute(sa.insert(node), [{
            'id': number, 'name': f'node{number}', 'node_class_id': 1,
            'node_type_id': 3, 'image_id': 1, 'condition': 0,
            'power_state': 'power_on', 'power_state_at': now}
            for number in range(1, count + 1)])
        session.execute(sa.insert(control), [{
            'id': number, 'title': '', 'control_type': 'FakeDevice',
            'protocol_type': 'fake', 'host': f'bmc{number}',
            'port_number': 1, 'failures': 0, 'last_success_at': now}
            for number in range(1, count + 1)])
        session.execute(sa.insert(link), [{
            'node_id': number, 'power_control_id': number,
            'power_control_port': '1', 'is_default': True,
            'is_initialized': True, 'power_state': 'power_on',
            'power_state_at': now} for number in range(1, count + 1)])


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f'/proc/{pid}/task').iterdir()))


def measure(pid: int, seconds: float) -> float:
    """Return the seconds of CPU a minute that a process uses."""
    before = power_burst.processor_seconds(pid)
    time.sleep(seconds)
    return (power_burst.processor_seconds(pid) - before) * 60 / seconds


def bare(count: int, seconds: float) -> float:
    """Measure a process whose threads only wait."""
    process = subprocess.Popen([sys.executable, '-c',
                                WAITING.format(threads=count)])
    try:
        time.sleep(2)
        return measure(process.pid, seconds)
    finally:
        process.terminate()
        process.wait(10)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=10_000, help='nodes')
    parser.add_argument('--seconds', type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        prepare(state, options.count)
        with power_burst.service(
                state, '[power]\nsweep_interval = 3600\n') as (_, process):
            time.sleep(SETTLE_SECONDS)
            used = measure(process.pid, options.seconds)
            count = threads(process.pid)
    print(json.dumps({
        'nodes': options.count, 'threads': count,
        'load_average': round(os.getloadavg()[0], 1),
        'cpu_seconds_per_minute': round(used, 2),
        'bare_cpu_seconds_per_minute': round(bare(count, 10), 2)}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
