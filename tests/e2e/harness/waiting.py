"""Waiting for conditions. Tests do not sleep for a guessed time; that something must not happen is shown by quiesce."""

import time


def wait_until(condition, what, timeout_s=30.0, poll_s=0.02):
    """Calls condition() until it returns something true, and returns that; AssertionError after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout_s:g} s for {what}")
        time.sleep(poll_s)
