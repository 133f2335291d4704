# SPDX-License-Identifier: Apache-2.0
"""The WSGI environment of a request."""

import sys
from typing import Any
import urllib.parse

# ``Proxy`` would become HTTP_PROXY, which libraries take for an option.
_DROPPED = ('proxy', 'content-type', 'content-length')


def _headers(headers: Any) -> dict[str, str]:
    """Return headers by their names in CGI.

    Names with an underscore are left out: they would become equal to those
    with a hyphen, which proxies in front may filter.
    """
    found: dict[str, str] = {}
    for name, value in headers.items():
        if '_' in name or name.lower() in _DROPPED:
            continue
        key = 'HTTP_' + name.upper().replace('-', '_')
        found[key] = f'{found[key]},{value}' if key in found else value
    return found


def make(handler: Any, body: Any) -> dict[str, Any]:
    """Make the environment.

    :param handler: of the connection, which has read the request's head
    :param body: a file
    """
    target = handler.path
    if not target.startswith('/'):
        # The form that clients use towards proxies.
        parts = urllib.parse.urlsplit(target)
        target = (parts.path or '/') + (f'?{parts.query}'
                                        if parts.query else '')
    path, _, query = target.partition('?')
    host, port = handler.server.server_address[:2]
    environ = {
        'REQUEST_METHOD': handler.command, 'SCRIPT_NAME': '',
        'PATH_INFO': urllib.parse.unquote_to_bytes(
            path.encode('latin-1')).decode('latin-1'),
        'QUERY_STRING': query, 'SERVER_NAME': host,
        'SERVER_PORT': str(port), 'SERVER_PROTOCOL': handler.request_version,
        'REMOTE_ADDR': handler.client_address[0],
        'CONTENT_TYPE': handler.headers.get('Content-Type', ''),
        'wsgi.version': (1, 0), 'wsgi.url_scheme': 'http',
        'wsgi.input': body, 'wsgi.input_terminated': True,
        'wsgi.errors': sys.stderr, 'wsgi.multithread': True,
        'wsgi.multiprocess': False, 'wsgi.run_once': False}
    if 'Content-Length' in handler.headers:
        environ['CONTENT_LENGTH'] = handler.headers['Content-Length']
    environ.update(_headers(handler.headers))
    return environ
