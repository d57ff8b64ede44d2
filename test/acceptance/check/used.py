#!/usr/bin/python3
"""Checks measured usage: `used.py BIN SEED-FILE DIRECTORY`.

It writes measures of some servers to gnocchi, with the resource types and the archive policy of
ceilometer-upgrade, runs caso's extractor ceilometer over one window and over five, and compares CPU
time and traffic with the result of `used_truth.py` on the same measures.
"""
import datetime
import json
import os
import random
import subprocess
import sys
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cloud"))
from client import ApiError, Client, wait  # noqa: E402
from compare import Tally  # noqa: E402
from messages import read_spool  # noqa: E402

STEP, GB = 300, 2**30
METERS = {"cpu": "CpuDuration", "network.incoming.bytes": "NetworkInbound", "network.outgoing.bytes": "NetworkOutbound"}
POLICY = {"name": "ceilometer-low-rate", "back_window": 0, "aggregation_methods": ["mean", "rate:mean"],
          "definition": [{"granularity": "5 minutes", "timespan": "30 days"}]}


def text_attribute(size=255):
    return {"type": "string", "required": False, "max_length": size, "min_length": 0}


TYPES = [{"name": "instance", "attributes": {name: text_attribute() for name in ("display_name", "flavor_name", "host")}},
         {"name": "instance_network_interface", "attributes": {"name": text_attribute(), "instance_id": {"type": "uuid", "required": False}}}]


def ignore_status(status, request):
    """Sends a request and ignores one error status."""
    try:
        request()
    except ApiError as problem:
        if problem.status != status:
            raise


