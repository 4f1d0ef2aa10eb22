"""How many examples a test that starts processes takes of what it generates

A hundredth of the profile's number, times what is asked for: the usual profile has hypothesis' 100. A long
run, twenty times as many: `sh tests/run.sh --hypothesis-profile=long FILE`.
"""

from hypothesis import HealthCheck, settings

USUAL = 100  # examples of the usual profile


def few(number: int) -> settings:
    """Settings for a test of processes, with the fixture that holds their directory kept for all examples."""
    return settings(
        max_examples=number * settings().max_examples // USUAL,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
