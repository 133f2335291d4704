# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:volume_backends:list'


def list_rules() -> list[policy.RuleDefault]:
    return [base.rule('volume_backends:list', base.READER,
                      'List backends of block storage.',
                      ('GET', '/v1/volume-backends/'))]
