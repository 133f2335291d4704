# SPDX-License-Identifier: Apache-2.0
"""Runs in a machine of ``nodevmlib``: takes requests, and answers them.

A request and an answer are a line of JSON each, on the serial line.
"""

import importlib
import io
import json
import subprocess
import sys
import traceback
import tty
from typing import Any

line = open('/dev/ttyS0', 'r+b', buffering=0)
tty.setraw(line.fileno())


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks for, and return its answer."""
    if 'path' in request:
        sys.path[:0] = request['path']
        return {}
    if 'call' in request:
        module, _, name = request['call'].partition(':')
        function = getattr(importlib.import_module(module), name)
        return {'value': function(**request['arguments'])}
    done = subprocess.run(
        request['words'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=request['timeout'], check=False)
    return {'code': done.returncode,
            'out': done.stdout.decode(errors='replace')}


def answer(document: dict[str, Any]) -> None:
    """Send an answer."""
    data = json.dumps(document).encode() + b'\n'
    while data:
        data = data[line.write(data) or 0:]


answer({'ready': True})
for asked in io.BufferedReader(line, 65536):
    try:
        answer(handle(json.loads(asked)))
    except Exception:
        # Boundary of the machine: whoever asks is outside.
        answer({'error': traceback.format_exc()})
