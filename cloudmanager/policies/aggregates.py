# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

EXECUTE_AUDIT = 'cloudmanager:aggregates:execute_audit'
APPLY_AUDIT = 'cloudmanager:aggregates:apply_audit'
GET_AUDIT_STATUS = 'cloudmanager:aggregates:get_audit_status'
LIST_AUDITS = 'cloudmanager:audits:list'
GET_AUDIT = 'cloudmanager:audits:get'
GET_POLICY = 'cloudmanager:aggregates:get_policy'
SET_POLICY = 'cloudmanager:aggregates:set_policy'
BACKTEST = 'cloudmanager:aggregates:backtest'

_ONE = '/v1/aggregates/{aggregate_id}'
_PATH = f'{_ONE}/actions'


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
        base.rule('aggregates:get_policy', base.READER,
                  'Show when a host aggregate is audited by itself.',
                  ('GET', f'{_ONE}/policy')),
        base.rule('aggregates:set_policy', base.ADMIN,
                  'Set when a host aggregate is audited by itself, and '
                  'whether its servers are moved.',
                  ('PUT', f'{_ONE}/policy')),
        base.rule('aggregates:backtest', base.READER,
                  'Try limits of audits on loads that were measured before.',
                  ('POST', f'{_PATH}/backtest')),
        base.rule('audits:list', base.READER, 'List audits.',
                  ('GET', '/v1/audits/')),
        base.rule('audits:get', base.READER,
                  'Show an audit with its moves.',
                  ('GET', '/v1/audits/{audit_id}')),
    ]
