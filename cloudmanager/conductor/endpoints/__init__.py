# SPDX-License-Identifier: Apache-2.0
"""What conductors answer besides the work of tasks, one module a concern.

All are endpoints of the one RPC server that ``conductor.service`` makes.
"""
