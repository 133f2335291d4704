# SPDX-License-Identifier: Apache-2.0
"""A cloud at its edge: what Nova and Placement answer, on a fake clock.

``FakeNova`` has the interface of ``cloudmanager.clients.nova.Nova`` and
behaves as Nova does at microversion 2.96. It counts what arrived, so that
tests can prove that nothing was asked twice.
"""

import collections
import dataclasses
import datetime
import itertools
import threading
import types

from cloudmanager.clients import neutron
from cloudmanager.clients import nova_records
from cloudmanager.clients import placement
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.tests.unit.conductor import fake_actions
from cloudmanager.tests.unit.conductor import fake_copies
from cloudmanager.tests.unit.conductor import fake_others

# What becomes of a request; anything else is carried out and succeeds.
LOST = 'lost'                   # never arrived, and nobody can tell
ANSWER_LOST = 'answer-lost'     # carried out, and nobody can tell
REFUSED = 'refused'
FAILS = fake_actions.FAILS      # accepted, then an error
NO_HOST = 'no-host'             # accepted, then no valid host
NO_RECORD = 'no-record'         # no valid host, before there was a record
STUCK = fake_actions.STUCK      # accepted, never ends
ARRIVES_BROKEN = 'arrives-broken'   # over, and the server is in error
IN_ERROR = 'in-error'           # fails, the guest runs on, Nova says error

ACTION = {'live_migrate': 'live-migration', 'cold_migrate': 'migrate',
          'evacuate': 'evacuate', 'shelve_offload': 'shelveOffload',
          'resize': 'resize',
          **fake_actions.ACTIONS}
TYPE = {'live_migrate': 'live-migration', 'cold_migrate': 'migration',
        'evacuate': 'evacuation', 'resize': 'resize'}
STATUS = {'active': 'ACTIVE', 'stopped': 'SHUTOFF', 'paused': 'PAUSED',
          'error': 'ERROR', 'suspended': 'SUSPENDED', 'rescued': 'RESCUED',
          'resized': 'VERIFY_RESIZE', 'shelved': 'SHELVED',
          'shelved_offloaded': 'SHELVED_OFFLOADED', 'building': 'BUILD',
          'soft-delete': 'SOFT_DELETED', 'deleted': 'DELETED'}
POWER = {'active': 1, 'paused': 3, 'rescued': 1, 'suspended': 4}
MOVING = ('accepted', 'running', 'finished', 'confirming')


def refusal(request, reason, status=409):
    error = exception.CloudRequestRefused(service='Nova', request=request,
                                          reason=reason)
    error.http_status = status
    return error


