# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:tasks:list'
GET = 'cloudmanager:tasks:get'
TRACEBACK = 'cloudmanager:tasks:traceback'
CANCEL = 'cloudmanager:tasks:cancel'
UNDO = 'cloudmanager:tasks:undo'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('tasks:list', base.READER, 'List tasks.',
                  ('GET', '/v1/tasks/')),
        base.rule('tasks:get', base.READER, 'Show a task.',
                  ('GET', '/v1/tasks/{task_id}')),
        base.rule('tasks:traceback', base.ADMIN,
                  'See the traceback of a failed task.',
                  ('GET', '/v1/tasks/{task_id}')),
        base.rule('tasks:cancel', base.ADMIN, 'Cancel a task.',
                  ('POST', '/v1/tasks/{task_id}/actions/cancel')),
        base.rule('tasks:undo', base.ADMIN,
                  'Bring back the servers that a task has moved.',
                  ('POST', '/v1/tasks/{task_id}/actions/undo')),
    ]
