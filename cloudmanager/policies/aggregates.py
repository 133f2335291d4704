# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

EXECUTE_AUDIT = 'cloudmanager:aggregates:execute_audit'
APPLY_AUDIT = 'cloudmanager:aggregates:apply_audit'
GET_AUDIT_STATUS = 'cloudmanager:aggregates:get_audit_status'
LIST_AUDITS = 'cloudmanager:audits:list'
GET_AUDIT = 'cloudmanager:audits:get'

_PATH = '/v1/aggregates/{aggregate_id}/actions'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('aggregates:execute_audit', base.ADMIN,
                  'Audit the load of a host aggregate.',
                  ('POST', f'{_PATH}/execute-audit')),
        base.rule('aggregates:apply_audit', base.ADMIN,
                  'Carry out the moves of an audit.',
                  ('POST', f'{_PATH}/apply-audit')),
        base.rule('aggregates:get_audit_status', base.READER,
                  'Show how far an audit is.',
                  ('POST', f'{_PATH}/get-audit-status')),
        base.rule('audits:list', base.READER, 'List audits.',
                  ('GET', '/v1/audits/')),
        base.rule('audits:get', base.READER,
                  'Show an audit with its moves.',
                  ('GET', '/v1/audits/{audit_id}')),
    ]
