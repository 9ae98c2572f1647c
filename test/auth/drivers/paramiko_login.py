"""One login by paramiko, factor after factor. One job on standard input, as JSON; its outcome on standard output."""

import json
import sys

import paramiko

job = json.load(sys.stdin)
user = job["user"]
outcome = {"loggedIn": False, "prompts": [], "output": ""}


def interact(title, instructions, fields):
    outcome["prompts"] += [text.strip() for text, _ in fields]
    return [job["answers"].pop(0) if job["answers"] else "" for _ in fields]


def key():
    loaded = paramiko.Ed25519Key.from_private_key_file(job["key"])
    if "certificate" in job:
        loaded.load_certificate(job["certificate"])
    return loaded


def prove(transport, method):
    if method == "publickey":
        return transport.auth_publickey(user, key())
    if method == "password":
        return transport.auth_password(user, job["passwords"].pop(0), fallback=False)
    return transport.auth_interactive(user, interact)


transport = paramiko.Transport((job["host"], job["port"]))
try:
    transport.start_client(timeout=20)
    transport.auth_timeout = 30
    for method in job["methods"]:
        tries = max(1, len(job["passwords"])) if method == "password" else 1
        for _ in range(tries):
            try:
                prove(transport, method)
                break
            except paramiko.AuthenticationException as error:
                outcome["output"] += f"{method}: {type(error).__name__}: {error}\n"
    if transport.is_authenticated():
        paramiko.SFTPClient.from_transport(transport).normalize(".")
        outcome["loggedIn"] = True
except (paramiko.SSHException, EOFError, OSError) as error:
    outcome["output"] += f"{type(error).__name__}: {error}\n"
finally:
    transport.close()
json.dump(outcome, sys.stdout)