class FakeNova(fake_actions.Actions, fake_copies.Copies,
               fake_others.Others):
    """Nova, with a script of what goes wrong.

    :ivar arrived: ``(request, target)`` of all changes Nova carried out
    :ivar sent: the same of all that were sent
    :ivar reads: how often each reading request was made
    :ivar script: by ``(request, target)`` the outcomes of coming requests
    :ivar seconds: how long moves take; ``slow`` has it by server
    :ivar outages: ``(from, until)`` on the clock: it answers 503
    :ivar fits: tells of a host and a server whether there is room
    :ivar kill_at: number of the changing request at which the conductor
        dies, and whether that one still arrives
    """

    def __init__(self, clock):
        self.clock = clock
        self.lock_ = threading.RLock()
        self.reset()

    def reset(self, hosts=('src', 'dst1', 'dst2')):
        """Begin anew: a cloud with some hosts, and no servers."""
        self.vms, self.computes = {}, {}
        self._changed = {}
        self.records, self.log, self.server_groups = [], [], []
        self.aggregate_list = []
        self.arrived, self.sent = [], []
        self.targets = {}
        self.reads = collections.Counter()
        self.script = collections.defaultdict(list)
        self.seconds, self.slow, self.remaining = 1.0, {}, {}
        self.outages = []
        self.fits = lambda host, vm: True
        self.kill_at, self.dead = None, False
        self.peak = 0
        self._ids = itertools.count(101)
        for host in hosts:
            self.add_host(host)

    # What tests set up and look at

    def add_host(self, name, **values):
        self.computes[name] = types.SimpleNamespace(**{
            'host': name, 'status': 'enabled', 'alive': True, 'zone': 'nova',
            'forced_down': False, 'disabled_reason': None,
            'heard': self.clock.utcnow(), **values})

    def resized(self, name, source='dst1', age=0, **values):
        """Put a server on a host whose resize waits for confirmation."""
        self.add(name, vm_state='resized', **{
            'before': 'active',
            'power': 4 if values.get('before') == 'stopped' else 1,
            **values})
        self.records.append(types.SimpleNamespace(
            id=next(self._ids), server_id=name, type='migration',
            status='finished', source=source, destination=self.vms[name].host,
            updated_at=self.clock.utcnow() - datetime.timedelta(
                seconds=age)))

    def add(self, *names, host='src', vm_state='active', **values):
        """Put servers on a host."""
        for name in names:
            self._changed[name] = self.clock.utcnow()
            self.vms[name] = types.SimpleNamespace(**{
                'id': name, 'name': f'name-{name}', 'host': host,
                'vm_state': vm_state, 'task_state': None, 'locked': False,
                'locked_reason': None, 'metadata': {}, 'fault': '',
                'pinned_zone': '', 'image': 'image', 'volumes': (),
                'tags': (),
                'before': vm_state,
                'power': None, 'guest': None, 'launched': True,
                'project_id': 'project',
                'flavor': {'vcpus': 1, 'ram': 1024, 'disk': 10}, **values})

    def resize_off(self, *names, source='src', host='dst1',
                   status='finished', **values):
        """Have tenants' resizes off a host wait for confirmation."""
        for name in names:
            self.add(name, host=host, vm_state='resized', before='active',
                     **values)
            self.records.append(types.SimpleNamespace(
                id=next(self._ids), server_id=name, type='migration',
                status=status, source=source, destination=host,
                updated_at=self.clock.utcnow()))

    def count(self, request, target=None):
        """Return how many requests arrived."""
        return sum(1 for name, about in self.arrived if name == request
                   and target in (None, about))

    def on(self, host):
        return sorted(vm.id for vm in self.vms.values() if vm.host == host)

    def die(self, host, seen_down=True):
        """Let a host lose its power."""
        compute = self.computes[host]
        compute.heard = self.clock.utcnow()
        compute.alive = not seen_down
        compute.silent = True

    def delete(self, name):
        del self.vms[name]

    def set(self, name, **values):
        self._changed[name] = self.clock.utcnow()
        vars(self.vms[name]).update(values)

    def revive(self):
        """Let another conductor take the place of the dead one."""
        self.kill_at, self.dead = None, False

    # The way of a request

    def _out(self):
        if self.dead:
            raise engine_run.HandOver()
        if any(begin <= self.clock.now < end for begin, end in self.outages):
            raise exception.CloudUnreachable(service='Nova', reason='503')

    def _read(self, name):
        self.reads[name] += 1
        self._out()

    def _request(self, name, target, function, *args):
        """Carry out a changing request, or what the script says."""
        with self.lock_:
            self._out()
            self.sent.append((name, target))
            killed = (self.kill_at is not None
                      and len(self.sent) == self.kill_at[0])
            self.dead = self.dead or killed
            if killed and not self.kill_at[1]:
                raise engine_run.HandOver()
            planned = self.script[name, target]
            outcome = planned.pop(0) if planned else None
            if isinstance(outcome, Exception):
                raise outcome
            if outcome == LOST:
                raise exception.CloudOutcomeUnknown(service='Nova',
                                                    reason='lost')
            if outcome == REFUSED:
                raise refusal(name, 'not now')
            function(outcome, *args)
            self.arrived.append((name, target))
            if killed:
                raise engine_run.HandOver()
            if outcome == ANSWER_LOST:
                raise exception.CloudOutcomeUnknown(service='Nova',
                                                    reason='no answer')

    def _vm(self, name):
        if name not in self.vms:
            raise exception.NotFound(f'Nova: server {name}')
        return self.vms[name]

    # Services

    def _service(self, compute):
        beats = compute.alive and not getattr(compute, 'silent', False)
        up = compute.alive and not compute.forced_down
        return nova_records.Service(
            id=f'id-{compute.host}', host=compute.host,
            status=compute.status, state='up' if up else 'down',
            zone=compute.zone, forced_down=compute.forced_down,
            disabled_reason=compute.disabled_reason,
            updated_at=self.clock.utcnow() if beats else compute.heard)

    def services(self):
        self._read('services')
        return [self._service(item) for item in self.computes.values()]

    def service(self, host):
        self._read('service')
        found = self.computes.get(host)
        return self._service(found) if found else None

    def _change(self, request, service_id, **values):
        host = service_id.removeprefix('id-')
        self._request(request, host, lambda outcome: vars(
            self.computes[host]).update(values))

    def disable_service(self, service_id, reason):
        self._change('disable_service', service_id, status='disabled',
                     disabled_reason=reason)

    def enable_service(self, service_id):
        self._change('enable_service', service_id, status='enabled',
                     disabled_reason=None)

    def delete_service(self, service_id):
        host = service_id.removeprefix('id-')
        self._request('delete_service', host, self._forget, host)

    def _forget(self, outcome, host):
        if self.on(host):
            raise refusal('delete service', f'{host} has instances')
        self.computes.pop(host, None)
        self.aggregate_list = [
            dataclasses.replace(item, hosts=tuple(
                name for name in item.hosts if name != host))
            for item in self.aggregate_list]

    def force_down(self, service_id, down):
        self._change('force_down', service_id, forced_down=down)

    # Servers

    def servers_on(self, host):
        self._read('servers_on')
        with self.lock_:
            return [self._server(vm) for vm in self.vms.values()
                    if vm.host == host]

    def ids_on(self, host, locked=None):
        self._read('ids_on')
        with self.lock_:
            return [vm.id for vm in self.vms.values() if vm.host == host
                    and locked in (None, vm.locked)]

    def changed_on(self, host, since):
        self._read('changed_on')
        with self.lock_:
            return [vm.id for vm in self.vms.values() if vm.host == host
                    and self._changed[vm.id] >= since]

    def ids_in_error(self, since):
        self._read('ids_in_error')
        with self.lock_:
            return [vm.id for vm in self.vms.values()
                    if vm.vm_state == 'error'
                    and self._changed[vm.id] >= since]

    def locked_servers(self, since):
        self._read('locked_servers')
        with self.lock_:
            return [self._server(vm) for vm in self.vms.values()
                    if vm.locked and self._changed[vm.id] >= since]

    def server(self, server_id):
        self._read('server')
        with self.lock_:
            vm = self.vms.get(server_id)
            return self._server(vm) if vm else None

    @staticmethod
    def _server(vm):
        status = STATUS[vm.vm_state]
        if vm.task_state == 'migrating':
            status = 'MIGRATING'
        elif vm.task_state in ('resize_prep', 'resize_migrating'):
            status = 'RESIZE'
        elif vm.task_state == 'rebuilding':
            status = 'REBUILD'
        return nova_records.Server(
            id=vm.id, name=vm.name, status=status, vm_state=vm.vm_state,
            task_state=vm.task_state,
            power_state=POWER.get(vm.vm_state, 4) if vm.power is None
            else vm.power, host=vm.host, launched=vm.launched,
            project_id=vm.project_id,
            zone='nova', locked=vm.locked, locked_reason=vm.locked_reason,
            metadata=vm.metadata, flavor=vm.flavor, fault=vm.fault,
            pinned_zone=vm.pinned_zone, volumes=vm.volumes,
            image=vm.image, tags=vm.tags)

    def live_migrate(self, server_id, host=None, force=False):
        self._move('live_migrate', server_id, host, ('active', 'paused'),
                   'migrating', force)

    def cold_migrate(self, server_id, host=None):
        self._move('cold_migrate', server_id, host, ('active', 'stopped'),
                   'resize_prep')

    def evacuate(self, server_id, host=None, force=False):
        self._move('evacuate', server_id, host,
                   ('active', 'stopped', 'error'), 'rebuilding', force)

    def shelve_offload(self, server_id):
        self._request('shelve_offload', server_id, self._offload, server_id)

    def _offload(self, outcome, name):
        vm = self._vm(name)
        if vm.vm_state != 'shelved' or vm.task_state:
            raise refusal('shelve_offload', f'vm_state {vm.vm_state}')
        vm.task_state = 'shelving_offloading'
        self._log(name, 'shelve_offload')
        if outcome != STUCK:
            self.clock.at(self.seconds, self.set, name, host=None,
                          vm_state='shelved_offloaded', task_state=None)

    def lock(self, server_id, reason):
        self._request('lock', server_id, lambda outcome: self.set(
            server_id, locked=True, locked_reason=reason))

    def unlock(self, server_id):
        self._request('unlock', server_id, lambda outcome: self.set(
            server_id, locked=False, locked_reason=None))

    # Moves

    def _move(self, request, name, target, states, task, force=False):
        self._request(request, name, self._begin, request, name, target,
                      states, task, force)

    def _begin(self, outcome, request, name, target, states, task, force):
        vm = self._vm(name)
        dead = not self._service(self.computes[vm.host]).state == 'up'
        evacuation = request == 'evacuate'
        if vm.vm_state not in states or (vm.task_state and not evacuation):
            raise refusal(request, f'{vm.vm_state}, {vm.task_state}')
        if evacuation is not dead:
            raise refusal(request, f'service of {vm.host}', 400)
        action = self._log(name, request)
        chosen = self._schedule(vm, target)
        self.targets.setdefault(name, []).append((target, force))
        if outcome == NO_RECORD:
            action.message, vm.fault = 'Error', 'No valid host was found.'
            return
        record = types.SimpleNamespace(
            id=next(self._ids), server_id=name, type=TYPE[request],
            status='accepted', source=vm.host, destination=chosen,
            updated_at=self.clock.utcnow())
        self.records.append(record)
        vm.before, vm.task_state = vm.vm_state, task
        self._changed[name] = self.clock.utcnow()
        self.clock.at(0.05, self._run, record)
        self.peak = max(self.peak, len(self.under_way()))
        seconds = self.slow.get(name, self.seconds)
        if outcome == NO_HOST or chosen is None:
            self.clock.at(0.1, self._broken, request, record, action,
                          'No valid host was found.')
        elif outcome in (FAILS, IN_ERROR):
            self.clock.at(seconds, self._broken, request, record, action,
                          'It broke.', outcome == IN_ERROR)
        elif outcome != STUCK:
            self.clock.at(seconds, self._over, request, record,
                          outcome == ARRIVES_BROKEN)

    def _log(self, name, request):
        action = types.SimpleNamespace(
            server_id=name, request_id=f'req-{len(self.log)}',
            action=ACTION.get(request, request),
            start_time=self.clock.utcnow(),
            message=None, over=False, user_id='user')
        self.log.append(action)
        return action

    def _schedule(self, vm, target):
        free = [name for name, compute in self.computes.items()
                if name != vm.host and compute.status == 'enabled'
                and compute.alive and not compute.forced_down
                and self.fits(name, vm)]
        if target is not None:
            return target if target in free else None
        return free[0] if free else None

    def under_way(self):
        return [record for record in self.records
                if record.status in MOVING]

    def _set(self, record, status):
        record.status, record.updated_at = status, self.clock.utcnow()

    def _run(self, record):
        if record.status == 'accepted':
            self._set(record, 'running')

    def _broken(self, request, record, action, fault, in_error=False):
        if record.status not in MOVING:
            return
        action.message = 'Error'
        self._set(record, 'error')
        vm = self.vms.get(record.server_id)
        if vm is None:
            return
        vm.task_state, vm.fault = None, fault
        if in_error:
            # Nova does not know that the guest has not noticed anything.
            vm.guest = 'running' if vm.vm_state == 'active' else vm.guest
        if in_error or request == 'evacuate':
            vm.vm_state = 'error'
        if fault.startswith('No valid'):
            record.destination = None

    def _over(self, request, record, broken=False):
        vm = self.vms.get(record.server_id)
        if record.status not in MOVING:
            return
        if vm is None:
            self._set(record, 'error')
            return
        vm.host, vm.task_state, vm.fault = record.destination, None, ''
        self._changed[vm.id] = self.clock.utcnow()
        if broken:
            vm.vm_state, vm.fault = 'error', 'No port could be bound.'
            self._set(record, 'finished' if request == 'cold_migrate'
                      else 'completed')
            return
        if request in ('cold_migrate', 'resize'):
            vm.vm_state = 'resized'
            self._set(record, 'finished')
            return
        if request == 'evacuate':
            vm.vm_state = ('stopped' if vm.before == 'stopped'
                           else 'active')
        self._set(record,
                  'done' if request == 'evacuate' else 'completed')

    def confirm_resize(self, server_id):
        self._request('confirm_resize', server_id, self._confirm, server_id)

    def _confirm(self, outcome, name):
        vm = self._vm(name)
        record = next((item for item in self.records
                       if item.server_id == name
                       and item.status == 'finished'), None)
        if record is None or vm.vm_state != 'resized':
            raise refusal('confirm_resize', 'no finished migration', 400)
        action = self._log(name, 'confirm_resize')
        self._set(record, 'confirming')
        self.clock.at(0.4, self._confirmed, record, vm, action)

    def _confirmed(self, record, vm, action):
        action.over = True
        self._set(record, 'confirmed')
        vm.vm_state = vm.before

    def abort_migration(self, server_id, migration_id):
        self._request('abort_migration', server_id, self._abort, server_id,
                      migration_id)

    def force_complete(self, server_id, migration_id):
        self._request('force_complete', server_id, self._force, server_id,
                      migration_id)

    def _force(self, outcome, name, migration_id):
        record = next((item for item in self.records
                       if item.id == migration_id), None)
        if record is None or record.status != 'running':
            raise refusal('force-complete', record and record.status, 409)
        self.clock.at(0.5, self._over, 'live_migrate', record)

    def _abort(self, outcome, name, migration_id):
        record = next((item for item in self.records
                       if item.id == migration_id), None)
        if record is None or record.server_id != name:
            raise exception.NotFound(f'Nova: migration {migration_id}')
        if record.status not in ('running', 'queued'):
            raise refusal('abort', record.status, 400)
        self._set(record, 'cancelled')
        self._vm(name).task_state = None

    @staticmethod
    def _migration(record, remaining=None):
        return nova_records.Migration(
            id=record.id, server_id=record.server_id, type=record.type,
            status=record.status, source=record.source,
            destination=record.destination,
            memory_remaining_bytes=remaining, updated_at=record.updated_at)

    def migrations(self, source, since):
        self._read('migrations')
        with self.lock_:
            return [self._migration(item) for item in reversed(self.records)
                    if item.source == source and item.updated_at >= since]

    def changed_migrations(self, since):
        self._read('changed_migrations')
        with self.lock_:
            return [self._migration(item) for item in reversed(self.records)
                    if item.updated_at >= since]

    def migrations_of(self, server_id):
        self._read('migrations_of')
        with self.lock_:
            return [self._migration(item) for item in reversed(self.records)
                    if item.server_id == server_id]

    def latest_migration_id(self, source):
        self._read('latest_migration_id')
        return max((item.id for item in self.records
                    if item.source == source), default=0)

    def server_migrations(self, server_id):
        self._read('server_migrations')
        self._vm(server_id)
        left = self.remaining.get(server_id, lambda: None)
        return [self._migration(item, left()) for item in self.records
                if item.server_id == server_id
                and item.status in ('accepted', 'running')]

    def halves_on(self, host):
        self._read('halves_on')
        with self.lock_:
            found = {item.server_id for item in self.records
                     if item.source == host
                     and item.type in ('migration', 'resize')
                     and item.status in nova_records.HALF_STATUSES}
            return [self._server(vm) for vm in self.vms.values()
                    if vm.id in found and vm.host != host
                    and (vm.vm_state in ('resized', 'error')
                         or (vm.task_state or '').startswith('resize_'))]

    def open_migrations(self, host):
        self._read('open_migrations')
        return [self._migration(item) for item in self.records
                if item.status in (*nova_records.OPEN_STATUSES,)
                and host in (item.source, item.destination)]

    def actions(self, server_id):
        self._read('actions')
        self._vm(server_id)
        return [nova_records.Action(
            item.request_id, item.action, item.start_time, item.message,
            item.start_time, item.user_id) for item in reversed(self.log)
                if item.server_id == server_id]

    # Where servers may go

    def _hypervisor(self, compute):
        return nova_records.describe({
            'id': f'rp-{compute.host}', 'hypervisor_hostname': compute.host,
            'state': self._service(compute).state, 'status': compute.status,
            'hypervisor_type': 'QEMU', 'hypervisor_version': 1,
            'host_ip': '10.0.0.1', 'vcpus': 64, 'memory_mb': 65536,
            'local_gb': 2000, 'service': {
                'host': compute.host, 'id': f'id-{compute.host}',
                'disabled_reason': compute.disabled_reason}})

    def describe_hypervisors(self):
        self._read('hypervisors')
        return [self._hypervisor(item) for item in self.computes.values()]

    def describe_hypervisor(self, hypervisor_id):
        self._read('hypervisor')
        return next((found for item in self.computes.values()
                     if (found := self._hypervisor(item))['id']
                     == hypervisor_id), None)

    def hypervisors(self):
        return [nova_records.hypervisor(item)
                for item in self.describe_hypervisors()]

    def aggregates(self):
        self._read('aggregates')
        return list(self.aggregate_list)

    def groups(self):
        self._read('groups')
        return list(self.server_groups)


