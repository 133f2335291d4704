# SPDX-License-Identifier: Apache-2.0
"""Pure planning: a model of the cloud, drain and evacuation plans, order."""
