# SPDX-License-Identifier: Apache-2.0
"""How single servers are fixed, evacuated and balanced."""
