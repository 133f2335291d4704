# SPDX-License-Identifier: Apache-2.0
"""The part of the fake Nova that acts on servers where they are."""

from cloudmanager.common import exception

# What becomes of a request, see ``fakes``.
FAILS = 'fails'
STUCK = 'stuck'

#: Nova's names of the instance actions.
ACTIONS = {'start': 'start', 'stop': 'stop',
           'unpause': 'unpause', 'resume': 'resume',
           'unshelve': 'unshelve', 'unrescue': 'unrescue',
           'hard_reboot': 'reboot', 'revert_resize': 'revertResize',
           'confirm_resize': 'confirmResize', 'reset_state': 'resetState',
           'request_deletion': 'delete',
           'suspend': 'suspend', 'pause': 'pause'}
# Tasks in the middle of which Nova lets a server be rebooted.
REBOOTABLE = ('rebooting', 'reboot_pending', 'reboot_started', 'resuming',
              'rebooting_hard', 'unpausing', 'pausing', 'suspending')


class Actions:
    """Takes requests, works for a second, and notes what came of it."""

    def _operate(self, request, name, states, task, then='active'):
        self._request(request, name, self._work, request, name, states,
                      task, then)

    def _work(self, outcome, request, name, states, task, then):
        vm = self._vm(name)
        busy = vm.task_state and not (
            request == 'hard_reboot' and vm.task_state in REBOOTABLE)
        if vm.vm_state not in states or busy:
            raise self._refusal(request, f'{vm.vm_state}, {vm.task_state}')
        action = self._log(name, request)
        vm.task_state = task
        if outcome == STUCK or (vm.host and not self._is_alive(vm.host)):
            return
        seconds = self.slow.get(name, self.seconds)
        if outcome == FAILS:
            self.clock.at(seconds, self._fail_work, vm, action)
        else:
            self.clock.at(seconds, self._end_work, vm, action, then)

    def _is_alive(self, host):
        return self.computes[host].alive

    @staticmethod
    def _refusal(request, reason):
        error = exception.CloudRequestRefused(
            service='Nova', request=request, reason=reason)
        error.http_status = 409
        return error

    @staticmethod
    def _fail_work(vm, action):
        action.message, action.over = 'Error', True
        vm.task_state, vm.vm_state, vm.fault = None, 'error', 'It broke.'

    def _end_work(self, vm, action, then):
        action.over = True
        if vm.task_state is None or vm.id not in self.vms:
            # Reset or deleted meanwhile.
            return
        if vm.host is None:
            vm.host = next(iter(self.computes))
        vm.task_state, vm.vm_state, vm.fault = None, then, ''
        vm.power = vm.guest = None

    def start(self, server_id):
        self._operate('start', server_id, ('stopped',), 'powering-on')

    def stop(self, server_id):
        self._operate('stop', server_id, ('active', 'error'),
                      'powering-off', 'stopped')

    def unpause(self, server_id):
        self._operate('unpause', server_id, ('paused',), 'unpausing')

    def resume(self, server_id):
        self._operate('resume', server_id, ('suspended',), 'resuming')

    def unshelve(self, server_id):
        self._operate('unshelve', server_id,
                      ('shelved', 'shelved_offloaded'), 'unshelving')

    def unrescue(self, server_id):
        self._operate('unrescue', server_id, ('rescued',), 'unrescuing')

    def hard_reboot(self, server_id):
        self._operate('hard_reboot', server_id, (
            'active', 'stopped', 'paused', 'suspended', 'error'),
            'rebooting_hard')

    def revert_resize(self, server_id):
        self._operate('revert_resize', server_id, ('resized',),
                      'resize_reverting')
        vm = self.vms[server_id]
        for record in self.records:
            if (record.server_id == server_id
                    and record.status == 'finished'):
                record.status = 'reverted'
                vm.host = record.source

    def request_deletion(self, server_id):
        self._request('request_deletion', server_id, self._delete, server_id)

    def _delete(self, outcome, name):
        vm = self._vm(name)
        if vm.task_state in ('deleting', 'soft-deleting'):
            # Nova ignores it.
            return
        self._log(name, 'request_deletion')
        vm.task_state = 'deleting'
        if outcome != STUCK:
            self.clock.at(self.seconds, self.vms.pop, name, None)

    def reset_state(self, server_id, state):
        self._request('reset_state', server_id, self._reset, server_id,
                      state)

    def _reset(self, outcome, name, state):
        vm = self._vm(name)
        self._log(name, 'reset_state').over = True
        if outcome != STUCK:
            vm.vm_state, vm.task_state = state, None

    def is_over(self, server_id, request_id):
        self._read('is_over')
        return next(item.over for item in self.log
                    if item.request_id == request_id)

    def is_working(self, server_id, request_id):
        return not self.is_over(server_id, request_id)

    def guest_state(self, server_id):
        self._read('guest_state')
        vm = self._vm(server_id)
        return vm.guest or ('running' if vm.vm_state == 'active'
                            else 'not running')
