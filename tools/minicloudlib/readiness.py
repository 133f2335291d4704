# SPDX-License-Identifier: Apache-2.0
"""Wait until the cloud answers and all its services report."""

import calendar
import http.client
import time

from minicloudlib import rest
from minicloudlib import settings as config
from minicloudlib import waiting

API_SECONDS = 90
SERVICES_SECONDS = 120
# nova-conductor, nova-scheduler; cinder-scheduler, two volume back ends.
NOVA_CONTROL = 2
CINDER_SERVICES = 3


def answers(port):
    """Tell whether a web service on a port answers a request."""
    connection = http.client.HTTPConnection(config.ADDRESS, port, timeout=30)
    try:
        connection.request('GET', '/')
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def wait_for_port(supervisor, name, port):
    """Wait until a web service answers, or has ended."""
    def check():
        supervisor.check_alive(name)
        return answers(port)

    waiting.until(
        check, API_SECONDS, f'{name} does not answer on port {port}',
        log=supervisor.log(name))


class Readiness:
    """Checks that all services reported after a given time."""

    def __init__(self, client, layout, since):
        self._client = client
        self._layout = layout
        self._since = int(since)
        self.summary = 'nothing reported yet'

    def _reporting(self, services):
        """Count the services that are up and reported since the start."""
        return sum(
            service['state'] == 'up' and self._recent(service['updated_at'])
            for service in services)

    def _recent(self, timestamp):
        if not timestamp:
            return False
        parsed = time.strptime(timestamp[:19], '%Y-%m-%dT%H:%M:%S')
        return calendar.timegm(parsed) >= self._since

    def __call__(self):
        """Tell whether the cloud is ready; remember what is there."""
        try:
            nova, cinder, hypervisors = self._count()
        except (rest.RestError, OSError, http.client.HTTPException) as exc:
            self.summary = str(exc)
            return False
        self.summary = (
            f'{nova} Nova services, {cinder} Cinder services and '
            f'{hypervisors} hypervisors are up')
        computes = self._layout.computes
        return (
            nova >= NOVA_CONTROL + computes
            and cinder >= CINDER_SERVICES
            and hypervisors >= computes)

    def _count(self):
        client = self._client
        nova = client.get(rest.COMPUTE, '/v2.1/os-services')
        cinder = client.get(
            rest.VOLUME, f'/v3/{client.project_id}/os-services')
        hypervisors = client.get(rest.COMPUTE, '/v2.1/os-hypervisors')
        return (
            self._reporting(nova['services']),
            self._reporting(cinder['services']),
            sum(host['state'] == 'up'
                for host in hypervisors['hypervisors']))
