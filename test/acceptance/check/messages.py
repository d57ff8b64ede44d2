"""Reads what caso delivered, as strictly as APEL's parser and a Logstash input."""
import datetime
import json
import os
import re

INTEGERS = {"StartTime", "EndTime", "RecordCreateTime", "SuspendDuration", "WallDuration", "CpuDuration", "Memory", "Disk",
            "NetworkInbound", "NetworkOutbound", "PublicIPCount"}
DECIMALS = {"CpuCount", "Benchmark"}
TEXTS = {"VMUUID", "SiteName", "CloudComputeService", "MachineName", "LocalUserId", "LocalGroupId", "GlobalUserName", "FQAN",
         "Status", "ImageId", "CloudType", "NetworkType", "StorageRecordId", "BenchmarkType"}
ELEMENT = re.compile(r"[0-9a-f]{8}/[0-9a-f]{14}")


class Malformed(Exception):
    pass


def read_spool(directory):
    """Returns the records in a directory queue, in order."""
    paths = sorted(os.path.relpath(os.path.join(where, name), directory) for where, _, names in os.walk(directory) for name in names)
    records = []
    for path in paths:
        if not ELEMENT.fullmatch(path):
            raise Malformed(f"{path} is not an element of a queue")
        with open(os.path.join(directory, path), "rb") as file:
            records += parse_message(file.read())
    return records


def parse_message(content):
    """Returns the records of one message to APEL."""
    text = content.decode("ascii")
    header, _, body = text.partition("\n")
    if header != "APEL-cloud-message: v0.4":
        raise Malformed(f"the message begins with {header!r}")
    if len(content) > 700_000 or not text.endswith("\n") or text.endswith("\n\n"):
        raise Malformed(f"a message of {len(content)} bytes that ends with {text[-5:]!r}")
    # The parser splits at every %%, so that it may not occur anywhere else.
    parts = body[:-1].split("\n%%\n")
    if any("%%" in part for part in parts):
        raise Malformed("%% within a record")
    records = [parse_record(part) for part in parts]
    if len(records) > 100:
        raise Malformed(f"{len(records)} records in a message")
    return records


def parse_record(text):
    record = {}
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        value = value.strip()
        if not colon or key in record:
            raise Malformed(f"line {line!r}")
        if key in INTEGERS and re.fullmatch(r"\d+", value):
            record[key] = int(value)
        elif key in DECIMALS and re.fullmatch(r"\d+(\.\d+)?", value):
            record[key] = float(value)
        elif key in TEXTS and value.isprintable() and 0 < len(value) <= (50 if key == "BenchmarkType" else 255):
            record[key] = value
        else:
            raise Malformed(f"line {line!r}")
    return record


def parse_documents(content):
    """Returns the records of a TCP stream with one JSON object per line."""
    if content and not content.endswith(b"\n"):
        raise Malformed("the last line is not terminated")
    records = []
    for line in content.decode("utf-8").split("\n")[:-1]:
        record = json.loads(line)
        for key, value in record.items():
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise Malformed(f"{key} is {value!r}")
            if (key in INTEGERS and not isinstance(value, int)) or (key in DECIMALS and isinstance(value, str)):
                raise Malformed(f"{key} is {value!r}")
        records.append(record)
    return records


def to_apel(record):
    """Returns an expected record as in a message: printable ASCII, no separator, at most 255 characters."""
    result = {}
    for key, value in record.items():
        if isinstance(value, str):
            value = printable_ascii(value)[:50 if key == "BenchmarkType" else 255].strip()
        if value != "":
            result[key] = value
    return {"MachineName": result["VMUUID"]} | result


def printable_ascii(value):
    value = "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in value if ord(c) < 128)
    while "%%" in value:
        value = value.replace("%%", "% %")
    return value.strip()


def to_logstash(record):
    """Returns an expected record as a document, without its id."""
    when = datetime.datetime.fromtimestamp(record["RecordCreateTime"], datetime.timezone.utc)
    return record | {"type": "cloud", "@timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ")}
