# SPDX-License-Identifier: Apache-2.0
"""Query strings: how they are read, and the same in words of JSON schema."""
