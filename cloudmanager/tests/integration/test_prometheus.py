# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus as the source of what is used.

It has an hour of what node and libvirt exporters report, read from text as
they give it. TLS and passwords are its own.
"""

import pathlib
import ssl
import subprocess
import time
from typing import Any
import urllib.error
import urllib.request

import bcrypt
import fixtures
from keystoneauth1 import loading
from oslo_config import cfg

from cloudmanager.clients import prometheus
from cloudmanager.common import exception
from cloudmanager.conductor.audits import sources
from cloudmanager.planning.drs import audit
from cloudmanager.tests import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.unit.planning import factory
from cloudmanager.tests.unit.power import peers

CONF = cfg.CONF
PASSWORD = 'S3cret-Of-The-Metrics'
MIB = 1 << 20
EVERY, HOUR = 30, 3600
#: Seconds since the exporter of the third host fell silent.
SILENT = 900
#: Host, what it is called to Prometheus, its busy CPUs, its MiB.
HOSTS = (('cmp1', 'cmp1:9100', 12.0, 9000), ('cmp2', 'cmp2', 1.0, 9000),
         ('cmp3', 'cmp3.example.org:9100', 6.0, 8000))
SERVERS = {f's{number}': ('cmp1', 2.0, 1000) for number in range(6)}

Point = tuple[str, dict[str, str], float, float]


def _counter(name: str, labels: dict[str, str], rate: float, until: float,
             now: float) -> list[Point]:
    return [(name, labels, rate * (time_ - now + 2 * HOUR), time_)
            for time_ in _times(until, now)]


def _gauge(name: str, labels: dict[str, str], value: float, until: float,
           now: float) -> list[Point]:
    return [(name, labels, value, time_) for time_ in _times(until, now)]


def _times(until: float, now: float) -> list[float]:
    return [now - HOUR - 600 + EVERY * number
            for number in range((HOUR + 600) // EVERY)
            if now - HOUR - 600 + EVERY * number <= until]


def _families(now: float) -> list[tuple[str, str, list[Point]]]:
    """All that exporters have said, by metric and its type."""
    found: dict[str, tuple[str, list[Point]]] = {}

    def add(make: Any, name: str, labels: dict[str, str], value: float,
            until: float) -> None:
        kind = 'counter' if make is _counter else 'gauge'
        found.setdefault(name, (kind, []))[1].extend(
            make(name, labels, value, until, now))

    for host, instance, cpus, memory in HOSTS:
        until = now - (SILENT if host == 'cmp3' else 0)
        here = {'instance': instance}
        for mode, rate in (('user', cpus), ('idle', 16 - cpus),
                           ('iowait', 0.5)):
            add(_counter, 'node_cpu_seconds_total',
                {**here, 'cpu': '0', 'mode': mode}, rate, until)
        add(_gauge, 'node_memory_MemTotal_bytes', here, 16384 * MIB, until)
        add(_gauge, 'node_memory_MemAvailable_bytes', here,
            (16384 - memory) * MIB, until)
        add(_counter, 'node_pressure_memory_waiting_seconds_total', here,
            0.1, until)
    for server, (host, cpus, memory) in SERVERS.items():
        there = {'instance': f'{host}:9177', 'domain': f'instance-{server}'}
        add(_counter, 'libvirt_domain_info_cpu_time_seconds_total', there,
            cpus, now)
        add(_gauge, 'libvirt_domain_memory_stats_rss_bytes', there,
            memory * MIB, now)
        add(_gauge, 'libvirt_domain_info_meta', {**there, 'uuid': server}, 1,
            now)
    return [(name, kind, points) for name, (kind, points) in found.items()]


def _text(now: float) -> str:
    lines = []
    for name, kind, points in _families(now):
        lines.append(f'# TYPE {name.removesuffix("_total")} {kind}')
        for _, labels, value, time_ in points:
            text = ','.join(f'{key}="{label}"'
                            for key, label in labels.items())
            lines.append(f'{name}{{{text}}} {value} {time_:.3f}')
    return '\n'.join([*lines, '# EOF', ''])


class PrometheusTestCase(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.authority = peers.Authority(self.directory)
        self.port = peers.free_port()
        self.serve()
        self.conf.register_opts(loading.get_auth_plugin_conf_options(
            'http_basic'), group='prometheus')
        ca = self.directory / 'trusted.pem'
        ca.write_text(self.authority.pem)
        self.config(group='prometheus', url=self.url, cafile=str(ca),
                    auth_type='http_basic', username='cloudmanager',
                    password=PASSWORD, timeout=20)
        self.config(group='cloud', retries=0)
        self.cloud = factory.cloud(
            [factory.host(host) for host, *_ in HOSTS],
            [factory.server(key, host)
             for key, (host, *_) in SERVERS.items()])

    @property
    def url(self) -> str:
        return f'https://127.0.0.1:{self.port}'

    def serve(self) -> None:
        """Import what was measured, and start the server."""
        exported = self.directory / 'exported.txt'
        exported.write_text(_text(time.time()))
        data = self.directory / 'data'
        subprocess.run(  # noqa: S603
            ['promtool', 'tsdb', 'create-blocks-from', 'openmetrics',
             str(exported), str(data)], check=True, timeout=60,
            capture_output=True)
        certificate = self.authority.issue()
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        (self.directory / 'web.yml').write_text(
            f'tls_server_config:\n  cert_file: {certificate}\n'
            f'  key_file: {certificate}\n'
            f'basic_auth_users:\n  cloudmanager: {hashed}\n')
        (self.directory / 'empty.yml').write_text('')
        log = (self.directory / 'log').open('wb')
        self.addCleanup(log.close)
        process = subprocess.Popen(  # noqa: S603
            ['prometheus', f'--config.file={self.directory}/empty.yml',
             f'--web.config.file={self.directory}/web.yml',
             f'--storage.tsdb.path={data}',
             f'--web.listen-address=127.0.0.1:{self.port}'],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)
        cloud.wait(self._ready, 60, 'Prometheus is ready')

    def _ready(self) -> bool:
        """Tell whether it answers, if only that a password is missing."""
        try:
            with urllib.request.urlopen(  # noqa: S310
                    f'{self.url}/-/ready', timeout=5,
                    context=ssl.create_default_context(
                        cadata=self.authority.pem)):
                return True
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False

    def read(self) -> Any:
        return sources.read('prometheus', self.cloud,
                            [host for host, *_ in HOSTS],
                            lambda seconds: ())

    def test_read(self) -> None:
        """Units, averages, ages; and what an audit makes of them."""
        # It is ready when it has read its data, not when it answers.
        use = cloud.wait(lambda: self._known() or None, 60, 'it has its data')
        for host, _, cpus, memory in HOSTS[:2]:
            self.assertAlmostEqual(cpus, use.hosts[host]['VCPU'], places=1)
            self.assertAlmostEqual(cpus, use.host_peaks[host]['VCPU'],
                                   places=1)
            self.assertAlmostEqual(memory, use.hosts[host]['MEMORY_MB'])
            self.assertAlmostEqual(0.1, use.pressure[host]['MEMORY_MB'],
                                   places=2)
            self.assertLess(use.ages[host], 300)
        self.assertEqual(set(SERVERS), set(use.servers))
        self.assertAlmostEqual(2.0, use.servers['s0']['VCPU'], places=1)
        self.assertAlmostEqual(1000, use.servers['s0']['MEMORY_MB'])
        # What is silent is not known, though rates of it can still be had.
        self.assertNotIn('cmp3', use.hosts)
        self.assertIn('CPU was measured', use.missing['cmp3'])

        made = audit.make(self.cloud, ['cmp1', 'cmp2'], use)
        self.assertEqual({('cmp1', 'cmp2')}, {
            (move.source, move.target) for move in made.moves})
        self.assertIn('CPU of cmp1 from 64%', made.moves[0].reason)
        # A host of which nothing is known neither loses nor gets servers.
        again = audit.make(self.cloud, [host for host, *_ in HOSTS], use)
        self.assertEqual(made.moves, again.moves)
        self.assertIn('host cmp3 is left out: CPU was measured',
                      again.warnings[0])

        error = self._refused(password='wrong')  # noqa: S106
        self.assertIn('authentication failed', str(error))
        self.assertIsInstance(self._refused(cafile=None),
                              exception.CloudUnreachable)
        self.config(group='prometheus', host_cpu='sum by (')
        self.assertIn('parse error', str(self.assertRaises(
            exception.CloudRequestRefused, self.read)))

    def _known(self) -> Any:
        use = self.read()
        return use if len(use.hosts) == 2 else None

    def _refused(self, **options: Any) -> exception.Unavailable:
        before = {name: CONF.prometheus[name] for name in options}
        self.config(group='prometheus', **options)
        found: exception.Unavailable = self.assertRaises(
            exception.Unavailable, prometheus.Prometheus().range, 'up', 0,
            60, 15)
        self.config(group='prometheus', **before)
        return found
