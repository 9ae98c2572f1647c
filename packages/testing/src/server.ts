import { setImmediate, setTimeout } from "node:timers/promises";
import {
  createServer,
  generateHostKey,
  proven,
  unknown,
  type AuthMethod,
  type CloseOptions,
  type FileSystemSource,
  type GeneratedHostKey,
  type Plugin,
  type Server,
  type ServerOptions,
} from "@sluice/core";
import { connect, type ConnectOptions, type TestConnection } from "./connect.ts";
import { capturedLog, type CapturedLog } from "./log.ts";

/** Who can log in to a test server that is given no methods of its own. */
export const testUser: { readonly username: string; readonly password: string } = {
  username: "tester",
  password: "correct horse battery staple",
};

/** What a test server is made from, beside the options of every server. Refusals of logins are not delayed, unless `limits.authRefusalMs` says so. */
export interface TestServerOptions extends Partial<Omit<ServerOptions, "log">> {
  /** Mounted at `/`. Absent: nothing is, and a plugin or `prepare` has to. */
  readonly fs?: FileSystemSource;
  readonly plugins?: readonly Plugin[];
  /** Instead of the method `test`, a password, by which `testUser` logs in. */
  readonly methods?: readonly AuthMethod[];
  /** Registers what else the test needs, before the plugins do. */
  readonly prepare?: (server: Server) => void;
  /** @default a log of its own */
  readonly log?: CapturedLog;
}

/** A server that is ready, with nothing listening. */
export interface TestServer {
  readonly server: Server;
  readonly log: CapturedLog;
  /** Logs in; as `testUser` where the options name nobody else. */
  connect(options?: ConnectOptions): Promise<TestConnection>;
  /** Resolves when no connection is left: what they held has been given back, and their listeners have been told. */
  idle(): Promise<void>;
  /** Cuts all connections and closes the plugins; with options, closes the server as they say. */
  close(options?: CloseOptions): Promise<void>;
}

let hostKey: GeneratedHostKey | undefined;

/** The host key of this process's test servers: Ed25519, made on first use. */
export function testHostKey(): GeneratedHostKey {
  return (hostKey ??= generateHostKey());
}

/**
 * A server with a host key, a quiet log and one user, ready to be connected to.
 *
 * @throws SetupError as `server.ready()` does
 * @example
 * const { connect, close } = await startTestServer({ fs: createMemoryFileSystem(), plugins: [quota({ bytes: 100 })] });
 * const client = await (await connect()).sftp();
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { fs, plugins = [], methods, prepare, log = capturedLog(), ...rest } = options;
  const server = createServer({
    hostKeys: [{ key: testHostKey().privateKey }],
    penalties: false,
    ...rest,
    limits: { authRefusalMs: 1, ...rest.limits },
    log,
  });
  for (const method of methods ?? [testMethod]) server.authenticate(method);
  if (fs !== undefined) server.mount("/", fs);
  prepare?.(server);
  server.register(...plugins);
  await server.ready();
  const connections: TestConnection[] = [];
  return {
    server,
    log,
    async connect(how = {}) {
      const connection = await connect(server, methods === undefined ? { ...testUser, ...how } : how);
      connections.push(connection);
      return connection;
    },
    async idle() {
      while (server.connections.size > 0) await setTimeout(2);
    },
    async close(how) {
      if (how === undefined) {
        for (const connection of connections) connection.cut();
        // The server notices within a few turns; what takes longer, its own close waits for.
        for (let turn = 0; turn < 50 && server.connections.size > 0; turn++) await setImmediate();
      }
      await server.close(how ?? { graceMs: 0 });
    },
  };
}

const testMethod: AuthMethod<"password"> = {
  name: "test",
  mechanism: "password",
  verify: ({ username, password }) =>
    username === testUser.username && password === testUser.password ? proven() : unknown(),
};
