"""The days of a test: counted back from today, in a zone in which it is about noon, so that no local midnight passes
while the test runs.

    calendar = Calendar()
    calendar.zone_name          # for the settings *.time_zone
    calendar.at(3, "09:30")     # half past nine, three days ago
    calendar.midnight(-8)       # the beginning of the day in eight days
"""

import datetime

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)


class Calendar:
    def __init__(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        hours_east = 12 - now.hour
        # POSIX counts west of Greenwich as positive.
        self.zone_name = f"Etc/GMT{-hours_east:+d}" if hours_east else "Etc/UTC"
        self.zone = datetime.timezone(datetime.timedelta(hours=hours_east))
        self._today = now.astimezone(self.zone).date()

    def midnight(self, days_ago):
        """The beginning of that local day; a negative number lies in the future."""
        day = self._today - days_ago * DAY
        return datetime.datetime.combine(day, datetime.time(), self.zone)

    def at(self, days_ago, clock):
        """A time of that local day, "HH:MM". Today's are in the past up to 11:59."""
        hours, minutes = clock.split(":")
        return self.midnight(days_ago) + int(hours) * HOUR + int(minutes) * MINUTE

    def date(self, days_ago):
        """YYYY-MM-DD."""
        return self.midnight(days_ago).date().isoformat()

    def day_of(self, time):
        """The local date of a time."""
        return time.astimezone(self.zone).date()

    def start_of(self, date):
        """The beginning of a local date."""
        return datetime.datetime.combine(date, datetime.time(), self.zone)
