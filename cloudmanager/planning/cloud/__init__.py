# SPDX-License-Identifier: Apache-2.0
"""The picture of the cloud that plans are made from."""
