"""One attempt by a password for each name, over a connection of its own, by paramiko. One job on standard input, as JSON with names and passwords in
base64; what came of each on standard output."""

import base64
import json
import sys

import paramiko

job = json.load(sys.stdin)
outcomes = []
for name, password in job["attempts"]:
    transport = paramiko.Transport((job["host"], job["port"]))
    try:
        transport.start_client(timeout=20)
        transport.auth_timeout = 30
        transport.auth_password(base64.b64decode(name), base64.b64decode(password), fallback=False)
        outcomes.append("in " + paramiko.SFTPClient.from_transport(transport).normalize("."))
    except paramiko.BadAuthenticationType as error:
        outcomes.append(type(error).__name__)
    except paramiko.AuthenticationException:
        # The same exception stands for a refusal and for the end of the connection.
        outcomes.append("denied" if transport.is_active() else "ended")
    except (paramiko.SSHException, EOFError, OSError):
        outcomes.append("ended")
    finally:
        transport.close()
json.dump(outcomes, sys.stdout)
