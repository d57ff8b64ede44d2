"""Projects, users and their roles."""
import os

from client import Client

# Each project's VO, and whether it has the tag; projects without a tag are in the configuration's
# list. no-role, no-vo and disabled cannot be reported.
PROJECTS = {
    "alpha": dict(tag="good", patch={"accounting:VO": "alpha.example.org"}),
    "beta": dict(tag="good", create={"accounting:VO": "beta.example.org"}),
    "gamma": dict(create={"VO": "/gamma.example.org/Role=VMAdmin"}),
    "delta": dict(),
    "elsewhere": dict(patch={"VO": "not.this.one", "accounting:VO": "elsewhere.example.org"}, domain=True),
    "no-role": dict(tag="odd", create={"VO": "no-role.example.org"}),
    "no-vo": dict(tag="odd"),
    "disabled": dict(tag="odd", create={"VO": "disabled.example.org"}),
}


class Identity:
    """Creates them with a prefix, so that several seeds fit into one cloud."""

    def __init__(self, admin, prefix, users):
        self.admin, self.prefix = admin, prefix
        self.projects, self.users = {}, {}
        self.roles = {role["name"]: role["id"] for role in admin.get("identity", "/roles")["roles"]}
        self.domain = self.create("domain", name=f"{prefix}-domain")
        for name, how in PROJECTS.items():
            self.projects[name] = self.create(
                "project", name=f"{prefix}-{name}", domain_id=self.domain if how.get("domain") else "default",
                tags=[self.tag(how["tag"])] if "tag" in how else [], **how.get("create", {}))
            if "patch" in how:
                admin.patch("identity", f"/projects/{self.projects[name]}", {"project": how["patch"]})
        for name in users:
            self.users[name] = self.create("user", name=self.login(name), domain_id="default",
                                           password=os.environ["ACC_USER_PASSWORD"])
            for project in self.projects.values():
                self.grant(self.users[name], project, "member")
        self.reader = self.create("user", name=f"{prefix}-accounting", domain_id="default",
                                  password=os.environ["ACC_READER_PASSWORD"])
        for name, project in self.projects.items():
            if name != "no-role":
                self.grant(self.reader, project, "reader")
        admin.put("identity", f"/system/users/{self.reader}/roles/{self.roles['reader']}")

    def create(self, kind, **body):
        return self.admin.post("identity", f"/{kind}s", {kind: body})[kind]["id"]

    def grant(self, user, project, role):
        self.admin.put("identity", f"/projects/{project}/users/{user}/roles/{self.roles[role]}")

    def tag(self, name):
        return f"{self.prefix}-{name}"

    def login(self, user):
        return f"{user} {self.prefix}" if user.isascii() else user + self.prefix.translate({ord("-"): "‐"})

    def sign_in(self, user, project):
        return Client.scoped(self.login(user), os.environ["ACC_USER_PASSWORD"], self.projects[project])

    def application_credential(self, project):
        reader = Client.scoped(f"{self.prefix}-accounting", os.environ["ACC_READER_PASSWORD"], self.projects[project])
        made = reader.post("identity", f"/users/{self.reader}/application_credentials", {
            "application_credential": {"name": f"caso {self.prefix}", "roles": [{"name": "reader"}]}})
        return {key: made["application_credential"][key] for key in ("id", "secret")}
