"""Compares delivered records with the expected ones."""
import dataclasses


@dataclasses.dataclass
class Tally:
    """Counts of expected, delivered and wrong records; `problems` describes each difference."""
    expected: int = 0
    delivered: int = 0
    missing: int = 0
    extra: int = 0
    wrong: int = 0
    problems: list = dataclasses.field(default_factory=list)

    def add(self, other):
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def __str__(self):
        return (f"{self.expected} expected, {self.delivered} delivered, {self.missing} missing, {self.extra} extra, "
                f"{self.wrong} wrong fields")


def record_key(record):
    return record.get("VMUUID"), record.get("RecordCreateTime")


def compare(expected, delivered, label):
    """Compares every record field by field, then their order."""
    tally = Tally(expected=len(expected), delivered=len(delivered))
    left = {}
    for record in delivered:
        left.setdefault(record_key(record), []).append(record)
    for truth in expected:
        same = left.get(record_key(truth))
        if not same:
            tally.missing += 1
            tally.problems.append(f"missing {label(truth)}")
            continue
        record = same.pop(0)
        for name in sorted(truth.keys() | record.keys()):
            if truth.get(name) != record.get(name):
                tally.wrong += 1
                tally.problems.append(f"wrong {name} of {label(truth)}: {record.get(name)!r}, want {truth.get(name)!r}")
    for record in (record for records in left.values() for record in records):
        tally.extra += 1
        tally.problems.append(f"extra {label(record)}")
    # Of a VM's records in a month, APEL keeps the last to arrive.
    last = {}
    for record in delivered:
        if record["RecordCreateTime"] < last.get(record["VMUUID"], 0):
            tally.problems.append(f"{label(record)} came after a later one of the same server")
        last[record["VMUUID"]] = record["RecordCreateTime"]
    return tally
