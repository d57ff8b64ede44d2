"""Fills the cloud for one seed, once: `seed.py SEED FILE`. The result is written to FILE."""
import concurrent.futures
import datetime
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cloud"))
from client import ApiError, Client, wait  # noqa: E402
from identity import Identity  # noqa: E402
from instants import Instants  # noqa: E402
from past import rewrite, states  # noqa: E402
from plan import Plan  # noqa: E402
from telemetry import measure  # noqa: E402

# nova's vm_state after each action.
STATE = {"stop": "stopped", "pause": "paused", "suspend": "suspended", "shelve": "shelved", "offload": "shelved_offloaded",
         "rescue": "rescued", "resize": "resized", "confirm": "active", "revert": "active", "rebuild": "active",
         "reboot": "active", "break": "error", "soft-delete": "soft-delete", "restore": "active", "delete": "deleted"}


class Seeding:
    def __init__(self, seed):
        self.instants = Instants.at(datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0))
        self.plan = Plan(seed, self.instants)
        self.admin = Client()
        self.prefix = self.free_prefix(seed)
        self.started = time.monotonic()
        self.identity = Identity(self.admin, self.prefix, self.plan.users)
        self.sessions, self.flavors, self.images = {}, {}, {}

    def free_prefix(self, seed):
        """Returns an unused prefix: a seeding that was interrupted leaves its names in use."""
        taken = {domain["name"] for domain in self.admin.get("identity", "/domains")["domains"]}
        return next(name for name in (f"s{seed}-{n}" for n in range(1, 1000)) if f"{name}-domain" not in taken)

    def log(self, text):
        print(f"  {time.monotonic() - self.started:4.0f} s  {text}", flush=True)

    def session(self, server):
        key = server.user, server.project
        if key not in self.sessions:
            self.sessions[key] = self.identity.sign_in(*key)
        return self.sessions[key]

    def make_flavors(self):
        for name, size in self.plan.flavors.items():
            made = self.admin.post("compute", "/flavors", {"flavor": {
                "name": f"{self.prefix}-{name}", "vcpus": size["vcpus"], "ram": size["ram"], "disk": size["disk"],
                "OS-FLV-EXT-DATA:ephemeral": size.get("ephemeral", 0), "swap": size.get("swap", 0),
                "os-flavor-access:is_public": not size.get("private")}})["flavor"]["id"]
            self.flavors[name] = made
            if size["specs"]:
                self.admin.post("compute", f"/flavors/{made}/os-extra_specs", {"extra_specs": size["specs"]})
            if size.get("private"):
                self.admin.post("compute", f"/flavors/{made}/action", {"addTenantAccess": {"tenant": self.identity.projects["alpha"]}})

    def make_images(self):
        mine = self.identity.sign_in(self.plan.users[0], "alpha")
        store = f"https://appdb.example.org/store/vo/image/{self.prefix}"
        for name, client, properties in [
            ("plain", self.admin, {"visibility": "public"}),
            ("marketplace", self.admin, {"visibility": "public", "vmcatcher_event_ad_mpuri": f"{store}:1/"}),
            ("hidden", self.admin, {"visibility": "public", "os_hidden": True, "vmcatcher_event_ad_mpuri": f"{store}:2/"}),
            ("private", mine, {"visibility": "private", "vmcatcher_event_ad_mpuri": f"{store}:3/"}),
            ("gone", self.admin, {"visibility": "public", "vmcatcher_event_ad_mpuri": f"{store}:4/"}),
        ]:
            image = client.post("image", "/images", {"name": f"{self.prefix} {name}", "disk_format": "raw",
                                                     "container_format": "bare", **properties})["id"]
            client.put("image", f"/images/{image}/file", data=b"\0" * 1024, headers={"Content-Type": "application/octet-stream"})
            self.images[name] = image

    def make_network(self):
        """Creates one network behind a router to the public one; all seeds share them."""
        have = {net["name"]: net["id"] for net in self.admin.get("network", "/networks")["networks"]}
        if "acceptance" in have:
            self.network, self.public = have["acceptance"], have["public"]
            return
        self.public = self.admin.post("network", "/networks", {"network": {
            "name": "public", "router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"}})["network"]["id"]
        self.admin.post("network", "/subnets", {"subnet": {
            "network_id": self.public, "ip_version": 4, "cidr": "198.18.0.0/16", "enable_dhcp": False}})
        self.network = self.admin.post("network", "/networks", {"network": {"name": "acceptance", "shared": True}})["network"]["id"]
        subnet = self.admin.post("network", "/subnets", {"subnet": {
            "network_id": self.network, "ip_version": 4, "cidr": "10.0.0.0/16", "enable_dhcp": False}})["subnet"]["id"]
        router = self.admin.post("network", "/routers", {"router": {
            "name": "acceptance", "external_gateway_info": {"network_id": self.public}}})["router"]["id"]
        self.admin.put("network", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})

    def boot_volume(self, server):
        session, project = self.session(server), self.identity.projects[server.project]
        volume = session.post("volume", f"/{project}/volumes", {"volume": {"name": server.name, "size": 5}})["volume"]["id"]
        wait("the volume", lambda: session.get("volume", f"/{project}/volumes/{volume}")["volume"]["status"] == "available", 60)
        session.post("volume", f"/{project}/volumes/{volume}/action", {"os-set_bootable": {"bootable": True}})
        return volume

    def make(self, server):
        body = {"name": server.name, "flavorRef": self.flavors[server.flavor], "networks": [{"uuid": self.network}]}
        if server.image:
            body["imageRef"] = self.images[server.image]
        if server.boot_volume:
            body["block_device_mapping_v2"] = [{"uuid": self.boot_volume(server), "source_type": "volume",
                                                "destination_type": "volume", "boot_index": 0}]
        server.id = self.session(server).post("compute", "/servers", {"server": body})["server"]["id"]

    def act(self, server, action):
        if action == "soft-delete":
            self.session(server).delete("compute", f"/servers/{server.id}")
            return
        body = {"stop": {"os-stop": None}, "pause": {"pause": None}, "suspend": {"suspend": None}, "shelve": {"shelve": None},
                "offload": {"shelveOffload": None}, "rescue": {"rescue": {}}, "resize": {"resize": {"flavorRef": self.flavors["bigger"]}},
                "confirm": {"confirmResize": None}, "revert": {"revertResize": None}, "rebuild": {"rebuild": {"imageRef": self.images["marketplace"]}},
                "reboot": {"reboot": {"type": "HARD"}}, "break": {"os-resetState": {"state": "error"}}, "restore": {"restore": None},
                "delete": {"forceDelete": None}}[action]
        who = self.admin if action in ("offload", "break", "pause") else self.session(server)
        who.call("POST", "compute", f"/servers/{server.id}/action", body)

    def settle(self, servers, what):
        """Waits until every server is in its expected state without a running task."""
        wanted = {server.id: (server.fate, None) for server in servers}

        def left():
            now = states()
            return [(server.name, now.get(server.id)) for server in servers if now.get(server.id) != wanted[server.id]]
        try:
            wait(what, lambda: not left(), 400)
        except TimeoutError:
            raise TimeoutError(f"{what}: {left()}") from None

    def together(self, work, items):
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except Exception:
                pool.shutdown(cancel_futures=True)
                raise

    def make_servers(self):
        servers = self.plan.servers
        for server in servers:
            self.session(server)
        self.together(self.make, servers)
        self.log(f"{len(servers)} servers requested")
        for server in servers:
            server.fate = "error" if server.flavor == "impossible" else "active"
        self.settle(servers, "servers to be built")
        self.log("built")

    def address_servers(self):
        for server in self.plan.servers:
            for number in range(server.floating):
                session = self.session(server)
                if number:
                    port = session.post("compute", f"/servers/{server.id}/os-interface", {
                        "interfaceAttachment": {"net_id": self.network}})["interfaceAttachment"]["port_id"]
                else:
                    port = session.get("network", f"/ports?device_id={server.id}")["ports"][0]["id"]
                session.post("network", "/floatingips", {"floatingip": {"floating_network_id": self.public, "port_id": port}})
        # An address without a server.
        self.identity.sign_in(self.plan.users[0], "alpha").post("network", "/floatingips", {"floatingip": {"floating_network_id": self.public}})

    def let_live(self):
        """Runs the actions of all servers, step by step."""
        for step in range(max(len(server.actions) for server in self.plan.servers)):
            todo = [server for server in self.plan.servers if len(server.actions) > step]
            self.together(lambda server: self.act(server, server.actions[step]), todo)
            for server in todo:
                server.fate = STATE[server.actions[step]]
            self.settle(todo, f"servers after step {step + 1}")
            self.log(f"step {step + 1} of the actions")

    def take_away(self):
        self.admin.delete("compute", f"/flavors/{self.flavors['gone']}")
        self.admin.delete("image", f"/images/{self.images['gone']}")
        self.admin.delete("identity", f"/users/{self.identity.users['ghost']}")
        self.admin.patch("identity", f"/projects/{self.identity.projects['disabled']}", {"project": {"enabled": False}})

    def result(self, credential):
        return {"prefix": self.prefix, "now": str(self.instants.now), "projects": self.identity.projects,
                "names": {name: f"{self.prefix}-{name}" for name in self.identity.projects},
                "tags": {name: self.identity.tag(name) for name in ("good", "odd")},
                "reader": f"{self.prefix}-accounting", "application_credential": credential,
                "servers": {server.id: server.name for server in self.plan.servers}}


def main():
    seed, path = sys.argv[1:]
    if os.path.exists(path):
        print(f"  seed {seed} is in the cloud already")
        return
    work = Seeding(seed)
    work.log(f"projects and users, called {work.prefix}-...")
    work.make_flavors()
    work.make_images()
    work.make_network()
    work.make_servers()
    work.address_servers()
    work.let_live()
    credential = work.identity.application_credential("beta")
    work.take_away()
    rewrite(work.plan.servers)
    measure(work.admin, [server for server in work.plan.servers if server.fate == "active"][:5])
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(work.result(credential), file, ensure_ascii=False, indent=1)
    os.replace(path + ".new", path)
    work.log("seeded")


if __name__ == "__main__":
    try:
        main()
    except (ApiError, TimeoutError) as problem:
        sys.exit(f"seeding failed: {problem}")
