# SPDX-License-Identifier: Apache-2.0
"""Keep the seeded, empty cloud, so that the next start is faster.

The snapshot is taken before any compute has registered: it fits clouds
of every size.
"""

from concurrent import futures
import hashlib
import shutil

from minicloudlib import databases
from minicloudlib import settings as config

# What the databases refer to: Keystone's keys and Glance's images.
DIRECTORIES = ('keystone', 'glance')


class Snapshot:
    """Saves and restores the seeded cloud."""

    def __init__(self, settings, dbs, transport_url):
        self._settings = settings
        self._databases = dbs
        self._transport_url = transport_url
        self._path = settings.snapshot

    def _key(self):
        """Return a digest of all that the content depends on."""
        digest = hashlib.sha256()
        for path in sorted(config.PACKAGE.rglob('*')):
            if path.suffix in ('.py', '.conf', '.txt'):
                digest.update(path.read_bytes())
        digest.update(self._databases.url('nova').encode())
        digest.update(self._transport_url.encode())
        return digest.hexdigest()

    def usable(self):
        """Tell whether there is a snapshot made for this version."""
        try:
            return (self._path / 'key').read_text() == self._key()
        except FileNotFoundError:
            return False

    def save(self):
        """Replace the snapshot by the present content."""
        shutil.rmtree(self._path, ignore_errors=True)
        self._path.mkdir(parents=True)
        for name in DIRECTORIES:
            shutil.copytree(
                self._settings.state / name, self._path / name)
        self._each(self._databases.dump)
        (self._path / 'key').write_text(self._key())

    def restore(self):
        """Replace the present content by the snapshot."""
        for name in DIRECTORIES:
            target = self._settings.state / name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(self._path / name, target)
        self._databases.create_all()
        self._each(self._databases.load)

    def _each(self, action):
        """Do something with all databases at the same time."""
        with futures.ThreadPoolExecutor(len(databases.NAMES)) as pool:
            list(pool.map(
                lambda name: action(name, self._path / f'{name}.sql'),
                databases.NAMES))
