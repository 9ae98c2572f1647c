"""One login by asyncssh. One job on standard input, as JSON; its outcome on standard output."""

import asyncio
import json
import sys

import asyncssh

job = json.load(sys.stdin)
outcome = {"loggedIn": False, "prompts": [], "output": ""}


class Client(asyncssh.SSHClient):
    def password_auth_requested(self):
        return job["passwords"].pop(0) if job["passwords"] else None

    def password_change_requested(self, prompt, lang):
        outcome["prompts"].append(prompt.strip())
        return (job["old"], job["new"].pop(0)) if job["new"] else NotImplemented

    def kbdint_auth_requested(self):
        return "" if job["answers"] or job["anyway"] else None

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        outcome["prompts"] += [text.strip() for text, _ in prompts]
        return [job["answers"].pop(0) if job["answers"] else "" for _ in prompts]


async def main():
    job["old"] = job["passwords"][-1] if job["passwords"] else ""
    key = job.get("key")
    keys = None if key is None else [(key, job["certificate"])] if "certificate" in job else [key]
    try:
        async with asyncssh.connect(
            job["host"],
            job["port"],
            username=job["user"],
            client_factory=Client,
            client_keys=keys,
            known_hosts=None,
            agent_path=None,
            config=None,
            preferred_auth=job["methods"],
            login_timeout=30,
        ) as connection:
            async with connection.start_sftp_client() as sftp:
                await sftp.realpath(".")
                outcome["loggedIn"] = True
    except (asyncssh.Error, OSError) as error:
        outcome["output"] += f"{type(error).__name__}: {error}\n"


asyncio.run(main())
json.dump(outcome, sys.stdout)
