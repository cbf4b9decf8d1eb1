"""Every row of bad_days/rows.py; tests/fault/run is how to run them."""

import pytest


def test_a_bad_day_costs_no_more_than_it_may(row, options, directory, note):
    if why := options.cannot(row):
        pytest.skip(why)
    from bad_days.day import BadDay  # needs the generated stubs

    report = BadDay(row, options, directory).run()
    print(report.summary)
    note(report.line())
    assert not report.problems, "\n".join(report.problems)
