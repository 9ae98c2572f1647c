"""Runs a program on a terminal of its own and answers what it prompts for. One job on standard input, as JSON; its outcome on standard output."""

import json
import os
import pty
import re
import select
import signal
import sys
import time

# The end of what a program has printed, when it waits for an answer: prompts end with a space, and lines do not.
PROMPT = re.compile(r"([^\r\n]*[:?>)] )$")


def answer(job, prompt):
    """What to type, or None where nothing is left to say."""
    if re.search(r"sftp> ?$", prompt):
        return "quit"
    if re.search(r"y/n|yes/no|key in cache", prompt, re.I):
        return "n"
    if re.search(r"Current password|old password", prompt):
        return job["old"]
    if re.search(r"new password|Retype|Confirm", prompt, re.I):
        return job["new"].pop(0) if job["new"] else None
    queue = job["passwords"] if re.search(r"'s password: ?$", prompt) else job["answers"]
    if not queue:
        return None
    if queue is job["passwords"]:
        job["old"] = queue[0]
    return queue.pop(0)


def main():
    job = json.loads(sys.stdin.read())
    job["old"] = job["passwords"][-1] if job["passwords"] else ""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(job["command"][0], job["command"], job["env"])
    output, fresh, prompts, logged_in = "", "", [], False
    deadline = time.monotonic() + job["deadline"]
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.5)
        if not ready:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        output += data.decode("utf-8", "replace")
        fresh += data.decode("utf-8", "replace")
        found = PROMPT.search(fresh)
        if not found:
            continue
        prompt = found.group(1)
        reply = answer(job, prompt)
        if reply == "quit":
            logged_in = True
        else:
            prompts.append(prompt.strip())
        fresh = ""
        if reply is None:
            break
        os.write(terminal, reply.encode() + b"\n")
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        pass
    os.close(terminal)
    os.waitpid(pid, 0)
    json.dump({"loggedIn": logged_in, "prompts": prompts, "output": output}, sys.stdout)


main()
