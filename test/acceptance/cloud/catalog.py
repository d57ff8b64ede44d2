"""Fills keystone's catalog: services, endpoints, and the services' users. Idempotent."""
import os

from client import URLS, Client

SERVICES = {  # name: type, path after the host
    "nova": ("compute", URLS["compute"]),
    "glance": ("image", URLS["image"].removesuffix("/v2")),
    "neutron": ("network", URLS["network"].removesuffix("/v2.0")),
    "placement": ("placement", f"http://{os.environ['ACC_IP']}:{os.environ['ACC_PORT_PLACEMENT']}"),
    "cinder": ("volumev3", URLS["volume"] + "/%(project_id)s"),
    "gnocchi": ("metric", URLS["metric"].removesuffix("/v1")),
}


def ids(admin, kind):
    return {one["name"]: one["id"] for one in admin.get("identity", f"/{kind}s")[kind + "s"]}


def ensure(admin, kind, name, **body):
    found = ids(admin, kind).get(name)
    return found or admin.post("identity", f"/{kind}s", {kind: {"name": name, **body}})[kind]["id"]


def main():
    admin = Client()
    roles = [ensure(admin, "role", name) for name in ("admin", "service")]
    project = ensure(admin, "project", "service", domain_id="default")
    endpoints = {(e["service_id"], e["interface"]) for e in admin.get("identity", "/endpoints")["endpoints"]}
    for name, (kind, url) in SERVICES.items():
        user = ensure(admin, "user", name, domain_id="default", password=os.environ["ACC_SERVICE_PASSWORD"])
        for role in roles:
            admin.put("identity", f"/projects/{project}/users/{user}/roles/{role}")
        service = ensure(admin, "service", name, type=kind)
        for interface in ("public", "internal", "admin"):
            if (service, interface) not in endpoints:
                admin.post("identity", "/endpoints", {"endpoint": {
                    "service_id": service, "interface": interface, "url": url, "region_id": os.environ["ACC_REGION"]}})


if __name__ == "__main__":
    main()
