#!/usr/bin/python3
"""Computes from the services' databases which records one run has to deliver.

It shares no code with caso and reads the tables of the services, not their APIs. Standard input is a
question in JSON (see Question). Standard output has the records as JSON objects with APEL's keys,
one per line, ordered by time.

The rules, each with its source:
- StartTime is created_at: nova resets launched_at on resize, rebuild, rescue and unshelve.
- A server ended at terminated_at; a deleted one without it at the start of its deletion
  (instance_actions), and without that at its last change. A soft deletion ends it too. A server that
  was never launched ran for no time once it is deleted or in ERROR; in BUILD it may still start.
- APEL's server keeps the last record of a VM and month, in the month of its RecordCreateTime (or
  EndTime). So a window has one record as of each month end in it, and one as of its own end.
- Windows are half-open: what happens at the end of one belongs to the next.
- The state of a server at a past time is known only if it has not changed since; else it is started.
"""
import datetime
import json
import os
import sys

import pymysql

UTC = datetime.timezone.utc
SECOND = datetime.timedelta(seconds=1)
WORDS = {"active": "started", "building": "started", "resized": "started", "rescued": "started", "stopped": "stopped",
         "paused": "paused", "suspended": "suspended", "shelved": "suspended", "shelved_offloaded": "suspended", "error": "error"}


def query_rows(database, query, *values):
    with pymysql.connect(host=os.environ["ACC_IP"], port=int(os.environ["ACC_PORT_MYSQL"]), user=os.environ["ACC_DB_USER"],
                         password=os.environ["ACC_DB_PASSWORD"], database=database, charset="utf8mb4",
                         cursorclass=pymysql.cursors.DictCursor) as connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def epoch(moment):
    return int(moment.replace(tzinfo=UTC).timestamp())


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


class Question:
    """The question on standard input:

    reader (user name), named (IDs or names), tag (or null), mapping ({VO: [project, ...]}), site,
    service, cloud_type;
    bound: the ID of the project of an application credential, or null; such a user cannot read other users;
    start, end: the window, in epoch seconds; checkpoint: in epoch seconds, or null;
    open: the servers that had not ended in their last record before the checkpoint.
    """

    def __init__(self, document):
        self.__dict__.update(document)


# --------------------------------------------------------------------------- windows

