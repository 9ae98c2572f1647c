import type { Ssh2Protocol } from "./ssh2.ts";

/** More than the login's requests would need. */
const maxRequests = 20;

/**
 * Accepts the service `ssh-userauth` again when a client asks for it before each factor, as paramiko does; ssh2 ends the connection at the second
 * request. RFC 4253, section 10, does not forbid it, and OpenSSH allows it.
 */
export function mendService(protocol: Ssh2Protocol): void {
  const first = protocol._handlers.SERVICE_REQUEST;
  let accepted = 0;
  protocol._handlers.SERVICE_REQUEST = (self, service) => {
    const again = accepted > 0 && accepted < maxRequests && service === "ssh-userauth" && !protocol._authenticated;
    accepted += 1;
    if (again) protocol.serviceAccept(service);
    else first(self, service);
  };
}
