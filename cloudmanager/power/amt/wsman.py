# SPDX-License-Identifier: Apache-2.0
"""The few messages of WS-Management that power needs of Intel AMT.

Sources: DMTF DSP0226 (WS-Management) and DSP0227 (its CIM binding), DMTF
DSP1027 (power states and the values that ``RequestPowerStateChange``
returns), and the implementation guide of Intel AMT (names of the instances,
states that it takes).
"""

from collections.abc import Mapping
import uuid
from xml.sax import saxutils

from lxml import etree

CIM = 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/'
_TRANSFER = 'http://schemas.xmlsoap.org/ws/2004/09/transfer/'
_ANONYMOUS = ('http://schemas.xmlsoap.org/ws/2004/08/addressing/role/'
              'anonymous')
_SOAP = 'http://www.w3.org/2003/05/soap-envelope'

ASSOCIATION = f'{CIM}CIM_AssociatedPowerManagementService'
_SERVICE = f'{CIM}CIM_PowerManagementService'
_BOOT_CONFIG = f'{CIM}CIM_BootConfigSetting'
_BOOT_SERVICE = f'{CIM}CIM_BootService'

_CONFIGURATION = {'InstanceID': 'Intel(r) AMT: Boot Configuration 0'}
# Role of a boot configuration: for the next boot only.
_NEXT_SINGLE_USE = 1

_ENVELOPE = '''\
<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd">
<s:Header>
<a:Action s:mustUnderstand="true">%(action)s</a:Action>
<a:To s:mustUnderstand="true">/wsman</a:To>
<w:ResourceURI s:mustUnderstand="true">%(resource)s</w:ResourceURI>
<a:MessageID s:mustUnderstand="true">uuid:%(id)s</a:MessageID>
<a:ReplyTo><a:Address>%(anonymous)s</a:Address></a:ReplyTo>
%(selectors)s</s:Header>
<s:Body>%(body)s</s:Body>
</s:Envelope>
'''


class Malformed(ValueError):
    """The message does not answer the request; the text says why."""


class Fault(Exception):
    """The device answered with a fault.

    :ivar code: its subcode without prefix, such as ``AccessDenied``
    :ivar reason: its text
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


def _selectors(values: Mapping[str, str]) -> str:
    if not values:
        return ''
    each = ''.join(f'<w:Selector Name={saxutils.quoteattr(name)}>'
                   f'{saxutils.escape(value)}</w:Selector>'
                   for name, value in values.items())
    return f'<w:SelectorSet>{each}</w:SelectorSet>'


def _envelope(action: str, resource: str, selectors: Mapping[str, str],
              body: str = '') -> bytes:
    return (_ENVELOPE % {
        'action': action, 'resource': resource, 'id': uuid.uuid4(),
        'anonymous': _ANONYMOUS, 'selectors': _selectors(selectors),
        'body': body}).encode()


def _invoke(resource: str, selectors: Mapping[str, str], method: str,
            *arguments: str) -> bytes:
    return _envelope(
        f'{resource}/{method}', resource, selectors,
        f'<p:{method}_INPUT xmlns:p="{resource}">{"".join(arguments)}'
        f'</p:{method}_INPUT>')


def _reference(name: str, resource: str,
               selectors: Mapping[str, str]) -> str:
    return (f'<p:{name}><a:Address>{_ANONYMOUS}</a:Address>'
            f'<a:ReferenceParameters><w:ResourceURI>{resource}'
            f'</w:ResourceURI>{_selectors(selectors)}'
            f'</a:ReferenceParameters></p:{name}>')


def get_power() -> bytes:
    """Return the question for the power state."""
    return _envelope(f'{_TRANSFER}Get', ASSOCIATION, {})


def change_power(state: int) -> bytes:
    """Return the request for a power state, by its number in DSP1027."""
    return _invoke(
        _SERVICE, {'Name': 'Intel(r) AMT Power Management Service'},
        'RequestPowerStateChange', f'<p:PowerState>{state}</p:PowerState>',
        _reference('ManagedElement', f'{CIM}CIM_ComputerSystem',
                   {'CreationClassName': 'CIM_ComputerSystem',
                    'Name': 'ManagedSystem'}))


def change_boot_order(source: str) -> bytes:
    """Return the request for a boot source, by the name of its instance."""
    return _invoke(
        _BOOT_CONFIG, _CONFIGURATION, 'ChangeBootOrder',
        _reference('Source', f'{CIM}CIM_BootSourceSetting',
                   {'InstanceID': source}))


def use_boot_order_once() -> bytes:
    """Return the request to use the boot order for the next boot."""
    return _invoke(
        _BOOT_SERVICE, {'Name': 'Intel(r) AMT Boot Service'},
        'SetBootConfigRole',
        _reference('BootConfigSetting', _BOOT_CONFIG, _CONFIGURATION),
        f'<p:Role>{_NEXT_SINGLE_USE}</p:Role>')


def _content(answer: bytes) -> etree._Element:
    """Return what the body of an answer holds.

    Nothing is fetched and no entity is expanded.

    :raises Fault: it is a fault
    :raises Malformed: it is no SOAP message with one thing in its body
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True,
                             load_dtd=False, huge_tree=False,
                             remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(answer, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Malformed('no well-formed XML') from None
    if root is None or root.getroottree().docinfo.doctype:
        raise Malformed('a document type declaration')
    body = root.find(f'{{{_SOAP}}}Body')
    if root.tag != f'{{{_SOAP}}}Envelope' or body is None or len(body) != 1:
        raise Malformed('no SOAP message')
    fault = body.find(f'{{{_SOAP}}}Fault')
    if fault is not None:
        raise Fault(*_fault_texts(fault))
    return body[0]


def _fault_texts(fault: etree._Element) -> tuple[str, str]:
    codes = [found.text or '' for found in fault.iter(f'{{{_SOAP}}}Value')]
    reason = fault.findtext(f'.//{{{_SOAP}}}Text')
    # The last one is the most exact one.
    code = codes[-1].strip().rpartition(':')[2] if codes else ''
    return code, (reason or code).strip()


def _numbers(element: etree._Element, tag: str) -> list[int]:
    """Return the numbers that the elements of a name hold."""
    found = [(each.text or '').strip() for each in element.findall(tag)]
    if not all(text.isascii() and text.isdigit() and len(text) < 6
               for text in found):
        raise Malformed(f'{etree.QName(tag).localname} is no number')
    return [int(text) for text in found]


def power(answer: bytes) -> tuple[int, list[int]]:
    """Return the power state, and the states that may be asked for.

    The latter are an empty list with versions that do not tell them.

    :raises Fault: the device answered with a fault
    :raises Malformed: it is no answer to ``get_power``
    """
    found = _content(answer)
    name = f'{{{ASSOCIATION}}}CIM_AssociatedPowerManagementService'
    if found.tag != name:
        raise Malformed('an answer to something else')
    state = _numbers(found, f'{{{ASSOCIATION}}}PowerState')
    if len(state) != 1:
        raise Malformed(f'{len(state)} power states')
    return state[0], _numbers(
        found, f'{{{ASSOCIATION}}}AvailableRequestedPowerStates')


def return_value(answer: bytes) -> int:
    """Return the value that a method returned; 0 is success.

    :raises Fault: the device answered with a fault
    :raises Malformed: it is no answer to a method
    """
    found = _content(answer)
    name = etree.QName(found)
    values = _numbers(found, f'{{{name.namespace}}}ReturnValue')
    if not name.localname.endswith('_OUTPUT') or len(values) != 1:
        raise Malformed('no value was returned')
    return values[0]
