# SPDX-License-Identifier: Apache-2.0
"""The services of the cloud: what each one runs and where it listens."""

from dataclasses import dataclass
from dataclasses import field
import os
import sys

from minicloudlib import nursery
from minicloudlib import settings as config

# In the order in which they are started.
IDENTITY = 'keystone'
APIS = ('keystone', 'placement', 'glance', 'nova-api', 'cinder-api')


@dataclass(frozen=True)
class Service:
    """One service of the cloud.

    One with a parent is forked by that service, which has read its program
    already; ``argv`` is without the program then.
    """

    argv: list
    env: dict = field(default_factory=dict)
    port: int | None = None
    parent: str | None = None


def _uwsgi(settings, module, port, *options, threads=4, **env):
    """Return a web service under uWSGI.

    The connection is closed after each answer: uWSGI's own HTTP socket
    resets clients that keep it open.
    """
    argv = [
        settings.program('uwsgi'),
        '--http-socket', f'{config.ADDRESS}:{port}',
        '--module', f'{module}:application',
        '--home', str(settings.venv),
        '--processes', '1', '--threads', str(threads),
        '--enable-threads', '--lazy-apps', '--need-app', '--die-on-term',
        '--buffer-size', '65535', '--listen', '100',
        '--add-header', 'Connection: close',
        '--disable-logging', *options]
    return Service(argv, env, port)


def _web_services(settings):
    etc = settings.etc
    keystone = f'{etc}/keystone.conf'
    paste = f'{settings.venv}/etc/nova/api-paste.ini'
    return {
        'keystone': _uwsgi(
            settings, 'keystone.wsgi.api', 5000,
            '--pyargv', f'--config-file={keystone}',
            OS_KEYSTONE_CONFIG_FILES=keystone),
        'placement': _uwsgi(
            settings, 'placement.wsgi.api', 8778,
            OS_PLACEMENT_CONFIG_DIR=str(etc)),
        'glance': _uwsgi(
            settings, 'glance.wsgi.api', 9292, '--http-chunked-input',
            OS_GLANCE_CONFIG_DIR=str(etc)),
        'nova-api': _uwsgi(
            settings, 'nova.wsgi.osapi_compute', 8774, threads=8,
            OS_NOVA_CONFIG_DIR=str(etc),
            OS_NOVA_CONFIG_FILES=f'{paste};nova.conf'),
        'cinder-api': _uwsgi(
            settings, 'cinder.wsgi.api', 8776,
            '--pyargv', f'--config-file={etc}/cinder.conf'),
    }


def _daemon(settings, program, config_file, **env):
    path = settings.etc / config_file
    return Service(
        [settings.program(program), f'--config-file={path}'], env)


def _nursery(settings):
    """Return what forks the nova-computes, with the drivers of ours."""
    program = config.PACKAGE / 'nova_drivers' / 'compute.py'
    return Service([settings.program('python'), str(program),
                    str(nursery.socket_path(settings))])


def _compute(settings, name):
    return Service([f'--config-file={settings.etc / f"{name}.conf"}'],
                   parent=nursery.NAME)


def _cinder_path(settings):
    """Return a PATH on which sudo and mount are stubs."""
    stubs = config.PACKAGE / 'stubs'
    return f'{stubs}:{settings.venv}/bin:{os.environ.get("PATH", "")}'


def catalogue(settings, layout):
    """Return all services by name, in the order to start them."""
    stub = [
        sys.executable, str(config.PACKAGE / 'neutron_stub.py'),
        config.ADDRESS, '9696']
    services = {'neutron': Service(stub, port=9696)}
    services.update(_web_services(settings))
    services[nursery.NAME] = _nursery(settings)
    for name in ('nova-conductor', 'nova-scheduler'):
        services[name] = _daemon(settings, name, 'nova.conf')
    services['cinder-scheduler'] = _daemon(
        settings, 'cinder-scheduler', 'cinder.conf')
    services['cinder-volume'] = _daemon(
        settings, 'cinder-volume', 'cinder.conf',
        PATH=_cinder_path(settings))
    # The last ones: they wait for nova-conductor, ten seconds at a time.
    for name in layout.names:
        services[name] = _compute(settings, name)
    return services