def random_readings(rng, begin, end, most, restarts, gap=False):
    """Returns readings of a counter, [time, value], every five minutes; a gap leaves out one hour."""
    value, result = 0, []
    times = range(begin, end, STEP)
    # Far enough apart that the counter is lower after each restart than before.
    again = set(rng.sample(times[8::10], restarts))
    for at in times:
        value = 0 if at in again else value
        value += rng.randrange(most)
        if not (gap and times[len(times) // 2] <= at < times[len(times) // 2] + 3600):
            result.append([at, value])
    return result


def plan(rng, servers, begin, end):
    """Returns {server: {meter: {counter: readings}}}."""
    found = {}
    for number, server in enumerate(servers):
        cpu = {"": random_readings(rng, begin, end, 200 * 10**9, restarts=number % 3, gap=number % 4 == 1)}
        nets = {}
        for nic in range(1 + number % 2):
            # The second interface is detached half way.
            until = end if nic == 0 else begin + (end - begin) // 2
            nets[f"tap{number}-{nic}"] = until
        both = {meter: {tap: random_readings(rng, begin, until, GB // 3, restarts=number % 2) for tap, until in nets.items()} for meter in list(METERS)[1:]}
        found[server] = {"cpu": cpu, **both}
    return found


def write_measures(admin, project, measures):
    ignore_status(409, lambda: admin.post("metric", "/archive_policy", POLICY))
    for kind in TYPES:
        ignore_status(409, lambda kind=kind: admin.post("metric", "/resource_type", kind))
    # Resources of an earlier run or of the seed.
    for kind, of in (("instance_network_interface", "instance_id"), ("instance", "id")):
        for resource in admin.get("metric", f"/resource/{kind}?limit=1000"):
            if resource[of] in measures:
                ignore_status(404, lambda kind=kind, name=resource["id"]: admin.delete("metric", f"/resource/{kind}/{name}"))
    batch = {}
    for server, meters in measures.items():
        resources = {server: ("instance", {}, {"cpu": meters["cpu"][""]})}
        for tap in meters["network.incoming.bytes"]:
            resources[f"instance-{server}-{tap}"] = ("instance_network_interface", {"instance_id": server, "name": tap}, {
                meter: meters[meter][tap] for meter in list(METERS)[1:]})
        for name, (kind, attributes, content) in resources.items():
            admin.post("metric", f"/resource/{kind}", {"id": name, "project_id": project, **attributes,
                                                      "metrics": {meter: {"archive_policy_name": POLICY["name"]} for meter in content}})
            batch[name] = {meter: [{"timestamp": datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(), "value": value}
                                   for at, value in readings] for meter, readings in content.items()}
    admin.post("metric", "/batch/resources/metrics/measures", batch)
    wait("gnocchi to process the measures", lambda: admin.get("metric", "/status")["storage"]["summary"]["measures"] == 0, 120)


def run(caso, seed, project, directory, ends):
    """Returns the last record of each server for each window, {server: record}."""
    results = []
    config = os.path.join(directory, "caso.conf")
    os.makedirs(directory)
    for number, end in enumerate(ends):
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""[DEFAULT]
site_name = ACCEPTANCE-SITE
extractor = ceilometer
projects = {project}
messengers = ssm
spooldir = {directory}
mapping_file = {directory}/voms.json
[keystone_auth]
auth_url = http://{os.environ['ACC_IP']}:{os.environ['ACC_PORT_KEYSTONE']}/v3
username = {seed['reader']}
password = {os.environ['ACC_READER_PASSWORD'].replace('$', '$$')}
[ssm]
output_path = {directory}/queue-{number}
""")
        with open(os.path.join(directory, "voms.json"), "w", encoding="utf-8") as file:
            json.dump({"used.example.org": {"projects": [project]}}, file)
        command = [caso, "extract", "--config-file", config, "--projects", project, "--extract-to", datetime.datetime.fromtimestamp(end, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        records = {}
        for record in read_spool(os.path.join(directory, f"queue-{number}")):
            records[record["VMUUID"]] = record   # the last to arrive
        results.append(records)
    return results


def main():
    caso, seed_file, directory = os.path.join(sys.argv[1], "caso"), sys.argv[2], os.path.join(sys.argv[3], f"used-{uuid.uuid4().hex[:8]}")
    with open(seed_file, encoding="utf-8") as file:
        seed = json.load(file)
    project = seed["projects"]["alpha"]
    admin = Client()
    # The end is on a boundary of the archive's 5-minute points.
    end = int(time.time()) // STEP * STEP - STEP
    begin = end - 6 * 3600
    # A server has no readings from before its creation.
    made = datetime.datetime.fromtimestamp(begin, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = admin.get("compute", f"/servers/detail?all_tenants=1&status=ACTIVE&project_id={project}&limit=1000")["servers"]
    servers = sorted(one["id"] for one in found if one["created"] < made)[:12]
    measures = plan(random.Random(servers[0]), servers, begin, end)
    write_measures(admin, project, measures)
    fine = [begin + 2 * STEP, begin + 3600, begin + 5000 // STEP * STEP, begin + 4 * 3600, end]
    tally = Tally()
    for name, ends in (("at once", [end]), ("in five windows", fine)):
        for at, records in zip(ends, run(caso, seed, project, os.path.join(directory, name.replace(" ", "-")), ends)):
            answer = subprocess.run([sys.executable, os.path.join(HERE, "used_truth.py")], input=json.dumps({"until": at, "measures": measures}), text=True, capture_output=True, check=True)
            for server, truth in json.loads(answer.stdout).items():
                tally.expected += 1
                if server not in records:
                    tally.missing += 1
                    tally.problems.append(f"{name}: missing {server}")
                    continue
                tally.delivered += 1
                for meter, figure in truth.items():
                    field = METERS[meter]
                    if records[server].get(field) != figure:
                        tally.wrong += 1
                        tally.problems.append(f"{name}, until {at}: {field} of {server} is {records[server].get(field)}, want {figure}")
    for problem in tally.problems[:20]:
        print(problem)
    print(f"measured usage: {tally}")
    return 1 if tally.problems or not tally.expected else 0


if __name__ == "__main__":
    sys.exit(main())