def next_month(when):
    return datetime.datetime(when.year + when.month // 12, when.month % 12 + 1, 1)


def windows(question):
    """Returns the window and, if a republished one ends inside a month, the window that follows it."""
    start, end = moment(question.start), moment(question.end)
    result = [(start, end)]
    if question.checkpoint is not None and end < moment(question.checkpoint) and end != datetime.datetime(end.year, end.month, 1):
        result.append((end, min(next_month(end), moment(question.checkpoint))))
    return result


def months(window):
    """Yields (from, before, record time) for each month of a window."""
    start, end = window
    while start < end:
        before = min(next_month(start), end)
        first_of_month = before == datetime.datetime(before.year, before.month, 1)
        yield start, before, before - SECOND if first_of_month else before
        start = before


# --------------------------------------------------------------------------- projects

def projects(question):
    """Returns {project ID: VO} of the projects to report."""
    found = {}
    known = query_rows("keystone", "SELECT id, name, domain_id, enabled, extra FROM project WHERE is_domain = 0")
    tagged = {row["project_id"] for row in query_rows("keystone", "SELECT project_id FROM project_tag WHERE name = %s", question.tag or "")}
    roles = {row["target_id"] for row in query_rows(
        "keystone", "SELECT a.target_id FROM assignment a JOIN local_user u ON u.user_id = a.actor_id"
        " WHERE a.type = 'UserProject' AND u.name = %s", question.reader)}
    for row in known:
        named = row["id"] in question.named or row["name"] in question.named
        if not named and row["id"] not in tagged:
            continue
        if not row["enabled"] or row["id"] not in roles or question.bound not in (None, row["id"]):
            continue
        extra = json.loads(row["extra"] or "{}")
        vo = next((extra[name] for name in ("accounting:VO", "accounting_VO", "VO") if extra.get(name)), None)
        vo = vo or next((vo for vo, of in question.mapping.items() if row["id"] in of or row["name"] in of), None)
        if vo:
            found[row["id"]] = vo
    return found


# --------------------------------------------------------------------------- data of servers

def user_names(question):
    if question.bound:
        own = query_rows("keystone", "SELECT user_id, name FROM local_user WHERE name = %s", question.reader)
        return {row["user_id"]: row["name"] for row in own}
    return {row["user_id"]: row["name"] for row in query_rows("keystone", "SELECT user_id, name FROM local_user")}


def image_names(project):
    """Returns the marketplace names of images that the project can see, by ID."""
    return {row["id"]: row["value"] for row in query_rows(
        "glance", "SELECT i.id, p.value FROM images i JOIN image_properties p ON p.image_id = i.id AND p.deleted = 0"
        " WHERE i.deleted = 0 AND p.name = 'vmcatcher_event_ad_mpuri' AND (i.visibility <> 'private' OR i.owner = %s)", project)}


def addresses(project):
    counts = {}
    for row in query_rows("neutron", "SELECT p.device_id FROM floatingips f JOIN ports p ON p.id = f.fixed_port_id WHERE f.project_id = %s", project):
        counts[row["device_id"]] = counts.get(row["device_id"], 0) + 1
    return counts


def servers(project):
    """Yields a project's servers of all cells, with flavor and start of deletion."""
    for cell in ("nova", "nova_cell0"):
        deletions, restored = {}, {}
        actions = query_rows(cell, "SELECT instance_uuid, action, start_time FROM instance_actions WHERE deleted = 0 ORDER BY start_time DESC")
        for row in actions:
            if row["action"] == "restore":
                restored.setdefault(row["instance_uuid"], row["start_time"])
        for row in actions:
            if row["action"] in ("delete", "softDelete", "forceDelete") and row["start_time"] >= restored.get(row["instance_uuid"], datetime.datetime.min):
                deletions[row["instance_uuid"]] = row["start_time"]
        for row in query_rows(cell, "SELECT i.*, e.flavor FROM instances i JOIN instance_extra e ON e.instance_uuid = i.uuid"
                              " WHERE i.project_id = %s AND i.hidden = 0", project):
            row["flavor"] = json.loads(row["flavor"])["cur"]["nova_object.data"]
            row["deletion"] = deletions.get(row["uuid"])
            yield row


# --------------------------------------------------------------------------- one server's life

def end_time(server):
    """Returns when a server ended, or None."""
    gone = server["deleted"] or server["vm_state"] in ("deleted", "soft-delete")
    if server["launched_at"] is None:
        return server["created_at"] if gone or server["vm_state"] == "error" else None
    end = server["terminated_at"]   # also of a server whose deletion failed later
    if not end and not gone:
        return None
    end = end or server["deletion"] or server["updated_at"]
    return max(end.replace(microsecond=0), server["created_at"])


def benchmark(flavor):
    """Returns both fields or neither; the value must be positive and fit APEL's decimal(10,3)."""
    specs = flavor.get("extra_specs") or {}
    kind, value = specs.get("accounting:benchmark_type"), specs.get("accounting:benchmark_value")
    try:
        value = round(float(value), 3)
    except (TypeError, ValueError):
        return {}
    return {"BenchmarkType": kind, "Benchmark": value} if kind and 0 < value < 1e7 else {}


def record_of_month(server, month, due):
    """Returns the fields of a server that change with time, for one month of a window; None for no record.

    due: the server was not ended in its last record, so an end before this window is reported in it.
    """
    start, before, as_of = month
    created, end = server["created_at"], end_time(server)
    if created >= before or (end is not None and end < start and not due):
        return None
    figures = {"StartTime": epoch(created), "RecordCreateTime": epoch(as_of), "SuspendDuration": 0}
    if end is not None and end < before:
        until, figures["Status"], figures["EndTime"] = end, "completed", epoch(end)
    else:
        until = as_of
        changed = server["updated_at"] or created
        figures["Status"] = "started" if end is not None or changed > as_of else WORDS[server["vm_state"]]
    wall = int((until - created).total_seconds())
    # A duration of 0 is sent as 1.
    figures["WallDuration"], figures["CpuDuration"] = max(wall, 1), max(wall * server["flavor"]["vcpus"], 1)
    return figures


def expected_records(question):
    users = user_names(question)
    records = []
    for project, vo in projects(question).items():
        images, counts = image_names(project), addresses(project)
        for server in servers(project):
            flavor = server["flavor"]
            steady = {
                "VMUUID": server["uuid"], "SiteName": question.site, "CloudComputeService": question.service,
                "CloudType": question.cloud_type, "FQAN": vo, "LocalUserId": server["user_id"], "LocalGroupId": project,
                "MachineName": server["display_name"], "CpuCount": flavor["vcpus"], "Memory": flavor["memory_mb"],
                "Disk": flavor["root_gb"] + flavor["ephemeral_gb"], "PublicIPCount": counts.get(server["uuid"], 0), **benchmark(flavor),
            }
            if server["user_id"] in users:
                steady["GlobalUserName"] = users[server["user_id"]]
            if server["image_ref"]:
                steady["ImageId"] = images.get(server["image_ref"], server["image_ref"])
            for window in windows(question):
                due = server["uuid"] in question.open and epoch(window[0]) == question.checkpoint
                for month in months((max(window[0], server["created_at"]), window[1])):
                    figures = record_of_month(server, month, due)
                    due = False
                    if figures:
                        records.append(steady | figures)
    return sorted(records, key=lambda one: one["RecordCreateTime"])


if __name__ == "__main__":
    for one in expected_records(Question(json.load(sys.stdin))):
        print(json.dumps(one, ensure_ascii=False, sort_keys=True))
