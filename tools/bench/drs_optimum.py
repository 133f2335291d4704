# SPDX-License-Identifier: Apache-2.0
"""How few moves can balance an aggregate; groups and prices are left out."""

import collections
import math

from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import settings

RESOURCES = (model.VCPU, model.MEMORY_MB)
#: Deviations at which the square of a load is bounded from the beginning.
TANGENTS = (-0.2, -0.1, -0.05, -0.025, 0.025, 0.05, 0.1, 0.2)
ROUNDS = 50
#: How exact the bound is; below it the search for a higher one ends.
EXACT = 1.002

Kind = tuple[tuple[str, int], ...]


def _present(cloud: model.Cloud) -> collections.Counter[tuple[Kind, str]]:
    """Servers of one size on one host."""
    return collections.Counter(
        (tuple(server.resources.items()), server.host)
        for server in cloud.servers.values())


def bound(cloud: model.Cloud, limits: settings.Settings) -> int:
    """The number of moves that are needed at least.

    Parts of servers may be moved, and the squares of the loads are bounded by
    tangents from below. So each solution of this linear program needs fewer
    moves than any real one; tangents are added until that hardly changes.
    """
    solver = pywraplp.Solver.CreateSolver('GLOP')
    present, hosts = _present(cloud), sorted(cloud.hosts)
    kinds = sorted({kind for kind, _ in present})
    gone = {(kind, host): solver.NumVar(0, present[kind, host], '')
            for kind in kinds for host in hosts}
    come = {key: solver.NumVar(0, solver.infinity(), '') for key in gone}
    for kind in kinds:
        solver.Add(sum(gone[kind, host] for host in hosts)
                   == sum(come[kind, host] for host in hosts))
    above, squares = {}, {}
    for name in RESOURCES:
        loads = []
        for host in hosts:
            capacity = cloud.hosts[host].inventory[name].capacity
            load = solver.NumVar(0, limits.max_load, '')
            loads.append(load)
            solver.Add(
                load == cloud.hosts[host].used.get(name, 0) / capacity + sum(
                    dict(kind)[name] / capacity
                    * (come[kind, host] - gone[kind, host])
                    for kind in kinds))
        mean = solver.NumVar(0, 1, '')
        solver.Add(mean * len(hosts) == sum(loads))
        for host, load in zip(hosts, loads, strict=True):
            above[name, host] = load - mean
            squares[name, host] = solver.NumVar(0, 1, '')
            for value in TANGENTS:
                solver.Add(squares[name, host] >= 2 * value * (
                    load - mean) - value * value)
        solver.Add(sum(squares[name, host] for host in hosts)
                   <= len(hosts) * limits.threshold ** 2)
    solver.Minimize(sum(gone.values()))
    found = 0.0
    for _ in range(ROUNDS):
        if solver.Solve() != pywraplp.Solver.OPTIMAL:
            break
        found = solver.Objective().Value()
        values = {key: load.solution_value() for key, load in above.items()}
        worst = max(sum(values[name, host] ** 2 for host in hosts)
                    for name in RESOURCES)
        if worst < EXACT * len(hosts) * limits.threshold ** 2:
            break
        # All values are read before the program changes.
        for key, value in values.items():
            solver.Add(squares[key] >= 2 * value * above[key]
                       - value * value)
    return math.ceil(found - 1e-6)


def optimum(cloud: model.Cloud, limits: settings.Settings, seconds: float,
            moves: list[tuple[str, str]], least: int) -> tuple[int, int]:
    """The fewest moves that were found, and that are needed at least.

    It begins with the moves that are given, and looks for fewer. Servers of
    one size are the same to it, and groups are none of its business, so the
    true optimum is not below it.

    :param moves: server and target of each, from which it begins
    :param least: moves that are known to be needed
    """
    scale = 10000
    hosts = sorted(cloud.hosts)
    present = collections.Counter(
        (tuple(server.resources.items()), server.host)
        for server in cloud.servers.values())
    kinds = sorted({kind for kind, _ in present})
    problem = cp_model.CpModel()
    on = {(kind, host): problem.new_int_var(
        0, sum(present[kind, one] for one in hosts), f'{kind}{host}')
        for kind in kinds for host in hosts}
    goal = present.copy()
    for key, host in moves:
        server = cloud.servers[key]
        kind = tuple(server.resources.items())
        goal[kind, server.host] -= 1
        goal[kind, host] += 1
    for key, variable in on.items():
        problem.add_hint(variable, goal[key])
    gone = []
    for kind in kinds:
        problem.add(sum(on[kind, host] for host in hosts) == sum(
            present[kind, host] for host in hosts))
        for host in hosts:
            left = problem.new_int_var(0, present[kind, host], '')
            problem.add(left >= present[kind, host] - on[kind, host])
            gone.append(left)
    for name in RESOURCES:
        values = []
        for host in hosts:
            capacity = cloud.hosts[host].inventory[name].capacity
            value = problem.new_int_var(
                0, int(limits.max_load * scale), '')
            problem.add(value == sum(
                round(scale * dict(kind)[name] / capacity) * on[kind, host]
                for kind in kinds))
            values.append(value)
        squares = []
        for value in [*values, sum(values)]:
            square = problem.new_int_var(0, (len(hosts) * scale) ** 2, '')
            copy = problem.new_int_var(0, len(hosts) * scale, '')
            problem.add(copy == value)
            problem.add_multiplication_equality(square, [copy, copy])
            squares.append(square)
        problem.add(len(hosts) * sum(squares[:-1]) - squares[-1] <= int(
            (limits.threshold * scale * len(hosts)) ** 2))
    problem.add(sum(gone) >= least)
    problem.minimize(sum(gone))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    solver.solve(problem)
    return round(solver.objective_value), round(
        solver.best_objective_bound)
