"""Take everything out of a dirq queue, as SSM's sender does, and print it as JSON.

usage: reader.py DIRECTORY COUNT: stop when COUNT elements have been taken, or after a minute.
"""
import json
import sys
import time

from dirq.QueueSimple import QueueSimple

queue = QueueSimple(sys.argv[1])
wanted = int(sys.argv[2])
taken = []
deadline = time.time() + 60
while len(taken) < wanted and time.time() < deadline:
    name = queue.first()
    while name:
        if queue.lock(name):
            taken.append({"name": name, "content": queue.get(name).decode("ascii")})
            queue.remove(name)
        name = queue.next()
    queue.purge()
json.dump({"taken": taken, "left": queue.count()}, sys.stdout)
