"""Drives AsyncSSH, asking for SFTP v6: one command a line on standard input, as JSON, one answer a line on standard output."""

import asyncio
import json
import os
import sys
import warnings

# The library names ciphers that the cryptography package has deprecated.
warnings.simplefilter("ignore")

import asyncssh  # noqa: E402


async def connect(command):
    connection = await asyncssh.connect(
        command["host"],
        port=command["port"],
        username=command["user"],
        password=command.get("password"),
        client_keys=[command["key"]] if "key" in command else None,
        known_hosts=command["known_hosts"],
        agent_path=None,
        config=None,
    )
    return connection, await connection.start_sftp_client(sftp_version=6)


async def resume_get(sftp, remote, local):
    with open(local, "ab") as target:
        async with sftp.open(remote, "rb") as source:
            await source.seek(target.tell())
            target.write(await source.read())


async def resume_put(sftp, local, remote):
    with open(local, "rb") as source:
        async with sftp.open(remote, "ab") as target:
            source.seek((await sftp.stat(remote)).size)
            while data := source.read(1 << 20):
                await target.write(data)


def path(text):
    """Every character of the text is one byte."""
    return text.encode("latin-1")


async def serve(sftp, command):
    op = command["op"]
    local, remote = (path(command.get(name, "")) for name in ("local", "remote"))
    if op == "put":
        await sftp.put(local, remote)
    elif op == "get":
        await sftp.get(remote, local, follow_symlinks=True)
    elif op == "list":
        return [name.decode("latin-1") for name in await sftp.listdir(remote)]
    elif op == "rename":
        await sftp.rename(remote, path(command["to"]))
    elif op == "replace":
        await sftp.posix_rename(remote, path(command["to"]))
    elif op == "resume_get":
        await resume_get(sftp, remote, local)
    elif op == "resume_put":
        await resume_put(sftp, local, remote)
    elif op == "put_tree":
        await sftp.put(local, remote, recurse=True)
    elif op == "get_tree":
        await sftp.get(remote, local, recurse=True)
    elif op == "symlink":
        await sftp.symlink(path(command["target"]), remote)
    elif op == "readlink":
        return (await sftp.readlink(remote)).decode("latin-1")
    elif op == "put_dated":
        await sftp.put(local, remote, preserve=True)
    elif op == "get_dated":
        await sftp.get(remote, local, preserve=True)
    else:
        raise ValueError(f"unknown command {op}")


async def main():
    loop = asyncio.get_running_loop()
    connection = sftp = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        try:
            if command["op"] == "connect":
                connection, sftp = await connect(command)
                answer = None
            else:
                answer = await serve(sftp, command)
            reply = {"result": answer}
        except (OSError, asyncssh.Error) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
    if connection is not None:
        connection.close()
        await connection.wait_closed()


asyncio.run(main())
