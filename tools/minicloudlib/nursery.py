# SPDX-License-Identifier: Apache-2.0
"""Asks the process that forks nova-computes for one more."""

import json
import socket

from minicloudlib import waiting

NAME = 'nova-computes'
# It imports Nova first.
READY_SECONDS = 90
ANSWER_SECONDS = 30


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

    with waiting.until(connect, READY_SECONDS,
                       f'{NAME} does not listen', log=log.parent /
                       f'{NAME}.log') as line:
        line.sendall(json.dumps({'argv': argv, 'log': str(log)}).encode())
        return int(line.recv(32))
