"""A minimal OpenStack client for the programs that set up and fill the cloud."""
import os
import time

import requests

IP = os.environ["ACC_IP"]


def _port(service):
    return os.environ["ACC_PORT_" + service]


URLS = {
    "identity": f"http://{IP}:{_port('KEYSTONE')}/v3",
    "compute": f"http://{IP}:{_port('NOVA')}/v2.1",
    "image": f"http://{IP}:{_port('GLANCE')}/v2",
    "network": f"http://{IP}:{_port('NEUTRON')}/v2.0",
    "volume": f"http://{IP}:{_port('CINDER')}/v3",
    "metric": f"http://{IP}:{_port('GNOCCHI')}/v1",
}


class ApiError(Exception):
    def __init__(self, method, url, response):
        super().__init__(f"{method} {url}: {response.status_code} {response.text[:300]}")
        self.status = response.status_code


class Client:
    """A session of a user of the default domain; by default the administrator's."""

    @classmethod
    def scoped(cls, user, password, project_id):
        return cls(user, password, {"id": project_id})

    def __init__(self, user="admin", password=None, project=None):
        self.session = requests.Session()
        self.session.trust_env = False
        domain = {"id": "default"}
        answer = self.session.post(URLS["identity"] + "/auth/tokens", json={"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": user, "domain": domain, "password": password or os.environ["ACC_ADMIN_PASSWORD"]}}},
            "scope": {"project": project or {"name": "admin", "domain": domain}}}})
        if answer.status_code != 201:
            raise ApiError("POST", "/auth/tokens", answer)
        self.session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    def call(self, method, service, path, body=None, headers=None, **more):
        if service == "compute":   # the request formats of networks and volumes below need it
            headers = {"OpenStack-API-Version": "compute 2.60"}
        answer = self.session.request(method, URLS[service] + path, json=body, headers=headers, **more)
        if answer.status_code >= 400:
            raise ApiError(method, URLS[service] + path, answer)
        return answer.json() if "json" in answer.headers.get("Content-Type", "") and answer.content else {}

    def get(self, service, path):
        return self.call("GET", service, path)

    def post(self, service, path, body=None):
        return self.call("POST", service, path, body)

    def put(self, service, path, body=None, **more):
        return self.call("PUT", service, path, body, **more)

    def patch(self, service, path, body=None):
        return self.call("PATCH", service, path, body)

    def delete(self, service, path):
        return self.call("DELETE", service, path)


def wait(what, check, seconds):
    """Calls check until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.3)
