# SPDX-License-Identifier: Apache-2.0
"""Faults for tests: an API that answers with errors for a while."""

from http import server
import threading
import time

from minicloudlib import settings as config
from minicloudlib import waiting
from minicloudlib.console import say
from minicloudlib.errors import MinicloudError


def _handler(status):
    """Return a request handler that answers with one status only."""

    class Handler(server.BaseHTTPRequestHandler):
        timeout = 10

        def log_message(self, *args):
            """Say nothing."""

        def _refuse(self):
            self.rfile.read(int(self.headers.get('Content-Length') or 0))
            body = b'{"error": {"message": "minicloud fault"}}'
            self.send_response(status)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = _refuse
        do_PATCH = do_DELETE = _refuse

    return Handler


def answer_with(cloud, name, status, seconds):
    """Have an API answer status to all for seconds, then heal it."""
    port = cloud.services[name].port
    if not port:
        raise MinicloudError(f'{name} is not a web service.')
    cloud.supervisor.kill(name)
    waiting.until_free(config.ADDRESS, port)
    try:
        with server.ThreadingHTTPServer(
                (config.ADDRESS, port), _handler(status)) as fault:
            threading.Thread(target=fault.serve_forever).start()
            say(f'{name} answers {status} for {seconds} seconds')
            try:
                time.sleep(seconds)
            finally:
                fault.shutdown()
    finally:
        cloud.supervisor.start(name)
        cloud.wait_for_api(name)
    say(f'{name} is back')
