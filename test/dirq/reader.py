"""Remove all elements from a dirq queue, as SSM's sender does, and print them as JSON.

usage: reader.py DIRECTORY COUNT: stop when COUNT elements have been read, or after a minute.
"""
import json
import sys
import time

from dirq.QueueSimple import QueueSimple

queue = QueueSimple(sys.argv[1])
wanted = int(sys.argv[2])
elements = []
deadline = time.time() + 60
while len(elements) < wanted and time.time() < deadline:
    name = queue.first()
    while name:
        if queue.lock(name):
            elements.append({"name": name, "content": queue.get(name).decode("ascii")})
            queue.remove(name)
        name = queue.next()
    queue.purge()
json.dump({"elements": elements, "remaining": queue.count()}, sys.stdout)