class FakePlacement:
    """Placement, as it follows from the servers and their migrations.

    :ivar chosen: hosts by the ids of servers that the scheduler has sent
        there and that are not there yet
    :ivar orphans: consumers that are no servers, by host
    """

    def __init__(self, cloud):
        self.cloud = cloud
        self.chosen = {}
        self.orphans = collections.defaultdict(list)
        self.inventory = {'VCPU': 64, 'MEMORY_MB': 65536, 'DISK_GB': 2000}
        self.nested = {}
        self.traits_of = collections.defaultdict(list)
        self.left = {}
        self.deleted = []
        self.reads = collections.Counter()

    def _held(self, host):
        """Return consumer to flavor of what takes room on a host."""
        held = {vm.id: vm.flavor for vm in self.cloud.vms.values()
                if host in (vm.host, self.chosen.get(vm.id))}
        held.update((consumer, {'vcpus': 1, 'ram': 1024, 'disk': 10})
                    for consumer in self.orphans[host])
        for record in self.cloud.under_way():
            vm = self.cloud.vms.get(record.server_id)
            if vm is not None and record.source == host != vm.host:
                held[f'migration-{record.id}'] = vm.flavor
        return held

    @staticmethod
    def _resources(flavor):
        return {'VCPU': flavor['vcpus'], 'MEMORY_MB': flavor['ram'],
                'DISK_GB': flavor['disk']}

    def snapshot(self, names=None, workers=8):
        self.reads['snapshot'] += 1
        found = {}
        for host in self.cloud.computes:
            usages = collections.Counter()
            for flavor in self._held(host).values():
                usages.update(self._resources(flavor))
            found[host] = placement.Provider(
                uuid=f'rp-{host}', name=host, root=f'rp-{host}',
                generation=1, usages=dict(usages), traits=frozenset(),
                aggregates=frozenset(), inventories={
                    name: {'total': total} for name, total in
                    self.inventory.items()})
        return {**found, **self.nested}

    def allocations(self, consumer):
        self.reads['allocations'] += 1
        return {f'rp-{host}': self._resources(held[consumer])
                for host in self.cloud.computes
                if consumer in (held := self._held(host))}

    def allocations_of_provider(self, uuid):
        self.reads['allocations_of_provider'] += 1
        return {consumer: self._resources(flavor) for consumer, flavor in
                self._held(uuid.removeprefix('rp-')).items()}

    def providers(self, name=None):
        names = [name] if name is not None else self.cloud.computes
        return [placement.Entry(f'rp-{host}', host, f'rp-{host}', 1)
                for host in names
                if host in self.cloud.computes or host in self.left]

    def traits(self, uuid):
        """Return what is planned for this reading, else nothing."""
        planned = self.traits_of[uuid]
        return frozenset(planned.pop(0) if planned else ())

    def delete_provider(self, uuid):
        self.deleted.append(uuid)
        self.left.pop(uuid.removeprefix('rp-'), None)


