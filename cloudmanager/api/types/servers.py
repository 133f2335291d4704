# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions on servers."""

from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field

MAX_CLONES = 100

RESET_REBOOT = fields.Resource('', '', (
    Field('reboot', fields.BOOLEAN, create=True, nullable=False,
          description='Reboot it hard as well; false by default.'),))
CLONE = fields.Resource('', '', (
    Field('count', fields.INTEGER, create=True, nullable=False,
          schema={'minimum': 1, 'maximum': MAX_CLONES},
          description='How many clones to make; 1 by default.'),))
