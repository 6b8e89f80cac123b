"""A slow, plain model of array and vector unit: one cycle at a time, no DRAM.

The array works off a tile's jobs one after another; a tile takes one of `slots` output slots before its first job and
keeps it until the vector unit is done with the last of its jobs. The vector unit takes finished jobs in their order.
"""

from __future__ import annotations


def engine_with_vector(visits: list[list[tuple[int, int]]], slots: int) -> int:
    """Cycles until both units are done; a visit is a list of jobs (cycles of the array, cycles of the vector unit)."""
    jobs = [(number, array, vector) for number, visit in enumerate(visits) for array, vector in visit]
    left_in_visit = [len(visit) for visit in visits]
    free, cycle, at = slots, 0, 0
    array_left = vector_left = 0
    opened = -1
    finished: list[int] = []  # jobs that wait for the vector unit
    in_vector: int | None = None
    while at < len(jobs) or array_left or finished or in_vector is not None:
        changed = True
        while changed:
            changed = False
            if in_vector is None and finished:
                in_vector = finished.pop(0)
                vector_left = jobs[in_vector][2]
                changed = True
            if in_vector is not None and vector_left == 0:
                visit = jobs[in_vector][0]
                left_in_visit[visit] -= 1
                free += left_in_visit[visit] == 0
                in_vector, changed = None, True
            if not array_left and at < len(jobs) and (jobs[at][0] == opened or free):
                if jobs[at][0] != opened:
                    opened, free = jobs[at][0], free - 1
                array_left = jobs[at][1]
                changed = True
        if not array_left and in_vector is None and at >= len(jobs):
            break
        cycle += 1
        if in_vector is not None:
            vector_left -= 1
        if array_left:
            array_left -= 1
            if not array_left:
                finished.append(at)
                at += 1
    return cycle
