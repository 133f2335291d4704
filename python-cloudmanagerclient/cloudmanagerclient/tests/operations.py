# SPDX-License-Identifier: Apache-2.0
"""How each operation of the API is called: by the SDK, and by a command.

The key is the id of the operation in the OpenAPI document. Words in braces
are objects that the test makes before.
"""

import dataclasses
from typing import Any

SERVER = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'


@dataclasses.dataclass(frozen=True)
class Called:
    """How an operation is called.

    :ivar method: method of the SDK
    :ivar args: its arguments
    :ivar command: the command with all its options
    :ivar kwargs: keyword arguments of the method
    :ivar unsent: fields of the body, or parameters of the query, that the
        command does not send, and why not
    :ivar missing: whether the object does not exist in the test
    """

    method: str
    args: tuple[Any, ...]
    command: str
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    unsent: dict[str, str] = dataclasses.field(default_factory=dict)
    missing: bool = False


_BY_SERVICE = {
    'created_at': 'the service knows it', 'name': 'the argument is it'}
_ALIAS = {'created_at': 'the same as time_created',
          'time_created': 'the same as created_at'}
_NODE_FIELDS = (
    '--title t --description d --dtc 1 --row 1 --rack 1 --unit {number} '
    '--cpus 4 --ram 4096 --disk 100 --ip-address 10.{a}.{b}.1 '
    '--mac-address 02:00:00:{hex} --inventory-code c{number} --owner o '
    '--hypervisor-id {uuid} --controller-id ' + SERVER +
    ' --controller-type ctl --reserved --no-controller --active '
    '--class hypervisor --type KVM --image default '
    '--condition out-of-service '
    '--power-state power_off')
_NODE_FILTERS = (
    '--name like:n%% --id gt:0 --title t --description d --dtc 1 --row 1 '
    '--rack 1 --unit 1 --cpus 1 --ram gt:1 --disk 1 --ip-address 10.0.0.1 '
    '--mac-address 02:00:00:00:00:01 --inventory-code c --owner o '
    '--hypervisor-id null --controller-id null --controller-type x '
    '--reserved --no-controller --active --class 1 --type 1 '
    '--image 1 --condition alarm --power-state power_on --power-status on '
    '--created-at gt:2020-01-01T00:00:00 --search x').replace('%%', '%')
_LISTED = {name: 'pages are followed' for name in ('offset', 'marker')} | {
    'fields': 'columns are chosen with -c', 'limit': 'see --limit'}
_HOST = ('--allow-data-loss --max-moves 1 --force --yes')
_DRAIN = ('--allow-evacuate --slow-migration abort ' + _HOST)

