# SPDX-License-Identifier: Apache-2.0
"""Plans as the service answers them."""

from typing import Any


def entry(name: str, **more: Any) -> dict[str, Any]:
    """Return a server of a plan that can leave."""
    return {'id': f'id-of-{name}', 'name': name, 'host': 'cmp1',
            'status': 'ACTIVE', 'action': 'live-migrate',
            'destination': 'cmp2', 'fits': True, 'reason': 'it fits',
            'priority': 5, 'size_mb': 512, 'ladder': ['live-migrate'],
            'blockers': [], 'warnings': [], 'group_id': None, 'force': False,
            'reset_state': '', 'locked': False, 'loses': [], 'disks': [],
            'storage': [], 'slow': '', **more}


BLOCKED = entry(
    'web2', status='SHUTOFF', action='blocked', destination=None, fits=False,
    ladder=[], loses=['uptime'], blockers=[{
        'code': 'off-vm-not-allowed', 'text': 'It is stopped.'}])
SHUTDOWN: dict[str, Any] = {
    'host': 'cmp1', 'hosts': ['cmp1'], 'action': 'shutdown',
    'feasible': False, 'servers': [entry('web1'), BLOCKED],
    'blockers': [{'code': 'open-migration', 'text': 'web9 was resized.',
                  'servers': ['id-of-web9']}],
    'warnings': [{'code': 'full', 'text': 'cmp2 is filled above 90 %.'}],
    'targets': [{'host': 'cmp2', 'before': {'MEMORY_MB': 0.5},
                 'after': {'MEMORY_MB': 0.95}, 'servers': 1}]}
EMPTY: dict[str, Any] = {
    'host': 'cmp1', 'hosts': ['cmp1'], 'action': 'shutdown',
    'feasible': True, 'servers': [entry('web1')], 'blockers': [],
    'warnings': [], 'targets': []}
RESTART: dict[str, Any] = {
    'action': 'restart', 'hosts': ['cmp1', 'cmp2'], 'feasible': False,
    'waves': [{'hosts': ['cmp1'], 'plan': EMPTY}],
    'blocked': [{'host': 'cmp3', 'plan': SHUTDOWN}], 'left': ['cmp4'],
    'moves': 1, 'returned': ['id-of-web1'], 'moved_again': ['id-of-web1'],
    'out_of_use': {'cmp5': 'it is disabled'}}


UNDO: dict[str, Any] = {
    'task_id': '37e8fdf3-8d1b-4c12-ad58-d9e5a8a897a8',
    'moves': [{'server_id': 'id-of-web1', 'name': 'web1', 'source': 'cmp2',
               'destination': 'cmp1', 'action': 'live-migrate', 'stage': 0}],
    'left': [{'server_id': 'id-of-web2', 'name': 'web2',
              'reason': 'it was deleted'}]}
MIRROR: dict[str, Any] = {
    'host': 'cmp1', 'vg_name': 'cinder-volumes', 'lv_name': 'volume-1',
    'size': '1.00g', 'command': ['lvconvert', '--mirrors', '1',
                                 'cinder-volumes/volume-1'],
    'copies': 2, 'copies_before': 1}


def task(status: str, items: list[dict[str, Any]] | None = None,
         **more: Any) -> dict[str, Any]:
    """Return a task of a shutdown."""
    return {'id': '37e8fdf3-8d1b-4c12-ad58-d9e5a8a897a8',
            'name': 'host.shutdown', 'status': status, 'host': 'cmp1',
            'server_id': None, 'parent_id': None, 'params': {},
            'result': None, 'cancel': None, 'user_id': 'u',
            'user_name': 'admin', 'request_id': 'req-1',
            'created_at': '2026-11-01T00:00:00', 'started_at': None,
            'finished_at': None, 'traceback': None,
            'progress': {'total': len(items or ()), 'done': 0, 'failed': 0,
                         'running': 0},
            'items': items or [], **more}


def item(name: str, state: str, **more: Any) -> dict[str, Any]:
    """Return an item of a task."""
    return {'id': f'id-of-{name}', 'kind': 'server', 'name': name,
            'state': state, 'action': 'live-migrate', 'source': 'cmp1',
            'destination': 'cmp2', 'priority': 5, 'attempts': 1,
            'error': None, 'created_at': '2026-11-01T00:00:00',
            'updated_at': None, **more}
