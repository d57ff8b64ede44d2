#!/usr/bin/python3
"""Runs caso against the cloud and compares everything it delivers: `verify.py BIN SEED-FILE DIRECTORY`.

The last line is `N expected, N delivered, 0 missing, 0 extra, 0 wrong fields` and the exit status 0 if
everything is right.
"""
import datetime
import json
import os
import shutil
import subprocess
import sys
import time

from compare import Tally, compare, record_key
from messages import Malformed, parse_documents, read_spool, to_apel, to_logstash
from receiver import Receiver
from runs import EPOCH, runs

HERE = os.path.dirname(os.path.abspath(__file__))
SITE, SERVICE = "ACCEPTANCE-SITE", "acceptance cloud"
DELTA_VO = "delta.example.org"
SHOWN = 12   # problems printed per run; all of them are in a file


def utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(moment):
    return int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())


class Verification:
    def __init__(self, bin_directory, seed, directory):
        self.caso = os.path.join(bin_directory, "caso")
        self.seed, self.directory = seed, directory
        self.receiver = Receiver()
        self.total = Tally()
        self.ids = {}
        self.cloud_type = f"caso/{self.plugin_version()} (OpenStack)"

    def plugin_version(self):
        answer = subprocess.run([self.caso, "plugins", "describe", "extractor-nova", "--output", "json"], check=True, capture_output=True,
                                env=self.environment())
        return json.loads(answer.stdout)["version"]

    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": self.directory, "TZ": "Pacific/Kiritimati"}   # UTC+14: the results must not depend on it

    # ------------------------------------------------------------------ running caso

    def configure(self, site, queue):
        """Writes caso.conf and returns its path."""
        directory = os.path.join(self.directory, site.name)
        os.makedirs(directory, exist_ok=True)
        mapping = os.path.join(directory, "voms.json")
        with open(mapping, "w", encoding="utf-8") as file:
            json.dump({DELTA_VO: {"projects": [self.seed["names"]["delta"]]}, "not.asked.for": {"projects": [self.seed["names"]["alpha"]]}}, file)
        if site.credential:
            sign_in = f"""auth_type = v3applicationcredential
application_credential_id = {site.credential['id']}
application_credential_secret = {site.credential['secret'].replace('$', '$$')}"""
        else:
            sign_in = f"""auth_type = password
username = {self.seed['reader']}
password = {os.environ['ACC_READER_PASSWORD'].replace('$', '$$')}
user_domain_name = Default
project_domain_name = Default"""
        path = os.path.join(directory, "caso.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""[DEFAULT]
site_name = {SITE}
service_name = {SERVICE}
projects = {', '.join(site.named)}
caso_tag = {site.tag}
messengers = ssm, logstash
spooldir = {directory}
mapping_file = {mapping}
[keystone_auth]
auth_url = http://{os.environ['ACC_IP']}:{os.environ['ACC_PORT_KEYSTONE']}{site.endpoint}
{sign_in}
[ssm]
output_path = {queue}
[logstash]
host = 127.0.0.1
port = {self.receiver.port}
""")
        os.chmod(path, 0o600)
        return path

    def extract(self, run, queue):
        """Runs caso and returns its exit status, report and log."""
        command = [self.caso, "extract", "--output", "json", "--config-file", self.configure(run.site, queue)]
        if run.site.only:
            command += ["--projects", ",".join(run.site.only)]
        if run.start:
            command += ["--extract-from", run.start.isoformat()]
        if run.end:
            command += ["--extract-to", run.end.isoformat()]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment(), timeout=300)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    # ------------------------------------------------------------------ the truth

    def truth(self, run, end):
        site = run.site
        question = {
            "reader": self.seed["reader"], "named": site.only or site.named, "tag": None if site.only else site.tag,
            "mapping": {DELTA_VO: [self.seed["names"]["delta"]]}, "site": SITE, "service": SERVICE, "cloud_type": self.cloud_type,
            "bound": site.bound, "start": epoch(run.start or site.checkpoint or EPOCH), "end": end,
            "checkpoint": site.checkpoint and epoch(site.checkpoint), "open": sorted(site.open),
        }
        answer = subprocess.run([sys.executable, os.path.join(HERE, "truth.py")], input=json.dumps(question), text=True, capture_output=True, check=False)
        if answer.returncode:
            raise RuntimeError(f"computing the expected records failed: {answer.stderr}")
        return [json.loads(line) for line in answer.stdout.splitlines()]

    # ------------------------------------------------------------------ comparing

    def label(self, record):
        name = self.seed["servers"].get(record.get("VMUUID"), record.get("MachineName"))
        return f"{name!r} ({record.get('VMUUID')}) as of {utc(record.get('RecordCreateTime', 0))}"

    def check_ids(self, lines, tally):
        """Checks that every record has one document_id in all runs, and no other record has it."""
        for record in lines:
            identity = record.pop("document_id", None)
            if not identity or self.ids.setdefault(identity, record_key(record)) != record_key(record) or self.ids.setdefault(record_key(record), identity) != identity:
                tally.problems.append(f"{self.label(record)} has document_id {identity!r}, which is not unique")

    def check(self, number, run):
        run.before()
        queue = os.path.join(self.directory, f"queue-{number:02}")
        began = time.time()
        status, report, log = self.extract(run, queue)
        took = time.time() - began
        tally = Tally()
        if status != run.status:
            tally.problems.append(f"exit status {status}, want {run.status}")
        text = json.dumps(report, ensure_ascii=False)
        tally.problems += [f"the report does not mention {word!r}" for word in run.mentions if json.dumps(word)[1:-1] not in text]
        if status not in (0, 1):
            tally.problems.append(log.strip())
        end = epoch(run.end) if run.end else self.end_of(report, began, tally)
        truth = self.truth(run, end)
        lines = self.read_output(lambda: parse_documents(self.receiver.take()), tally)
        messages = self.read_output(lambda: read_spool(queue), tally)
        self.check_ids(lines, tally)
        before = len(tally.problems)
        tally.add(compare([to_apel(record) for record in truth], messages, lambda record: "SSM: " + self.label(record)))
        tally.add(compare([to_logstash(record) for record in truth], lines, lambda record: "Logstash: " + self.label(record)))
        if not run.start or end > epoch(run.site.checkpoint or EPOCH):
            run.site.checkpoint = datetime.datetime.fromtimestamp(end, datetime.timezone.utc).replace(tzinfo=None)
            ended = {record["VMUUID"] for record in truth if record["Status"] == "completed"}
            run.site.open = {record["VMUUID"] for record in truth} - ended
        self.print_result(number, run, end, took, tally, log if len(tally.problems) > before else "")
        self.total.add(tally)

    @staticmethod
    def read_output(reader, tally):
        try:
            return reader()
        except (Malformed, ValueError) as problem:
            tally.problems.append(f"unreadable: {problem}")
            return []

    @staticmethod
    def end_of(report, began, tally):
        """Returns the end of a run without --extract-to, from its report; it must be the time of the run."""
        ends = {window["to"] for window in report.get("windows", [])}
        if len(ends) != 1:
            tally.problems.append(f"the windows end at {sorted(ends)}")
            return int(began)
        end = int(datetime.datetime.fromisoformat(ends.pop()).timestamp())
        if not int(began) <= end <= time.time():
            tally.problems.append(f"the windows end at {utc(end)}, which is not when it ran")
        return end

    def print_result(self, number, run, end, took, tally, log):
        print(f"{number:3}. {run.what} [{run.site.name}, to {utc(end)}, {took:.1f} s]: {tally}", flush=True)
        for problem in tally.problems[:SHOWN]:
            print(f"     {problem}")
        if len(tally.problems) > SHOWN:
            print(f"     ... and {len(tally.problems) - SHOWN} more")
        with open(os.path.join(self.directory, f"run-{number:02}.txt"), "w", encoding="utf-8") as file:
            print(run.what, tally, *tally.problems, log, sep="\n", file=file)

    def run(self):
        for number, run in enumerate(runs(self.seed), 1):
            self.check(number, run)
        return not self.total.problems and self.total.expected == self.total.delivered > 0


def main():
    bin_directory, seed_file, directory = sys.argv[1:]
    with open(seed_file, encoding="utf-8") as file:
        seed = json.load(file)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, mode=0o700)
    verification = Verification(bin_directory, seed, directory)
    good = verification.run()
    print(verification.total)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