OPERATIONS: dict[str, Called] = {
    'health.healthcheck': Called('get_health', (), 'health show'),
    'versions.root': Called('versions', (), 'version list'),
    'versions.v1': Called('get_version', (), 'version show'),
    'openapi.show': Called('get_openapi', (), 'openapi show'),
    'info.show': Called('get_info', (), 'info show'),

    'nodes.list_nodes': Called(
        'nodes', (), f'node list {_NODE_FILTERS} --sort id:desc --limit 5',
        unsent={**_LISTED, **_ALIAS,
                'with_os_object': 'of single nodes only',
                'with_hwinfo': 'of single nodes only'}),
    'nodes.count_nodes': Called(
        'count_nodes', (), f'node count {_NODE_FILTERS}', unsent=_ALIAS),
    'nodes.create_node': Called(
        'create_node', (), f'node create {{new}} {_NODE_FIELDS} '
        '--metadata \'{"cpu_benchmark": "1"}\' --force',
        {'name': '{new2}'}, _BY_SERVICE),
    'nodes.show_node': Called(
        'get_node', ('{node}',), 'node show {node} --hypervisor --hardware',
        unsent=_LISTED),
    'nodes.update_node': Called(
        'update_node', ('{node}',), f'node set {{other}} --name {{new}} '
        f'{_NODE_FIELDS} --metadata \'{{"cpu_benchmark": "1"}}\' --force',
        {'title': 'x'}, _BY_SERVICE),
    'nodes.delete_node': Called(
        'delete_node', ('{old}',), 'node delete {old2} --yes'),
    'nodes.list_controls': Called(
        'node_power_controls', ('{node}',), 'node power control list {node}'),
    'nodes.assign_control': Called(
        'add_node_power_control', ('{node}', '{free}', '1'),
        'node power control add {node} {free2} 1 --default'),
    'nodes.show_control': Called(
        'get_node_power_control', ('{node}', '{control}'),
        'node power control show {node} {control}'),
    'nodes.update_control': Called(
        'update_node_power_control', ('{node}', '{control}'),
        'node power control set {node} {control} --output 1 --default',
        {'port': '1'}),
    'nodes.unassign_control': Called(
        'remove_node_power_control', ('{other}', '{othercontrol}'),
        'node power control remove {third} {thirdcontrol}'),
    'node_reserve.reserve': Called(
        'reserve_node', ('{node}', False), 'node unreserve {node}'),
    'node_import.import_nodes': Called(
        'import_nodes', ('{{"name": "{new}"}}',),
        'node import {file} --dry-run --force', {'dry_run': True}),
    'node_health.show_health': Called(
        'get_node_health', ('{node}',), 'node health show {node}'),

    'node_power.power_on': Called(
        'power_on_node', ('{node}',), 'node power on {other}'),
    'node_power.power_off': Called(
        'power_off_node', ('{third}',), 'node power off {fourth} --yes '
        '--type soft --soft-timeout 5'),
    'node_power.reset': Called(
        'reset_node', ('{fifth}',), 'node power reset {sixth} --yes '
        '--type soft --soft-timeout 5'),
    'node_power.list_actions': Called(
        'node_power_actions', ('{node}',),
        'node power action list {node} --action power-on --id gt:0 '
        '--start-time gt:2020-01-01T00:00:00 --user admin '
        '--power-control gt:0 --result success --task ' + SERVER +
        ' --sort id:desc --limit 1', unsent={**_LISTED, **_ALIAS}),
    'node_power.show_action': Called(
        'get_node_power_action', ('{node}', '{action}'),
        'node power action show {node} {action}'),
    'node_batches.power_on_nodes': Called(
        'power_on_nodes', (['{id}'],), 'node power on {node} {other}'),
    'node_batches.power_off_nodes': Called(
        'power_off_nodes', (['{id}'],), 'node power off {node} {other} --yes '
        '--type soft --soft-timeout 5'),
    'node_batches.reset_nodes': Called(
        'reset_nodes', (['{id}'],), 'node power reset {third} {fourth} --yes '
        '--type soft --soft-timeout 5'),

    'node_controllers.attach': Called(
        'attach_nodes', (SERVER, ['{node}']),
        f'node controller attach {SERVER} {{node}} --dry-run'),
    'node_controllers.detach': Called(
        'detach_nodes', (SERVER, ['{node}']),
        f'node controller detach {SERVER} {{node}} --dry-run'),
    'node_images.assign_image': Called(
        'assign_node_image', ('{node}', 1), 'node image assign {node} 1'),
    'node_storages.add_storages': Called(
        'add_node_storages', ('{node}', ['{storage}']),
        'node storage add {node} {storage}'),
    'node_storages.replace_storages': Called(
        'set_node_storages', ('{node}', ['{storage}']),
        'node storage set {node} {storage}'),
    'node_storages.remove_storage': Called(
        'remove_node_storage', ('{node}', '{storage}'),
        'node storage remove {node} {storage}'),
    'node_modes.set_cpu_mode': Called(
        'set_node_cpu_mode', ('{node}', None),
        'node cpu mode set {node} custom --model Skylake'),
    'node_modes.setup_log_redirection': Called(
        'redirect_node_log', ('{node}', '10.0.0.1'),
        'node log redirection set {node} 10.0.0.1'),
    'node_modes.disable_log_redirection': Called(
        'disable_node_log_redirection', ('{node}',),
        'node log redirection unset {node}'),
    'node_modes.update_system': Called(
        'update_node_system', ('{node}',),
        'node system update {node} --force --yes'),
    'node_targets.discovery_nas': Called(
        'discover_node_nas', ('{node}', '{id}'),
        'node target discover {node} {id}'),
    'node_targets.attach_targets': Called(
        'attach_node_targets', ('{node}', {'10.0.0.1': ['iqn.x']}),
        'node target attach {node} --target 10.0.0.1=iqn.x --vendor v '
        '--product p --dry-run'),
    'node_targets.repair_locks': Called(
        'repair_node_locks', ('{node}',), 'node lock repair {node} --yes'),

    'node_classes.list_classes': Called(
        'node_classes', (), 'node class list --id gt:0 --name like:h% '
        '--sort id --limit 5', unsent=_LISTED),
    'node_classes.count_classes': Called(
        'count_node_classes', (), 'node class count --id gt:0 --name x'),
    'node_classes.create_class': Called(
        'create_node_class', (), 'node class create {new} --type a --type b',
        {'name': '{new2}'}),
    'node_classes.show_class': Called(
        'get_node_class', (1,), 'node class show hypervisor'),
    'node_classes.update_class': Called(
        'update_node_class', ('{class}',), 'node class set {otherclass} '
        '--name {new} --type a', {'name': '{new2}'}),
    'node_classes.delete_class': Called(
        'delete_node_class', ('{oldclass}',),
        'node class delete {oldclass2} --yes'),
    'node_classes.list_types': Called(
        'node_types', (1,), 'node type list hypervisor'),
    'node_classes.create_type': Called(
        'create_node_type', ('{typeclass}',),
        'node type create {typeclass} {new}', {'name': '{new2}'}),
    'node_classes.update_type': Called(
        'update_node_type', ('{typeclass}', '{type}'),
        'node type set {typeclass} {type2} --name {new}',
        {'name': '{new2}'}, {'type_id': 'the path says it'}),
    'node_classes.delete_type': Called(
        'delete_node_type', ('{typeclass}', '{oldtype}'),
        'node type delete {typeclass} {oldtype2} --yes'),

    'node_images.list_images': Called(
        'node_images', (), 'node image list --id gt:0 --name like:d% '
        '--created-at gt:2020-01-01T00:00:00 --sort id --limit 5',
        unsent=_LISTED),
    'node_images.count_images': Called(
        'count_node_images', (), 'node image count --id gt:0 --name x '
        '--created-at gt:2020-01-01T00:00:00', unsent=_LISTED),
    'node_images.create_image': Called(
        'create_node_image', (), 'node image create {new} --file {file}',
        {'image_name': '{new2}', 'file_data': 'x'}),
    'node_images.show_image': Called(
        'get_node_image', (1,), 'node image show default'),
    'node_images.delete_image': Called(
        'delete_node_image', ('{oldimage}',),
        'node image delete {oldimage2} --yes'),

    'availability_storages.list_storages': Called(
        'storages', (), 'storage list --id gt:0 --name x --sort id '
        '--limit 5', unsent={
            **_LISTED, 'availability_storage_id': 'the same as id'}),
    'availability_storages.count_storages': Called(
        'count_storages', (), 'storage count --id gt:0 --name x',
        unsent={'availability_storage_id': 'the same as id'}),
    'availability_storages.create_storage': Called(
        'create_storage', (), 'storage create {new} --compute-path /{new} '
        '--controller-path /{new}', {
            'name': '{new2}', 'compute_path': '/{new2}',
            'controller_path': '/{new2}'}),
    'availability_storages.show_storage': Called(
        'get_storage', ('{storage}',), 'storage show {storage}'),
    'availability_storages.update_storage': Called(
        'update_storage', ('{storage2}',), 'storage set {storage2} --name '
        '{new} --compute-path /{new} --controller-path /{new}',
        {'compute_path': '/{new2}'}),
    'availability_storages.delete_storage': Called(
        'delete_storage', ('{oldstorage}',),
        'storage delete {oldstorage2} --yes'),
    'availability_storages.add_nodes': Called(
        'add_storage_nodes', ('{storage}', ['{id}']),
        'storage node add {storage} {node}'),
    'availability_storages.replace_nodes': Called(
        'set_storage_nodes', ('{storage}', ['{id}']),
        'storage node set {storage} {node}'),
    'availability_storages.remove_node': Called(
        'remove_storage_node', ('{storage}', '{id}'),
        'storage node remove {storage} {node}'),

    'power_controls.list_controls': Called(
        'power_controls', (), 'power control list --id gt:0 --title x '
        '--type FakeDevice --protocol fake --host x --port 1 --failures 0 '
        '--created-at gt:2020-01-01T00:00:00 --sort id --limit 5',
        unsent={**_LISTED, **_ALIAS}),
    'power_controls.count_controls': Called(
        'count_power_controls', (), 'power control count --id gt:0 --title x '
        '--type FakeDevice --protocol fake --host x --port 1 --failures 0 '
        '--created-at gt:2020-01-01T00:00:00', unsent=_ALIAS),
    'power_controls.create_control': Called(
        'create_power_control', (), 'power control create --title {new} '
        '--type SshDevice --protocol ssh --host {new} --port 22 --login root '
        '--options \'{options}\' --password-file {file} '
        '--ssh-key-file {key}', {
            'control_type': 'FakeDevice', 'protocol_type': 'fake',
            'host': '{new2}', 'port_number': 1}),
    'power_controls.show_control': Called(
        'get_power_control', ('{control}',), 'power control show {control}'),
    'power_controls.update_control': Called(
        'update_power_control', ('{control}',), 'power control set {ssh} '
        '--title {new} --type SshDevice --protocol ssh --host {new} '
        '--port 22 --login root --options \'{options}\' '
        '--password-file {file} --ssh-key-file {key}', {'login': None}),
    'power_controls.delete_control': Called(
        'delete_power_control', ('{oldcontrol}',),
        'power control delete {oldcontrol2} --yes'),
    'power_controls.list_types': Called(
        'power_control_types', (), 'power control type list'),
    'power_controls.list_protocols': Called(
        'power_control_protocols', (), 'power control protocol list'),
    'power_controls.list_nodes': Called(
        'power_control_nodes', ('{control}',),
        'power control node list {control}'),
    'power_outputs.power_on': Called(
        'power_on_output', ('{free}', '1'),
        'power control output on {control} 1'),
    'power_outputs.power_off': Called(
        'power_off_output', ('{free}', '1'),
        'power control output off {control} 1 --yes'),
    'power_fleet.show_health': Called(
        'get_fleet_health', (), 'power health show'),
    'power_fleet.list_events': Called(
        'power_events', (), 'power event list --id gt:0 --kind x '
        '--node gt:0 --power-control gt:0 '
        '--created-at gt:2020-01-01T00:00:00 --sort id --limit 5',
        unsent=_LISTED),

    'hosts.shutdown': Called(
        'shutdown_host', ('cmp1',), f'host shutdown cmp1 --allow-off-vm '
        f'{_DRAIN}'),
    'hosts.evacuate': Called(
        'evacuate_host', ('cmp1',), f'host evacuate cmp1 --fenced {_HOST}'),
    'hosts.decommission': Called(
        'decommission_host', ('cmp1',), 'host decommission cmp1 '
        f'--allow-live-migrate --allow-migrate --wait-for-operations '
        f'{_DRAIN}'),
    'hosts.restart': Called(
        'restart_hosts', (['cmp1'],), 'host restart cmp1 cmp2 '
        f'--allow-off-vm --in-sequence --max-unavailable 1 --settle 1 '
        f'--max-failures 1 --return-servers {_DRAIN}'),
    'servers.balance': Called(
        'balance_server', (SERVER,), f'server balance {SERVER}'),
    'servers.recover': Called(
        'recover_server', (SERVER,),
        f'server recover {SERVER} --fenced --allow-data-loss --yes'),
    'servers.repair': Called(
        'repair_server', (SERVER,),
        f'server repair {SERVER} --fenced --allow-data-loss --yes'),
    'servers.reset_reboot': Called(
        'reset_server', (SERVER,), f'server reset {SERVER} --reboot --yes'),
    'servers.wakeup': Called(
        'wake_up_server', (SERVER,), f'server wakeup {SERVER}'),
    'servers.clone': Called(
        'clone_server', (SERVER,),
        f'server clone {SERVER} --count 1 --name x'),
    'system_metadata.show': Called(
        'get_server_system_metadata', (SERVER,),
        f'server system metadata show {SERVER}'),
    'system_metadata.update': Called(
        'set_server_system_metadata', (SERVER, {'a': 'b'}),
        f'server system metadata set {SERVER} --property a=b'),
    'system_metadata.remove': Called(
        'delete_server_system_metadata', (SERVER, 'a'),
        f'server system metadata unset {SERVER} --property a --yes'),

    'tasks.list_tasks': Called(
        'tasks', (), 'task list --name x --status SUCCESS --host x --server '
        + SERVER + ' --node {node} --parent ' + SERVER + ' --id ' + SERVER +
        ' --created-at gt:2020-01-01T00:00:00 '
        '--started-at gt:2020-01-01T00:00:00 '
        '--finished-at gt:2020-01-01T00:00:00 --sort created_at --limit 5',
        unsent={**_LISTED, 'server': 'the same as server_id'}),
    'tasks.show_task': Called('get_task', ('{task}',), 'task show {task}'),
    'tasks.cancel_task': Called(
        'cancel_task', ('{task}',), 'task cancel {task} --running abort'),
    'tasks.undo_task': Called(
        'undo_task', ('{task}',), 'task undo {task} --yes'),

    'aggregates.execute_audit': Called(
        'create_audit', (1,), 'aggregate balance 1 --yes'),
    'aggregates.get_audit_status': Called(
        'get_audit_status', (1, 1), 'audit status 1 1', missing=True),
    'aggregates.apply_audit': Called(
        'apply_audit', (1, 1),
        f'audit apply 1 1 --server {SERVER} --force --yes',
        missing=True),
    'aggregates.backtest': Called(
        'backtest_aggregate', (1,), 'aggregate backtest 1 --hours 2 '
        '--interval 600 --threshold 0.1 --minimum-gain 0.1 '
        '--source-floor 0.1 --max-load 0.8 --max-moves 5'),
    'aggregates.show_policy': Called(
        'get_aggregate_policy', (1,), 'aggregate policy show 1'),
    'aggregates.set_policy': Called(
        'set_aggregate_policy', (1, 'off'), 'aggregate policy set 1 '
        '--mode recommend --cron "0 3 * * *" '
        '--maintenance-window sat,sun/22:00-04:00 '
        '--quiet-hours 12:00-13:00 --threshold 0.1 --minimum-gain 0.1 '
        '--source-floor 0.1 --max-load 0.8 --max-moves 5 '
        '--max-moves-per-day 20',
        unsent={'time_zone': 'there is only one',
                'interval': 'the cron expression stands for it'}),
    'audits.list_audits': Called(
        'audits', (), f'audit list --id 1 --aggregate 1 --status DONE --task '
        f'{SERVER} --apply-task {SERVER} --created-at '
        'gt:2020-01-01T00:00:00 --continuous --sort id --limit 5',
        unsent=_LISTED),
    'audits.show_audit': Called(
        'get_audit', (1,), 'audit show 1', missing=True),

    'volumes.list_volumes': Called(
        'volumes', (), 'volume list --backend x --host x', unsent=_LISTED),
    'volumes.show_volume': Called(
        'get_volume', (SERVER,), f'volume show {SERVER}'),
    'volumes.mirror': Called(
        'mirror_volume', (SERVER, 1), f'volume mirror {SERVER} 1'),
    'volumes.pv_migrate': Called(
        'migrate_volume', (SERVER, '/dev/a'), f'volume migrate {SERVER} '
        '--source /dev/a --destination /dev/b'),
    'volume_backends.list_backends': Called(
        'volume_backends', (), 'volume backend list --backend x --host x '
        '--volume-group x', unsent=_LISTED),

    'domains.get_store.2': Called(
        'get_domain_store', (), 'domain store show'),
    'domains.configure': Called(
        'configure_domain', ('d' * 32,), f'domain configure {"d" * 32} --yes'),
    'domains.totp_allowed': Called(
        'is_totp_allowed', (), 'domain totp show'),
}
for _what, _words in (('snmp', 'snmp'), ('ssh', 'ssh'),
                      ('nodesafe', 'nodesafe'), ('dcc', 'dcc')):
    for _verb in ('enable', 'disable'):
        OPERATIONS[f'node_modes.{_verb}_{_what}'] = Called(
            f'{_verb}_node_{_what}', ('{node}',),
            f'node {_words} {_verb} {{node}}'
            + (' --force' if (_verb, _what) == ('disable', 'ssh') else ''))

#: Verbs of commands that do what is hard to take back.
DANGEROUS = frozenset((
    'delete', 'off', 'reset', 'decommission', 'evacuate', 'shutdown',
    'restart', 'undo', 'repair', 'recover', 'apply', 'update', 'fence'))

#: Operations of the document that are another one under another path.
SAME = {'domains.get_store': 'domains.get_store.2'}
