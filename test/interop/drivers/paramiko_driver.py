"""Drives paramiko: one command a line on standard input, as JSON, one answer a line on standard output."""

import json
import os
import sys

import paramiko


def connect(command):
    client = paramiko.SSHClient()
    client.load_host_keys(command["known_hosts"])
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        command["host"],
        port=command["port"],
        username=command["user"],
        password=command.get("password"),
        key_filename=command.get("key"),
        allow_agent=False,
        look_for_keys=False,
    )
    return client


def put_dated(sftp, local, remote):
    status = os.stat(local)
    sftp.put(local, remote)
    sftp.chmod(remote, status.st_mode & 0o7777)
    sftp.utime(remote, (status.st_atime, status.st_mtime))


def get_dated(sftp, remote, local):
    status = sftp.stat(remote)
    sftp.get(remote, local)
    os.chmod(local, status.st_mode & 0o7777)
    os.utime(local, (status.st_atime, status.st_mtime))


def resume_get(sftp, remote, local):
    with sftp.open(remote, "rb") as source, open(local, "ab") as target:
        source.seek(target.tell())
        source.prefetch()
        while data := source.read(65536):
            target.write(data)


def resume_put(sftp, local, remote):
    with open(local, "rb") as source, sftp.open(remote, "ab") as target:
        source.seek(sftp.stat(remote).st_size)
        target.set_pipelined(True)
        while data := source.read(32768):
            target.write(data)


def path(text):
    """Every character of the text is one byte."""
    return text.encode("latin-1")


def serve(sftp, command):
    op = command["op"]
    local, remote = (path(command.get(name, "")) for name in ("local", "remote"))
    if op == "put":
        sftp.put(local, remote)
    elif op == "get":
        sftp.get(remote, local)
    elif op == "list":
        return [name.encode().decode("latin-1") for name in sftp.listdir(os.fsdecode(remote))]
    elif op == "rename":
        sftp.rename(remote, path(command["to"]))
    elif op == "replace":
        sftp.posix_rename(remote, path(command["to"]))
    elif op == "resume_get":
        resume_get(sftp, remote, local)
    elif op == "resume_put":
        resume_put(sftp, local, remote)
    elif op == "symlink":
        sftp.symlink(path(command["target"]), remote)
    elif op == "readlink":
        return sftp.readlink(remote).encode().decode("latin-1")
    elif op == "put_dated":
        put_dated(sftp, local, remote)
    elif op == "get_dated":
        get_dated(sftp, remote, local)
    else:
        raise ValueError(f"unknown command {op}")


def main():
    client = sftp = None
    try:
        for line in sys.stdin:
            command = json.loads(line)
            try:
                if command["op"] == "connect":
                    client = connect(command)
                    sftp = client.open_sftp()
                    answer = None
                else:
                    answer = serve(sftp, command)
                reply = {"result": answer}
            except Exception as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(reply), flush=True)
    finally:
        if client is not None:
            client.close()


main()
