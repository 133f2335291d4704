# SPDX-License-Identifier: Apache-2.0
"""A long run of disturbances of all kinds, against a real OpenStack."""
