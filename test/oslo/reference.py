"""Reads configuration files with the real oslo.config and prints the results.

Standard input: {"options": [...], "cases": [[[path, is_dir], ...], ...]}. Standard output: for each case
{"values": {section: {option: value}}, "wrong": {section: {option: kind of error}}}, or where nothing
could be read {"error": kind, "file": path, "line": number}.
"""

import json
import logging
import re
import sys

from oslo_config import cfg
from oslo_config import types

logging.disable(logging.CRITICAL)


def declare(option):
    common = {"default": option.get("default"), "deprecated_opts": []}
    for old in option["old_names"] or []:
        if old["name"] == option["name"]:
            # cASO sets only the section where the name is unchanged.
            common["deprecated_group"] = old["section"]
        else:
            common["deprecated_opts"].append(cfg.DeprecatedOpt(old["name"], group=old["section"]))
    choices = option.get("choices")
    if option["type"] == "list":
        return cfg.ListOpt(option["name"], item_type=types.String(choices=choices), **common)
    if option["type"] == "boolean":
        return cfg.BoolOpt(option["name"], **common)
    if option["type"] == "integer":
        return cfg.IntOpt(option["name"], min=option.get("min"), max=option.get("max"), **common)
    return cfg.StrOpt(option["name"], choices=choices, **common)


def read(options, sources):
    conf = cfg.ConfigOpts()
    for option in options:
        group = None if option["section"] == "DEFAULT" else option["section"]
        conf.register_opt(declare(option), group=group)
    arguments = []
    for path, is_dir in sources:
        arguments += ["--config-dir" if is_dir else "--config-file", path]
    try:
        conf(arguments, project="caso", prog="caso-extract", use_env=False,
             default_config_files=[], default_config_dirs=[])
    except cfg.ConfigFileParseError as error:
        found = re.search(r"at (.*?):(\d+), ", str(error), re.S)
        return {"error": "parse", "file": found.group(1), "line": int(found.group(2))}
    except (Exception, SystemExit) as error:
        return {"error": type(error).__name__}
    values, wrong = {}, {}
    for option in options:
        holder = conf if option["section"] == "DEFAULT" else getattr(conf, option["section"])
        try:
            value = getattr(holder, option["name"])
        except (Exception, SystemExit) as error:
            wrong.setdefault(option["section"], {})[option["name"]] = type(error).__name__
            continue
        values.setdefault(option["section"], {})[option["name"]] = value
    return {"values": values, "wrong": wrong}


def main():
    asked = json.load(sys.stdin)
    for case in asked["cases"]:
        print(json.dumps(read(asked["options"], case)))


main()
