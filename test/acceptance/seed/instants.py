"""The times that the seed and the runs share."""
import dataclasses
import datetime

HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)


def month_start(moment, back=0):
    """Returns the first second of a time's month, or of the month `back` months earlier."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - back, 12)
    return datetime.datetime(year, month + 1, 1)


@dataclasses.dataclass(frozen=True)
class Instants:
    """Times in UTC without a zone, in whole seconds.

    The first run ends at `first`, the hourly one at `second`. `now` is when the seed was made; what
    happens between `second` and `now` is in the future of both runs. `months` are the starts of the
    month of `second` and of the months before it.
    """
    now: datetime.datetime
    first: datetime.datetime
    second: datetime.datetime
    months: tuple

    @classmethod
    def at(cls, now):
        second = now.replace(second=0, microsecond=0) - HOUR / 2
        return cls(now, second - HOUR, second, tuple(month_start(second - SECOND, back) for back in range(6)))
