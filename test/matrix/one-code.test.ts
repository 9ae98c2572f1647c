import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { totp, TotpEnrolment } from "@sluice/auth-totp";
import { proven, refused, type AuthMethod } from "@sluice/core";
import { memorySockets } from "@sluice/core/ssh-client";
import { memoryFiles } from "@sluice/fs-memory";
import { lmdbStore } from "@sluice/store-lmdb";
import { startTestServer, type TestServer } from "@sluice/testing";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { codeOf, stepAt, type Secret } from "../../packages/auth-totp/src/code.ts";
import { secretOf, testKey } from "../../packages/auth-totp/test/support.ts";
import { curve, RawClient } from "../../packages/core/test/raw-client.ts";
import { string, u32 } from "../../packages/core/test/raw-wire.ts";

const USERAUTH_REQUEST = 50;
const USERAUTH_FAILURE = 51;
const USERAUTH_SUCCESS = 52;
const USERAUTH_INFO_REQUEST = 60;
const USERAUTH_INFO_RESPONSE = 61;

const rounds = 100;
const uses = 50;
const secretPassword = "correct horse";
const password: AuthMethod<"password"> = {
  name: "password",
  mechanism: "password",
  verify: (attempt) => (attempt.password === secretPassword ? proven() : refused("wrong password")),
};

let folder: string;
let server: TestServer;
let secret: Secret;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-one-code-"));
  // The clock on the wall stands still between rounds; timers go on.
  vi.useFakeTimers({ toFake: ["Date"] });
  server = await start();
  const pending = await server.server.services.get(TotpEnrolment).enroll("alice");
  secret = secretOf(pending.secret);
  if (!(await pending.confirm(shown()))) throw new Error("not confirmed");
});
afterEach(async () => {
  vi.useRealTimers();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

function start(): Promise<TestServer> {
  const many = 1_000_000;
  return startTestServer({
    fs: memoryFiles(),
    methods: [password] as readonly AuthMethod[],
    auth: [["password", "totp"]],
    maxStartups: "200:30:300",
    limits: {
      loginGraceMs: 600_000,
      authAttempts: many,
      authRequests: many,
      authFailuresPerUserAndSource: many,
      authFailuresPerSource: many,
      authFailuresPerUser: many,
      perSource: 500,
      perSourceUnauthenticated: 500,
    },
    plugins: [lmdbStore({ path: folder, check: false }), totp({ key: testKey })],
  });
}

async function restart(): Promise<void> {
  await server.close();
  server = await start();
}

function shown(): string {
  return codeOf(secret, stepAt(secret, Date.now()));
}

function nextStep(): void {
  vi.setSystemTime(Date.now() + secret.period * 1000);
}

/** A connection of alice's on which the password is proven and the code is not. */
class Halfway {
  readonly #client: RawClient;
  readonly #cut: () => void;

  private constructor(client: RawClient, cut: () => void) {
    this.#client = client;
    this.#cut = cut;
  }

  static async open(): Promise<Halfway> {
    const sockets = memorySockets();
    server.server.accept(sockets.server);
    const client = new RawClient(sockets.client);
    const halfway = new Halfway(client, () => void sockets.client.destroy());
    await client.exchange({ kex: [curve] });
    await client.service();
    client.send(request("password", Buffer.of(0), string(secretPassword)));
    await client.expect(USERAUTH_FAILURE);
    return halfway;
  }

  /** Whether that logs in. */
  async use(code: string): Promise<boolean> {
    this.#client.send(request("keyboard-interactive", string(""), string("")));
    await this.#client.expect(USERAUTH_INFO_REQUEST);
    this.#client.send(Buffer.concat([Buffer.of(USERAUTH_INFO_RESPONSE), u32(1), string(code)]));
    const [answer] = await this.#client.next();
    if (answer !== USERAUTH_FAILURE && answer !== USERAUTH_SUCCESS) throw new Error(`Message ${answer}`);
    return answer === USERAUTH_SUCCESS;
  }

  cut(): void {
    this.#cut();
  }
}

function request(method: string, ...rest: readonly Uint8Array[]): Buffer {
  const head = ["alice", "ssh-connection", method].map((field) => string(field));
  return Buffer.concat([Buffer.of(USERAUTH_REQUEST), ...head, ...rest]);
}

const open = (count: number): Promise<Halfway[]> => Promise.all(Array.from({ length: count }, () => Halfway.open()));
/** How many log in, of connections that use one code at once. */
async function winners(connections: readonly Halfway[], code = shown()): Promise<readonly Halfway[]> {
  const accepted = await Promise.all(connections.map((connection) => connection.use(code)));
  return connections.filter((_, i) => accepted[i]);
}

it(
  `of ${uses} connections that use one code at once, one logs in, ${rounds} times over, and none after a restart`,
  { timeout: 300_000 },
  async () => {
    let connections = await open(uses);
    for (let round = 0; round < rounds; round++) {
      nextStep();
      const [winner, ...more] = await winners(connections);
      expect({ round, more: more.length, won: winner !== undefined }).toEqual({ round, more: 0, won: true });
      winner?.cut();
      connections = [...connections.filter((connection) => connection !== winner), await Halfway.open()];
    }
    const last = shown();
    await restart();
    const after = await open(uses);
    expect(await winners(after, last)).toHaveLength(0);
    nextStep();
    expect(await winners(after)).toHaveLength(1);
  },
);

it(
  "of connections before a restart and after it that use one code, one logs in, and no two where the restart cuts logins off",
  { timeout: 300_000 },
  async () => {
    for (let round = 0; round < 5; round++) {
      nextStep();
      expect(await winners(await open(uses / 2))).toHaveLength(1);
      await restart();
      expect(await winners(await open(uses / 2))).toHaveLength(0);
    }
    for (let round = 0; round < 5; round++) {
      nextStep();
      const code = shown();
      const won = (await open(uses / 2)).map((connection) => connection.use(code).catch(() => false));
      // The first to be answered is there, and the others are on their way.
      await Promise.race(won);
      await restart();
      const before = (await Promise.all(won)).filter(Boolean).length;
      const after = (await winners(await open(uses / 2), code)).length;
      expect(before + after).toBeLessThanOrEqual(1);
      nextStep();
      expect(await winners(await open(2))).toHaveLength(1);
    }
  },
);
