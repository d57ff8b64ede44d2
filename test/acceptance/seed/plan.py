"""The contents of the seeded cloud: at least one of everything that an accounting record can get wrong.

Every seed has the same servers; names, ages, sizes and owners differ.
"""
import dataclasses
import datetime
import random

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
SECOND = datetime.timedelta(seconds=1)
MINUTE = datetime.timedelta(minutes=1)

# nova accepts the basic multilingual plane without control characters, and no blank at either end.
ODD_NAMES = [
    "naïve-café-{}", "服务器-{} ☃", "服务器", "100%: done; key: value {}", "%%", "a%%%b{}", "quote ' \" back\\nslash <{}> & {{json}}",
    "SiteName: forged-{}", "two  blanks {}", "Ωμέγα №{}", "tab-less {} ;#", "null", "None", "é" * 10 + "%%" * 100 + "x{}" * 8,
    "long-{}-" + "%" * 240, "=cmd|' /C {}'!A0",
]
USER_NAMES = ["alice", "josé", "Łukasz", "李雷", "o'neil", "a b", "user@example.org", "50%% off", "key: value", "Ünal"]


@dataclasses.dataclass
class Server:
    """A server: what the API is asked for, and the past that is then written for it."""
    name: str
    project: str = "alpha"
    user: str = ""
    flavor: str = ""
    image: str | None = "plain"
    actions: tuple = ()
    born: datetime.datetime | None = None
    ended: datetime.datetime | None = None      # deleted, or deleted softly
    changed: datetime.datetime | None = None    # updated_at, unless shortly after the above
    columns: dict = dataclasses.field(default_factory=dict)
    forget_actions: bool = False
    boot_volume: bool = False
    floating: int = 0
    fate: str = ""                              # its vm_state, set while seeding
    id: str = ""


