# SPDX-License-Identifier: Apache-2.0
"""The cloud as a whole: start, complete and stop it."""

from concurrent import futures
import shutil
import signal
import time

from minicloudlib import backing
from minicloudlib import broker
from minicloudlib import building
from minicloudlib import databases
from minicloudlib import processes
from minicloudlib import readiness
from minicloudlib import rendering
from minicloudlib import rest
from minicloudlib import services
from minicloudlib import settings as config
from minicloudlib import snapshot
from minicloudlib import waiting
from minicloudlib.console import say
from minicloudlib.errors import MinicloudError


class Cloud:
    """A cloud of a given layout in the directory of the settings."""

    def __init__(self, settings, layout):
        self._settings = settings
        self.layout = layout
        self.services = services.catalogue(settings, layout)
        self.supervisor = processes.Supervisor(settings, self.services)
        self._databases = databases.Databases(settings)
        self._broker = broker.Broker(settings)
        self._client = rest.Client()

    @staticmethod
    def layout_file(settings):
        """Return the file that remembers the layout of the last start."""
        return settings.home / 'layout.json'

    @classmethod
    def existing(cls, settings):
        """Return the cloud as it was started last."""
        return cls(settings, config.Layout.load(cls.layout_file(settings)))

    def running(self):
        """Return the names of the services that run, paused or not."""
        return [n for n in self.services if self.supervisor.pid(n)]

    def complete(self):
        """Tell whether every service is up."""
        return all(
            self.supervisor.state(n) == processes.UP for n in self.services)

    def start(self, fresh=False):
        """Start what does not run yet and wait until all is ready."""
        started = time.time()
        self._check_ports()
        if not self.running():
            self._prepare(fresh)
        self._render()
        self.save_layout()
        for name in self.services:
            self.supervisor.signal(name, signal.SIGCONT)
            self.supervisor.start(name)
        self._wait_ready(started)

    def _check_ports(self):
        """Refuse to start where another program has one of our ports."""
        for name, service in self.services.items():
            if not service.port or self.supervisor.pid(name):
                continue
            if waiting.listening(config.ADDRESS, service.port):
                raise MinicloudError(
                    f'Port {service.port}, needed for {name}, is in use by '
                    'another program ("ss -ltnp" shows which).')

    def _prepare(self, fresh):
        """Bring an empty cloud about: from the snapshot or from nothing."""
        shutil.rmtree(self._settings.state, ignore_errors=True)
        self._settings.log.mkdir(parents=True)
        backing.ensure_running(self._settings)
        self._databases.ensure_access()
        self._databases.raise_limit()
        self._broker.reset()
        url = self._broker.url()
        saved = snapshot.Snapshot(self._settings, self._databases, url)
        if saved.usable() and not fresh:
            saved.restore()
            say('restored the snapshot')
            return
        self._render()
        building.Builder(
            self._settings, self._databases, self.supervisor,
            self.services, self._client).build(url)
        saved.save()
        say('saved a snapshot')

    def _renderer(self):
        return rendering.Renderer(
            self._settings, self.layout, self._databases, self._broker.url())

    def _render(self):
        self._renderer().write_all()

    def save_layout(self):
        """Take on what may change while the cloud runs, and remember it."""
        self._renderer().mark_slow()
        self.layout.save(self.layout_file(self._settings))

    def _wait_ready(self, started):
        with futures.ThreadPoolExecutor(len(self.services)) as pool:
            list(pool.map(self.wait_for_api, self.services))
        say('APIs answer')
        self._client.login()
        ready = readiness.Readiness(self._client, self.layout, started)
        if not waiting.poll(ready, readiness.SERVICES_SECONDS, 0.3):
            raise MinicloudError(
                f'The cloud is not ready after {readiness.SERVICES_SECONDS} '
                f'seconds: {ready.summary}.',
                log=self._suspect())
        say(f'ready: {ready.summary}')

    def _suspect(self):
        """Return the log of a service that has ended, or of Nova's API."""
        ended = [n for n in self.services if not self.supervisor.pid(n)]
        return self.supervisor.log(ended[0] if ended else 'nova-api')

    def wait_for_api(self, name):
        """Wait until a service answers, if it is a web service."""
        port = self.services[name].port
        if port:
            readiness.wait_for_port(self.supervisor, name, port)

    def stop(self):
        """End all services; return the names of those that ran."""
        return self.supervisor.stop(list(self.services))

    def purge(self):
        """Remove all the cloud has left, but not its virtual environment."""
        self.stop()
        self._databases.drop_all()
        self._broker.remove()
        for path in (self._settings.state, self._settings.snapshot):
            shutil.rmtree(path, ignore_errors=True)
