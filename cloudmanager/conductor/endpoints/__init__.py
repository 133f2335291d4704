# SPDX-License-Identifier: Apache-2.0
"""The RPC methods of conductors that are not about tasks, by subject.

All are endpoints of the one RPC server that ``conductor.service`` starts.
"""
