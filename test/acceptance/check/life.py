"""Servers that are created and deleted between two runs, in real time and through the APIs only."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cloud"))
from client import Client, wait  # noqa: E402


class Life:
    def __init__(self, prefix, project):
        self.prefix, self.project = prefix, project
        self.made = []

    def sign_in(self):
        """Signs in as the administrator, with a role in the project."""
        admin = Client()
        me = next(user["id"] for user in admin.get("identity", "/users?name=admin")["users"])
        member = next(role["id"] for role in admin.get("identity", "/roles?name=member")["roles"])
        admin.put("identity", f"/projects/{self.project}/users/{me}/roles/{member}")
        return Client(project={"id": self.project})

    def begin(self):
        """Creates two servers."""
        session = self.sign_in()
        flavor = next(f["id"] for f in session.get("compute", "/flavors")["flavors"] if f["name"] == f"{self.prefix}-small")
        image = session.get("image", f"/images?name={self.prefix}%20plain")["images"][0]["id"]
        network = session.get("network", "/networks?name=acceptance")["networks"][0]["id"]
        self.made = [session.post("compute", "/servers", {"server": {
            "name": name, "flavorRef": flavor, "imageRef": image, "networks": [{"uuid": network}]}})["server"]["id"]
            for name in ("to-be-deleted", "to-be-deleted-softly")]
        wait("servers to be built", lambda: all(self.status(session, server) == "ACTIVE" for server in self.made), 120)

    def end(self):
        """Deletes one of them and soft-deletes the other."""
        session = self.sign_in()
        session.post("compute", f"/servers/{self.made[0]}/action", {"forceDelete": None})
        session.delete("compute", f"/servers/{self.made[1]}")
        gone = "status=DELETED", "status=SOFT_DELETED"
        admin = Client()
        for server, query in zip(self.made, gone):
            wait("servers to be deleted", lambda: any(
                one["id"] == server for one in admin.get("compute", f"/servers?all_tenants=1&limit=1000&{query}&changes-since=2000-01-01T00:00:00Z")["servers"]), 60)

    @staticmethod
    def status(session, server):
        return session.get("compute", f"/servers/{server}")["server"]["status"]
