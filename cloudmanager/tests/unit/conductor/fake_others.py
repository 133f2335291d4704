# SPDX-License-Identifier: Apache-2.0
"""The part of the fake Nova that others than the service work with."""

from cloudmanager.common import exception

RUNNING = 1


class Others:
    """What tenants and operators ask for meanwhile.

    It is not among the requests that are counted, and Nova refuses it in the
    same states as ours.
    """

    def other(self, event, name):
        """Let somebody ask for something, whether Nova takes it or not."""
        try:
            getattr(self, f'_other_{event}')(name)
        except (exception.CloudRequestRefused, exception.NotFound):
            pass

    def _other_resize(self, name):
        self._begin(None, 'resize', name, None, ('active', 'stopped'),
                    'resize_prep', False)

    def _other_migrate(self, name):
        self._begin(None, 'live_migrate', name, None, ('active', 'paused'),
                    'migrating', False)

    def _other_confirm(self, name):
        self._confirm(None, name)

    def _other_revert(self, name):
        vm = self._vm(name)
        record = next((item for item in self.records
                       if item.server_id == name
                       and item.status == 'finished'), None)
        if record is None or vm.vm_state != 'resized' or vm.task_state:
            raise self._refusal('revert_resize', vm.vm_state)
        vm.task_state = 'resize_reverting'
        self._set(record, 'reverting')
        self._log(name, 'revert_resize').over = True
        self.clock.at(self.seconds, self._reverted, record)

    def _reverted(self, record):
        vm = self.vms.get(record.server_id)
        self._set(record, 'reverted')
        if vm is not None:
            vm.host, vm.task_state = record.source, None
            vm.vm_state = vm.before

    def _other_stop(self, name):
        self._work(None, 'stop', name, ('active',), 'powering-off',
                   'stopped')

    def _other_start(self, name):
        self._work(None, 'start', name, ('stopped',), 'powering-on',
                   'active')

    def _other_suspend(self, name):
        self._work(None, 'suspend', name, ('active',), 'suspending',
                   'suspended')

    def _other_resume(self, name):
        self._work(None, 'resume', name, ('suspended',), 'resuming',
                   'active')

    def _other_pause(self, name):
        self._work(None, 'pause', name, ('active',), 'pausing', 'paused')

    def _other_delete(self, name):
        self._vm(name)
        self.delete(name)

    def _other_disable(self, host):
        """An operator takes a host out of use."""
        compute = self.computes.get(host)
        if compute is not None and compute.status == 'enabled':
            compute.status, compute.disabled_reason = 'disabled', 'disk'

    def _other_enable(self, host):
        compute = self.computes.get(host)
        if compute is not None:
            compute.status, compute.disabled_reason = 'enabled', None