class Plan:
    def __init__(self, seed, instants):
        self.random = random.Random(f"caso acceptance {seed}")
        self.instants = instants
        self.servers = []
        self.users = self.random.sample(USER_NAMES, 5) + ["ghost"]   # ghost is deleted at the end
        self.flavors = self._flavors()
        self.common = ["small", "medium", "ephemeral", "decimal", "no-benchmark"]
        self._states()
        self._ends()
        self._edges()
        self._resources()
        self._names()
        self._projects()

    def _flavors(self):
        r = self.random

        def size():
            return {"vcpus": r.randint(1, 12), "ram": r.choice([256, 512, 1024, 3000, 4096]), "disk": r.randint(1, 40)}

        def bench(kind="HEPscore23", value=None):
            return {"accounting:benchmark_type": kind, "accounting:benchmark_value": value or f"{r.uniform(1, 99):.2f}"}
        return {
            "small": {**size(), "specs": bench()},
            "medium": {**size(), "specs": bench("hepspec06")},
            "ephemeral": {**size(), "ephemeral": r.randint(1, 40), "swap": 512, "specs": bench()},
            "decimal": {**size(), "specs": bench(value="12.3456")},
            "no-benchmark": {**size(), "specs": {}},
            "half-benchmark": {**size(), "specs": {"accounting:benchmark_type": "HEPscore23"}},
            "bad-benchmark": {**size(), "specs": bench(value="eleven")},
            "diskless": {**size(), "disk": 0, "specs": bench()},
            "private": {**size(), "private": True, "specs": bench()},
            "gone": {**size(), "ephemeral": 3, "specs": bench()},
            "bigger": {"vcpus": 13, "ram": 5000, "disk": 41, "specs": bench()},
            "impossible": {**size(), "vcpus": 9000, "ram": 9000000, "specs": bench()},
        }

    def add(self, name, **more):
        more.setdefault("user", self.random.choice(self.users[:-1]))
        more.setdefault("flavor", self.random.choice(self.common))
        more.setdefault("born", self.ago(3, 500))
        server = Server(name=name, **more)
        self.servers.append(server)
        return server

    def ago(self, least, most):
        """Returns a time some days before the end of the first run."""
        return self.instants.first - datetime.timedelta(seconds=self.random.randint(int(least * 86400), int(most * 86400)))

    def between(self, a, b):
        return a + datetime.timedelta(seconds=self.random.randint(1, max(1, int((b - a).total_seconds()) - 1)))

    def _states(self):
        """A server in every state, with a last change at some time in its life."""
        instants = self.instants
        ways = {
            "stopped": ("stop",), "paused": ("pause",), "suspended": ("suspend",), "shelved": ("shelve",),
            "offloaded": ("shelve", "offload"), "rescued": ("rescue",), "verify-resize": ("resize",),
            "resized": ("resize", "confirm"), "reverted": ("resize", "revert"), "rebuilt": ("rebuild",),
            "rebooted": ("reboot",), "error": ("break",), "restored": ("soft-delete", "restore"),
        }
        for name, actions in ways.items():
            born = self.ago(40, 300)
            self.add(name, actions=actions, born=born, changed=self.between(born, instants.first))
        # Stopped long ago, within the hour, at a month end, one second later, and after all runs.
        for name, changed in {"ages": instants.months[3], "hour": self.between(instants.first, instants.second),
                              "last-second": instants.months[0] - SECOND, "first-second": instants.months[0],
                              "later": self.between(instants.second, instants.now)}.items():
            self.add(f"stopped-{name}", actions=("stop",), born=instants.months[3] - 20 * DAY, changed=changed)
        self.add("suspended-month", actions=("suspend",), born=instants.months[2], changed=instants.months[1] + 10 * DAY)
        self.add("active-oldest", born=self.ago(1000, 2500))
        for number in range(self.random.randint(2, 5)):
            self.add(f"active-{number}")
        self.add("never-scheduled", flavor="impossible", born=self.ago(1, 20))
        self.add("never-scheduled-hour", flavor="impossible", born=self.between(instants.first, instants.second))
        self.add("never-scheduled-deleted", flavor="impossible", actions=("delete",), born=self.ago(2, 3), ended=self.ago(0, 1))
        self.add("deleted-in-build", actions=("delete",), born=self.ago(2, 30), ended=self.ago(0, 1), columns={"launched_at": None})
        self.add("stuck-in-build", born=self.ago(0, 2), changed=instants.first - DAY, columns={
            "vm_state": "building", "task_state": "spawning", "launched_at": None, "power_state": 0, "host": "lost", "node": "lost"})
        self.add("stuck-deleting", born=self.ago(10, 30), columns={"task_state": "deleting", "host": "lost", "node": "lost"})
        self.add("stuck-deleting-terminated", born=self.ago(10, 30), columns={
            "task_state": "deleting", "host": "lost", "node": "lost", "terminated_at": self.between(instants.first, instants.second)})

    def _ends(self):
        """Servers that ended before, in and after the windows."""
        instants = self.instants
        hour = (instants.first, instants.second)
        for name, born, ended in [
            ("long-before", self.ago(200, 300), self.ago(100, 150)),
            ("before", self.ago(20, 40), self.ago(0, 10)),
            ("in-the-hour", self.ago(1, 40), self.between(*hour)),
            ("after", self.ago(1, 40), self.between(instants.second, instants.now)),
            ("short", instants.first + MINUTE, instants.first + MINUTE + 40 * SECOND),
            ("over-month", instants.months[0] - 5 * DAY, self.between(instants.months[0], instants.second)),
            ("over-two-months", self.between(instants.months[3], instants.months[2]), self.between(instants.months[1], instants.months[0])),
            ("within-last-month", instants.months[1] + 2 * DAY, instants.months[1] + 9 * DAY),
        ]:
            self.add(f"deleted-{name}", actions=("delete",), born=born, ended=ended)
        # Without terminated_at, the start of the deletion counts, not the last change.
        no_end = {"terminated_at": None}
        self.add("endless", actions=("delete",), ended=self.between(instants.months[1], instants.months[0]), born=self.ago(70, 90), columns=no_end)
        self.add("endless-at-the-checkpoint", actions=("delete",), ended=instants.first - 60 * SECOND, changed=instants.first + 240 * SECOND,
                 born=self.ago(2, 30), columns=no_end)
        self.add("endless-no-actions", actions=("delete",), ended=self.ago(0, 1), born=self.ago(5, 30), columns=no_end, forget_actions=True)
        self.add("soft-deleted", actions=("soft-delete",), ended=self.between(*hour), born=self.ago(5, 30))
        self.add("soft-deleted-last-month", actions=("soft-delete",), ended=self.between(instants.months[1], instants.months[0]), born=self.ago(70, 80))
        self.add("soft-deleted-later", actions=("soft-delete",), ended=self.between(instants.second, instants.now), born=self.ago(5, 30))

    def _edges(self):
        """Windows are half-open: the second on which two of them touch belongs to the later one."""
        instants = self.instants
        for name, edge in {"first": instants.first, "second": instants.second, "month": instants.months[0]}.items():
            for word, moment in {"before": edge - SECOND, "at": edge, "after": edge + SECOND}.items():
                self.add(f"ended-{word}-{name}", actions=("delete",), born=instants.months[1] + DAY, ended=moment)
                self.add(f"born-{word}-{name}", born=moment)
        self.add("born-after-all", born=self.between(instants.second + 2 * SECOND, instants.now))

    def _resources(self):
        """Servers whose flavor, image or user is special, or deleted since."""
        self.add("from-volume", flavor="diskless", image=None, boot_volume=True)
        self.add("flavor-gone", flavor="gone")
        self.add("flavor-gone-deleted", flavor="gone", actions=("delete",), ended=self.between(self.instants.first, self.instants.second))
        self.add("flavor-private", flavor="private")
        self.add("flavor-half-benchmark", flavor="half-benchmark")
        self.add("flavor-bad-benchmark", flavor="bad-benchmark")
        for image in ("gone", "hidden", "marketplace", "private"):
            self.add(f"image-{image}", image=image, user=self.users[0])
        self.add("user-gone", user="ghost", project="beta")
        self.add("two-addresses", floating=2)
        self.add("one-address", floating=1)
        self.add("one-address-beta", floating=1, project="beta")

    def _names(self):
        for name in self.random.sample(ODD_NAMES, 12):
            self.add(name.replace("{}", str(self.random.randint(0, 99))).replace("{{", "{").replace("}}", "}")[:255])

    def _projects(self):
        for project in ("beta", "gamma", "delta", "elsewhere"):
            for number in range(self.random.randint(1, 2)):
                self.add(f"{project}-{number}", project=project)
            self.add(f"{project}-deleted", project=project, actions=("delete",), ended=self.between(self.instants.first, self.instants.second))
        for project in ("no-role", "no-vo", "disabled"):
            self.add(f"{project}-0", project=project)
