# SPDX-License-Identifier: Apache-2.0
"""Asks the process that forks nova-computes for one more."""

import json
import socket

from minicloudlib import waiting
from minicloudlib.errors import MinicloudError

NAME = 'nova-computes'
# It imports Nova first.
READY_SECONDS = 90
ANSWER_SECONDS = 30
PID_BYTES = 32


def socket_path(settings):
    """Return where it listens."""
    return settings.run / f'{NAME}.socket'


def start(settings, argv, log):
    """Have a nova-compute started; return its pid.

    :param argv: its arguments, without the program
    """
    def connect():
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(ANSWER_SECONDS)
        try:
            line.connect(str(socket_path(settings)))
        except OSError:
            line.close()
            return None
        return line

    own_log = log.parent / f'{NAME}.log'
    with waiting.until(connect, READY_SECONDS, f'{NAME} does not listen',
                       log=own_log) as line:
        line.sendall(json.dumps({'argv': argv, 'log': str(log)}).encode())
        pid = line.recv(PID_BYTES)
    if not pid:
        raise MinicloudError(f'{NAME} has ended.', log=own_log)
    return int(pid)
