# SPDX-License-Identifier: Apache-2.0
"""What is answered about Keystone's domains."""

from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Boolean
from cloudmanager.api.types.values import Choice


class Store(Resource):
    """Where the configuration of domains is."""

    store = Field(Choice('file', 'database'), nullable=False,
                  description='Where Keystone keeps the configuration of '
                              'domains.')


class TOTPAllowed(Resource):
    """Whether there are one-time passwords."""

    totp_allowed = Field(Boolean(), nullable=False,
                         description='Whether one-time passwords may be '
                                     'sent.')
