# SPDX-License-Identifier: Apache-2.0
"""How compute hosts are judged and taken out of use."""
