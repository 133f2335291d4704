# SPDX-License-Identifier: Apache-2.0
"""A small client for the APIs of the cloud."""

import http.client
import json

from minicloudlib import settings as config

IDENTITY = 5000
COMPUTE = 8774
VOLUME = 8776
IMAGE = 9292
# From volume 3.49 on a list of services asks each of them, and waits a minute
# for one that is just starting.
VERSIONS = {COMPUTE: 'compute 2.95', VOLUME: 'volume 3.48'}


class RestError(Exception):
    """An API answered with an error."""


class Client:
    """Calls the APIs as the administrator."""

    def __init__(self):
        self._token = None
        self.project_id = None

    def login(self):
        """Get a token."""
        domain = {'name': 'Default'}
        user = {
            'name': 'admin', 'domain': domain, 'password': config.PASSWORD}
        headers, document = self._exchange(
            'POST', IDENTITY, '/v3/auth/tokens', {
            'auth': {
                'identity': {
                    'methods': ['password'], 'password': {'user': user}},
                'scope': {'project': {'name': 'admin', 'domain': domain}}}})
        self._token = headers['X-Subject-Token']
        self.project_id = document['token']['project']['id']

    def get(self, port, path):
        """Return the document at a path."""
        return self._exchange('GET', port, path)[1]

    def post(self, port, path, document):
        """Create something and return what the API says it is."""
        return self._exchange('POST', port, path, document)[1]

    def put(self, port, path, content=None):
        """Put a relation, or bytes."""
        return self._exchange('PUT', port, path, content)[1]

    def _headers(self, port, content):
        binary = isinstance(content, bytes)
        headers = {'Content-Type': (
            'application/octet-stream' if binary else 'application/json')}
        if self._token:
            headers['X-Auth-Token'] = self._token
        if port in VERSIONS:
            headers['OpenStack-API-Version'] = VERSIONS[port]
        return headers

    def _exchange(self, method, port, path, content=None):
        """Send one request; return the headers and the document."""
        body = content
        if content is not None and not isinstance(content, bytes):
            body = json.dumps(content)
        connection = http.client.HTTPConnection(
            config.ADDRESS, port, timeout=60)
        try:
            connection.request(
                method, path, body, self._headers(port, content))
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise RestError(
                f'{method} {path}: {response.status} {text[:300]!r}')
        return response.headers, json.loads(text) if text else {}
