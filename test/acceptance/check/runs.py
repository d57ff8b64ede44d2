"""The runs of caso, with configuration, window and expected result."""
import dataclasses
import datetime
import os
import sys
from collections.abc import Callable

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "seed"))
from life import Life  # noqa: E402
from instants import SECOND, Instants  # noqa: E402

DAY = datetime.timedelta(days=1)
EPOCH = datetime.datetime(1970, 1, 1)


@dataclasses.dataclass
class Site:
    """A configuration with its own spool directory, and so its own checkpoints."""
    name: str
    named: list
    tag: str
    only: list = dataclasses.field(default_factory=list)   # --projects
    endpoint: str = "/v3"
    credential: dict | None = None
    bound: str | None = None
    checkpoint: datetime.datetime | None = None
    open: set = dataclasses.field(default_factory=set)     # servers that had not ended at the checkpoint


@dataclasses.dataclass
class Run:
    what: str
    site: Site
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None
    before: Callable = lambda: None   # changes the cloud before the run
    status: int = 0
    mentions: list = dataclasses.field(default_factory=list)   # texts that the report must contain


def runs(seed):
    """Yields all runs in order."""
    instants = Instants.at(datetime.datetime.fromisoformat(seed["now"]))
    ids, names, tags = seed["projects"], seed["names"], seed["tags"]
    months, first, second = instants.months, instants.first, instants.second
    # alpha is listed by tag, by name and by ID, and must be reported once.
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
    yield Run("projects that cannot be reported, and delta", odd, end=first, status=1, mentions=[
        "no-such-project", names["no-role"], "openstack role add", names["disabled"],
        names["no-vo"], "openstack project set --property accounting:VO="])
    yield Run("a first run with an application credential, for one project alone", bound, end=months[1] + DAY * 10)
    yield Run("after a gap of weeks", bound)
    for end in sorted({edge + offset for edge in (months[0], first, second) for offset in (-SECOND, 0 * SECOND, SECOND)}):
        yield Run("windows that touch, a second before and after what happens then", touching, end=end)
