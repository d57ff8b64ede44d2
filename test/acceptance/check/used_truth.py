#!/usr/bin/python3
"""Computes usage from counter readings. It shares no code with caso.

Standard input: {"until": epoch seconds, "measures": {server: {meter: {counter: [[epoch seconds,
value], ...]}}}}. Standard output: {server: {meter: whole seconds or GB}}.

A counter that is lower than before restarted at 0. Nanoseconds become seconds and bytes GB (2^30
bytes), rounded down once. A duration of 0 is sent as 1. A counter without readings is absent.
"""
import json
import sys

UNITS = {"cpu": 10**9, "network.incoming.bytes": 2**30, "network.outgoing.bytes": 2**30}


def sum_increases(readings):
    """Returns the sum of all increases; a restart begins at 0."""
    total, previous = 0, 0
    for _, value in readings:
        total += value - previous if value >= previous else value
        previous = value
    return total


def main():
    question = json.load(sys.stdin)
    answer = {}
    for server, meters in question["measures"].items():
        figures = answer[server] = {}
        for meter, counters in meters.items():
            read = [[reading for reading in readings if reading[0] < question["until"]] for readings in counters.values()]
            if any(read):
                figure = sum(sum_increases(readings) for readings in read) // UNITS[meter]
                figures[meter] = max(figure, 1) if meter == "cpu" else figure
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
