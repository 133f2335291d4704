# SPDX-License-Identifier: Apache-2.0
"""nova-computes that find the drivers beside this file.

Nova loads drivers from its package nova.virt only.

Python needs four seconds of a processor to import nova-compute, and tests
start hundreds of them. So this process imports it once and forks a
nova-compute for each connection to its Unix socket that sends
``{"argv": [...], "log": PATH}``. The nova-compute answers with its pid.
"""

import importlib
import json
import os
from pathlib import Path
import random
import signal
import socket
import sys

# First of all: it sets up Nova's runtime.
from nova.cmd import compute  # isort: skip
from nova import conf
from nova import objects
from nova import virt
from nova.scheduler.client import report

# A fake guest lives in the memory of its compute. Nova must not notice that a
# restarted compute has forgotten its guests, nor take back what tests write
# into its database. Its manager reads this interval while it is imported, so a
# configuration file comes too late, and the import comes after the default.
# Nova itself imports the manager when a nova-compute starts, which is too late
# for those that are forked here.
conf.CONF.set_default('sync_power_state_interval', -1)

from nova.compute import manager  # isort: skip # noqa: E402, F401

REQUEST_BYTES = 65536


def _no_allocations(self, context, nodename):
    """Answer that nothing is allocated.

    Whenever a server comes or goes Nova reads the allocation of each server
    of the host, one by one, to heal those of PCI devices. There are none
    here, and with a hundred servers this was most of what the cloud did.
    """
    return {}


def _become_compute(request, connection):
    """Be a nova-compute; never returns."""
    code = 1
    try:
        os.setsid()
        with connection:
            connection.sendall(f'{os.getpid()}\n'.encode())
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(request['log'],
                         os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for number in (1, 2):
            os.dup2(output, number)
        os.close(output)
        random.seed()
        sys.argv = ['nova-compute', *request['argv']]
        compute.main()
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(path):
    Path(path).unlink(missing_ok=True)
    # Nobody waits for those that have ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                request = connection.recv(REQUEST_BYTES)
                if request and not os.fork():
                    listener.close()
                    _become_compute(json.loads(request), connection)


if __name__ == '__main__':
    virt.__path__.append(str(Path(__file__).resolve().parent))
    client = report.SchedulerReportClient
    client.get_allocations_for_provider_tree = _no_allocations
    objects.register_all()
    importlib.import_module('nova.virt.minicloud_virt')
    _serve(sys.argv[1])
