"""The runs of caso: under which configuration, over which window, and what must come of it."""
import dataclasses
import datetime
import os
import sys
from collections.abc import Callable

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "seed"))
from life import Life  # noqa: E402
from marks import SECOND, Marks  # noqa: E402

DAY = datetime.timedelta(days=1)
EPOCH = datetime.datetime(1970, 1, 1)


@dataclasses.dataclass
class Site:
    """A configuration with a spool directory of its own, and so with checkpoints of its own."""
    name: str
    named: list
    tag: str
    only: list = dataclasses.field(default_factory=list)   # --projects
    endpoint: str = "/v3"
    credential: dict | None = None
    bound: str | None = None
    checkpoint: datetime.datetime | None = None
    open: set = dataclasses.field(default_factory=set)     # servers that had not ended then


@dataclasses.dataclass
class Run:
    what: str
    site: Site
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None
    before: Callable = lambda: None   # what happens in the cloud before it
    status: int = 0
    complaints: list = dataclasses.field(default_factory=list)   # what the report has to mention


def runs(seed):
    """All runs, in their order."""
    marks = Marks.at(datetime.datetime.fromisoformat(seed["now"]))
    ids, names, tags = seed["projects"], seed["names"], seed["tags"]
    months, first, second = marks.months, marks.first, marks.second
    # alpha comes by tag, by name and by ID, and must be reported once.
    everything = Site("all", [names["alpha"], ids["alpha"], ids["gamma"], names["delta"], ids["elsewhere"]], tags["good"], endpoint="")
    odd = Site("odd", [names["delta"], "no-such-project"], tags["odd"])
    bound = Site("credential", [ids["alpha"]], tags["good"], only=[ids["beta"]], credential=seed["application_credential"], bound=ids["beta"])
    touching = Site("touching", [names["gamma"]], tags["good"], only=[names["alpha"]])
    yield Run("the first run, from the beginning of time", everything, end=first)
    yield Run("an hour later", everything, end=second)
    yield Run("last month again", everything, months[1], months[0])
    yield Run("the first half of last month again, and what follows it", everything, months[1], months[1] + DAY * 14.5)
    yield Run("three months again, up to the middle of this one", everything, months[3], months[0] + (second - months[0]) // 2)
    life = Life(seed["prefix"], ids["beta"])
    yield Run("until now, with servers that were made just now", everything, before=life.begin)
    yield Run("minutes later, with these deleted", everything, before=life.end)
    yield Run("nothing but what cannot be reported, beside delta", odd, end=first, status=1, complaints=[
        "no-such-project", names["no-role"], "openstack role add", names["disabled"],
        names["no-vo"], "openstack project set --property accounting:VO="])
    yield Run("a first run with an application credential, for one project alone", bound, end=months[1] + DAY * 10)
    yield Run("after a gap of weeks", bound)
    for end in sorted({edge + offset for edge in (months[0], first, second) for offset in (-SECOND, 0 * SECOND, SECOND)}):
        yield Run("windows that touch, a second before and after what happens then", touching, end=end)
