import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** A directory of a suite's own. */
export async function scratchDirectory(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "sluice-ldap-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A port on which nothing listened a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves when somebody accepts connections at a port. */
export async function accepting(port: number, deadlineMs = 20_000, host = "127.0.0.1"): Promise<void> {
  const late = performance.now() + deadlineMs;
  while (!(await accepts(port, host))) {
    if (performance.now() > late) throw new Error(`Nobody listens at ${host} port ${port}`);
    await setTimeout(20);
  }
}

function accepts(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
