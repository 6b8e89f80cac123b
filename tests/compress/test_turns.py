"""Traces of one thread and training steps of others take turns."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from compress.turns import Turns


def test_a_step_waits_for_the_trace_of_another_thread():
    turns, seen = Turns(), []

    def step():
        with turns.step():
            seen.append("step")

    with ThreadPoolExecutor(1) as pool:
        with turns.trace():
            stepping = pool.submit(step)
            Event().wait(0.05)
            seen.append("traced")
        stepping.result(5)
    assert seen == ["traced", "step"]


def test_a_trace_waits_for_the_steps_of_other_threads_and_for_their_traces():
    turns, seen = Turns(), []

    def trace(name):
        with turns.trace():
            seen.append(name)
            Event().wait(0.02)
            seen.append(name)

    with ThreadPoolExecutor(2) as pool:
        with turns.step():
            tracing = [pool.submit(trace, name) for name in "ab"]
            Event().wait(0.05)
            seen.append("stepped")
        for one in tracing:
            one.result(5)
    assert seen in (["stepped", *"aabb"], ["stepped", *"bbaa"])


def test_a_thread_does_not_wait_for_itself():
    turns = Turns()
    with turns.step(), turns.trace(), turns.trace(), turns.step():
        pass
    with ThreadPoolExecutor(1) as pool:  # and leaves nothing behind
        pool.submit(lambda: turns.trace().__enter__()).result(5)