class FakeNeutron:
    """Agents by host; an agent is an id and whether it is alive."""

    def __init__(self):
        self.present = collections.defaultdict(dict)

    def agents(self, host):
        return [neutron.Agent(key, 'neutron-agent', host, alive)
                for key, alive in self.present[host].items()]


class FakeCinder:
    """Services and volumes by host."""

    def __init__(self):
        self.service_list = []
        self.volumes = collections.defaultdict(list)
        self.pool_list, self.volume_list = [], []
        self.missing = False

    def _read(self):
        if self.missing:
            raise exception.CloudServiceMissing(service='Cinder',
                                                reason='no endpoint')

    def services(self, host=None):
        self._read()
        return [item for item in self.service_list
                if host in (None, item.host.partition('@')[0])]

    def disable_service(self, host, binary, reason):
        self.service_list = [
            dataclasses.replace(item, status='disabled',
                                disabled_reason=reason)
            if (item.host, item.binary) == (host, binary) else item
            for item in self.service_list]

    def volumes_on(self, host):
        self._read()
        return self.volumes[host]

    def volume(self, volume_id):
        self._read()
        return next((item for item in self.volume_list
                     if item.id == volume_id), None)

    def list_volumes(self):
        self._read()
        return list(self.volume_list)

    def pools(self):
        self._read()
        return list(self.pool_list)


class FakeCinderDatabase:

    def __init__(self):
        self.configured = False
        self.removed = []

    def remove_services(self, host):
        self.removed.append(host)
        return 2
