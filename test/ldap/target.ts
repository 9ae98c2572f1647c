import { createServer, type AddressInfo, type Socket } from "node:net";
import type { AuthPolicy, Server, Verdict } from "@sluice/core";
import { ldap, type LdapOptions } from "@sluice/auth-ldap";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";

/** A verdict as the server's observers saw it, and the log line that came with it. */
export interface Target extends TestServer {
  readonly verdicts: Verdict[];
  /** Logs in and out; resolves to the last verdict. */
  login(username: string, password: string): Promise<Verdict>;
  loginByKey(username: string, privateKey: string): Promise<Verdict>;
}

export interface TargetOptions {
  readonly auth?: AuthPolicy;
  readonly prepare?: (server: Server) => void;
}

/** A Sluice server whose users are in a directory. */
export async function startTarget(options: LdapOptions, more: TargetOptions = {}): Promise<Target> {
  const verdicts: Verdict[] = [];
  const byPort = new Map<number, Verdict>();
  let port = 1024;
  const hasKeys = options.search !== undefined && options.keys !== false;
  const server = await startTestServer({
    fs: createMemoryFileSystem(),
    methods: [],
    maxStartups: "100:30:200",
    limits: {
      // Tests fail to log in often, from one place, and want to know at once.
      authRefusalMs: 1,
      authFailuresPerUserAndSource: 10_000,
      authFailuresPerSource: 10_000,
      authFailuresPerUser: 10_000,
      perSource: 500,
      perSourceUnauthenticated: 500,
    },
    plugins: [ldap(options)],
    auth: more.auth ?? (hasKeys ? [["ldap"], ["ldap-keys"]] : [["ldap"]]),
    prepare(host) {
      host.afterLogin(({ connection }, verdict) => {
        verdicts.push(verdict);
        byPort.set(connection.remotePort, verdict);
      });
      more.prepare?.(host);
    },
  });
  const attempt = async (how: Parameters<TestServer["connect"]>[0]): Promise<Verdict> => {
    port += 1;
    const own = port;
    try {
      const connection = await server.connect({ ...how, port: own });
      await connection.end();
    } catch {
      // What the client was told is not the matter.
    }
    const verdict = byPort.get(own);
    if (verdict === undefined) throw new Error("There was no verdict");
    return verdict;
  };
  return {
    ...server,
    verdicts,
    login: (username, password) => attempt({ username, password }),
    loginByKey: (username, privateKey) => attempt({ username, privateKey }),
  };
}

/** A port that accepts connections and says nothing: a directory that hangs. */
export async function silentPort(): Promise<{
  readonly port: number;
  readonly open: () => number;
  close(): Promise<void>;
}> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    open: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
