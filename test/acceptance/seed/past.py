"""Reads the states of servers from nova's databases and moves the servers into the past."""
import datetime
import os

import pymysql

SECOND = datetime.timedelta(seconds=1)
DATABASES = ("nova", "nova_cell0")
# These actions reset launched_at.
SETS_LAUNCHED = {"resize", "rebuild", "rescue"}


def connect(database):
    return pymysql.connect(host=os.environ["ACC_IP"], port=int(os.environ["ACC_PORT_MYSQL"]), user=os.environ["ACC_DB_USER"],
                           password=os.environ["ACC_DB_PASSWORD"], database=database, charset="utf8mb4", autocommit=True)


def states():
    """Returns {server id: (vm_state, task_state)} of all servers."""
    found = {}
    for database in DATABASES:
        with connect(database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT uuid, IF(deleted, 'deleted', vm_state), IF(deleted, NULL, task_state) FROM instances")
            found |= {uuid: (state, task) for uuid, state, task in cursor.fetchall()}
    return found


def columns(server):
    """Returns the columns of a server whose life was as planned, and its launched_at."""
    launched = server.born + 20 * SECOND
    changed = server.changed or server.ended or launched
    if set(server.actions) & SETS_LAUNCHED and server.changed:
        launched = server.changed
    values = {"created_at": server.born, "updated_at": changed}
    if server.ended and server.fate == "deleted":
        values |= {"terminated_at": server.ended, "deleted_at": server.ended + SECOND, "updated_at": server.changed or server.ended + SECOND}
    elif server.ended:
        values |= {"deleted_at": server.ended, "updated_at": server.changed or server.ended + 2 * SECOND}
    return values, launched


def rewrite(servers):
    for database in DATABASES:
        with connect(database) as connection, connection.cursor() as cursor:
            for server in servers:
                values, launched = columns(server)
                values |= server.columns
                assignments = ", ".join(f"`{name}` = %s" for name in values)
                cursor.execute(f"UPDATE instances SET {assignments} WHERE uuid = %s", (*values.values(), server.id))
                if "launched_at" not in server.columns:
                    cursor.execute("UPDATE instances SET launched_at = %s WHERE uuid = %s AND launched_at IS NOT NULL", (launched, server.id))
                rewrite_actions(cursor, server, values["updated_at"])
    # A compute that starts repairs the servers of its host, which it finds by their allocations.
    lost = [server.id for server in servers if server.columns.get("host")]
    with connect("placement") as connection, connection.cursor() as cursor:
        cursor.executemany("DELETE FROM allocations WHERE consumer_id = %s", lost)


def rewrite_actions(cursor, server, changed):
    """Moves a server's actions to their planned times, the deletion last."""
    if server.forget_actions:
        cursor.execute("DELETE e FROM instance_actions_events e JOIN instance_actions a ON e.action_id = a.id WHERE a.instance_uuid = %s", (server.id,))
        cursor.execute("DELETE FROM instance_actions WHERE instance_uuid = %s", (server.id,))
        return
    cursor.execute("SELECT id, action FROM instance_actions WHERE instance_uuid = %s ORDER BY id", (server.id,))
    for number, (row, action) in enumerate(cursor.fetchall()):
        if action == "create":
            start = server.born
        elif server.ended and action.lower() in ("delete", "softdelete", "forcedelete"):
            start = server.ended
        else:
            start = min(changed, changed - (10 - number) * SECOND)
        cursor.execute("UPDATE instance_actions SET start_time = %s, created_at = %s, updated_at = %s, finish_time = %s WHERE id = %s",
                       (start, start, start + SECOND, start + SECOND, row))
