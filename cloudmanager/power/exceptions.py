# SPDX-License-Identifier: Apache-2.0
"""Errors of power devices. None of them contains a secret."""

from cloudmanager.common import exception


class PowerError(exception.Unavailable):
    """As a text it begins with its code.

    Tasks, the log of actions and power controls keep nothing but the text.
    Answers of the API have ``error_code`` and ``message`` apart.
    """

    error_code = 'cloudmanager.power.failed'
    template = '%(device)s failed: %(reason)s'

    def __str__(self) -> str:
        return f'{self.error_code}: {self.message}'


class PowerUnreachable(PowerError):
    error_code = 'cloudmanager.power.unreachable'
    template = '%(device)s cannot be reached.'


class PowerSilent(PowerUnreachable):
    """The device does not answer, though it may be there."""

    error_code = 'cloudmanager.power.timeout'
    template = '%(device)s did not answer in time.'


class PowerUnresolvable(PowerError):
    error_code = 'cloudmanager.power.unresolvable'
    template = 'The host name of %(device)s does not resolve.'


class PowerRefused(PowerError):
    error_code = 'cloudmanager.power.refused'
    template = '%(device)s refused %(request)s: %(reason)s'


class PowerUnchanged(PowerRefused):
    """It took the request and was not as asked for a moment later.

    It may be slow.
    """


class PowerCredentials(PowerError):
    error_code = 'cloudmanager.power.credentials'
    template = '%(device)s does not accept the credentials.'


class PowerBusy(PowerError):
    error_code = 'cloudmanager.power.busy'
    template = '%(device)s is still busy with an earlier request.'


class PowerNoSession(PowerBusy):
    """The device opens no session, for example as too many are open."""

    template = '%(device)s opens no session now: %(reason)s'


class PowerUpdating(PowerBusy):
    error_code = 'cloudmanager.power.updating'
    template = ('%(device)s is updating its firmware and takes no requests '
                'now.')


class PowerInterrupted(PowerError):
    """The process that reset a node ended at that very moment."""

    error_code = 'cloudmanager.power.interrupted'
    template = ('It is not known whether %(device)s was still asked for the '
                'reset when the conductor ended. It was not asked again.')


class PowerFeedSilent(PowerError):
    """A node has several feeds, and the state of one is unknown."""

    error_code = 'cloudmanager.power.feed_silent'
    template = ('Output %(output)s of %(device)s, one of the %(count)d feeds '
                'of the node, cannot be read, so none of them is cut: '
                '%(reason)s')


class PowerUntrusted(PowerError):
    """The device's host key or certificate is not the expected one."""

    error_code = 'cloudmanager.power.untrusted'
    template = '%(device)s did not prove that it is the device: %(reason)s'


class PowerNoOutput(PowerError):
    error_code = 'cloudmanager.power.no_output'
    template = '%(device)s has no output %(output)s.'


class PowerUnclear(PowerError):
    """The device answered, and is neither on nor off."""

    error_code = 'cloudmanager.power.unclear'
    template = ('%(device)s is neither on nor off: its power state is '
                '%(state)s.')


class PowerProtocol(PowerError):
    error_code = 'cloudmanager.power.protocol'
    template = ('%(device)s gave an answer to %(request)s that makes no '
                'sense: %(reason)s')


class PowerStrange(PowerProtocol):
    """The answer is not one of such a device; repeating will not help."""


class PowerUnsupported(PowerError):
    code = 501
    error_code = 'cloudmanager.power.unsupported'
    template = '%(device)s does not support %(request)s.'


class PowerTimeout(PowerError):
    error_code = 'cloudmanager.power.timeout'
    template = ('%(device)s did not confirm %(target)s within %(seconds)d s; '
                'last read: %(last)s.')


#: Another try cannot help before somebody has changed something.
FINAL = (PowerCredentials, PowerUntrusted, PowerNoOutput, PowerUnsupported,
         PowerUnresolvable, PowerStrange)
#: Another try could lock the account.
HARMFUL = (PowerCredentials, PowerUntrusted)
