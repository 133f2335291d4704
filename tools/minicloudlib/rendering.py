# SPDX-License-Identifier: Apache-2.0
"""Write the configuration files of the services."""

import base64
import os
import string

from minicloudlib import settings as config

# The driver looks for it in the directory of its host.
SLOW_MARK = 'slow-migrations'
CONTROLLER = 'ctl'
DIRECTORIES = (
    'etc', 'log', 'run', 'keystone/fernet', 'keystone/credential',
    'glance/images', 'glance/staging', 'glance/tasks', 'glance/lock',
    'cinder/mnt', 'cinder/lock', 'cinder/conversion', 'nova/lock')


def _section(name, **options):
    lines = [f'{key} = {value}' for key, value in options.items()]
    return '\n'.join([f'[{name}]', *lines]) + '\n'


def _credentials(section, user, **options):
    """Return a section with which a service logs in to Keystone."""
    return _section(
        section, auth_url=config.AUTH_URL, auth_type='password',
        username=user, password=config.PASSWORD, project_name='service',
        user_domain_name='Default', project_domain_name='Default',
        region_name=config.REGION, **options)


def _authtoken(user):
    """Return the section with which a service checks tokens."""
    return _credentials(
        'keystone_authtoken', user, www_authenticate_uri=config.AUTH_URL,
        service_token_roles='service', service_token_roles_required='true')


def _nova_credentials():
    """Return the sections with which Nova calls the other services."""
    endpoint = f'http://{config.ADDRESS}'
    return '\n'.join([
        _credentials('placement', 'nova'),
        _credentials(
            'neutron', 'nova', endpoint_override=f'{endpoint}:9696'),
        _credentials('glance', 'nova', endpoint_override=f'{endpoint}:9292'),
        _credentials(
            'cinder', 'nova',
            catalog_info='block-storage:cinder:internalURL'),
        _credentials('service_user', 'nova', send_service_user_token='true'),
    ])


def _cinder_credentials():
    """Return the sections with which Cinder calls the other services."""
    return '\n'.join([
        _credentials('nova', 'cinder', interface='internal'),
        _credentials(
            'service_user', 'cinder', send_service_user_token='true'),
    ])


class Renderer:
    """Writes all configuration files of one cloud."""

    def __init__(self, settings, layout, databases, transport_url):
        self._settings = settings
        self._layout = layout
        self._databases = databases
        self._common = {
            'address': config.ADDRESS,
            'state': settings.state,
            'venv': settings.venv,
            'transport_url': transport_url,
            'messaging': self._template('messaging.conf').substitute(),
        }

    @staticmethod
    def _template(name):
        path = config.PACKAGE / 'templates' / name
        return string.Template(path.read_text())

    def _write(self, template, name=None, **values):
        text = self._template(template).substitute(self._common, **values)
        path = self._settings.etc / (name or template)
        path.write_text(text)
        path.chmod(0o600)

    def _connection(self, name):
        return '\n'.join([
            f'connection = {self._databases.url(name)}',
            'max_pool_size = 5',
            'max_overflow = 10'])

    def write_all(self):
        """Write everything the services read."""
        for name in DIRECTORIES:
            (self._settings.state / name).mkdir(parents=True, exist_ok=True)
        self._write_keys()
        self._write(
            'keystone.conf', database_keystone=self._connection('keystone'))
        self._write(
            'placement.conf', keystone_authtoken=_authtoken('placement'),
            database_placement=self._connection('placement'))
        self._write(
            'glance-api.conf', keystone_authtoken=_authtoken('glance'),
            database_glance=self._connection('glance'))
        self._write(
            'cinder.conf', keystone_authtoken=_authtoken('cinder'),
            database_cinder=self._connection('cinder'),
            service_credentials=_cinder_credentials())
        self._write_nova(CONTROLLER, 'nova.conf', databases=True)
        for name in self._layout.names:
            self._write_nova(name, f'{name}.conf', databases=False)
        self.mark_slow()

    def _write_keys(self):
        """Create Keystone's keys, unless they exist."""
        for repository in ('fernet', 'credential'):
            directory = self._settings.state / 'keystone' / repository
            directory.chmod(0o700)
            for name in ('0', '1'):
                path = directory / name
                if not path.exists():
                    path.touch(mode=0o600)
                    path.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))

    def mark_slow(self):
        """Say on which computes live migrations last.

        They look before each migration, so it may change while they run.
        """
        for name in self._layout.names:
            mark = self._settings.state / 'nova' / name / SLOW_MARK
            if name in self._layout.slow_computes:
                mark.touch()
            else:
                mark.unlink(missing_ok=True)

    def _write_nova(self, host, name, databases):
        """Write the file of one Nova host; computes have no database."""
        limit = self._layout.max_live_migrations
        (self._settings.state / 'nova' / host).mkdir(exist_ok=True)
        self._write(
            'nova.conf', name, host=host,
            live_migration_limit=(
                '' if limit is None
                else f'max_concurrent_live_migrations = {limit}'),
            nova_databases=self._nova_databases() if databases else '',
            keystone_authtoken=_authtoken('nova'),
            service_credentials=_nova_credentials())

    def _nova_databases(self):
        return '\n'.join([
            '[database]', self._connection('nova'), '',
            '[api_database]', self._connection('nova_api')])
