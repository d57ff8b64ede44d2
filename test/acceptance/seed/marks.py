"""The moments in time that the seed and the runs have in common."""
import dataclasses
import datetime

HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)


def month_start(moment, back=0):
    """The first second of the moment's month, or of one before it."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - back, 12)
    return datetime.datetime(year, month + 1, 1)


@dataclasses.dataclass(frozen=True)
class Marks:
    """All UTC, without a zone, whole seconds.

    The first run ends at `first`, the hourly one at `second`; what is between that and `now`, when the seed was
    made, is the future for both. `months` are the starts of the month of `second` and of those before it.
    """
    now: datetime.datetime
    first: datetime.datetime
    second: datetime.datetime
    months: tuple

    @classmethod
    def at(cls, now):
        second = now.replace(second=0, microsecond=0) - HOUR / 2
        return cls(now, second - HOUR, second, tuple(month_start(second - SECOND, back) for back in range(6)))
