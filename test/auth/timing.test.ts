import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { Client } from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ldap } from "@sluice/auth-ldap";
import { hashPassword, users } from "@sluice/auth-users";
import { defaultLimits, definePlugin, generateHostKey, refused, type Plugin } from "@sluice/core";
import { people, person, service, Slapd, slapdUnavailable } from "../ldap/slapd.ts";
import { listen, type ListeningServer } from "./server.ts";

/** Samples of each kind; 1,000 for the figures in docs/decisions.md. */
const samples = Number(process.env["SLUICE_TIMING_SAMPLES"] ?? 8);
/** With few samples on a busy machine, medians differ by chance: only that nothing is answered before its time is looked at then. */
const isMeasured = samples >= 500;
/** Connections of each subject at once. More that hash passwords would wait for each other on a machine of two cores. */
const lanes = isMeasured ? { password: 1, publickey: 4, question: 4 } : { password: 2, publickey: 2, question: 2 };
const { authRefusalMs } = defaultLimits;
const limits = { authRefusalMs, authAttempts: 1_000_000, authRequests: 1_000_000, loginGraceMs: 3_600_000 };
const many = 1_000_000;
const unthrottled = { authFailuresPerUserAndSource: many, authFailuresPerSource: many, authFailuresPerUser: many };

const key = generateHostKey("ed25519");
const subjects = { known: "alice", unknown: "nobody", disabled: "mallory" } as const;
type Subject = keyof typeof subjects;

/** What is waited for: a refusal, or the first question of a factor that goes on with a refusal. */
type Kind = "password" | "publickey" | "question";

/** How long the answers to one kind of attempt take over one connection, in ms. */
function attempts(port: number, username: string, kind: Kind, count: number): Promise<number[]> {
  const client = new Client();
  const times: number[] = [];
  let sentAt: number | undefined;
  const took = (): void => {
    if (sentAt !== undefined) times.push(performance.now() - sentAt);
    sentAt = undefined;
  };
  return new Promise((resolve, reject) => {
    client.on("error", () => undefined);
    client.once("ready", () => reject(new Error("A stranger has logged in")));
    client.once("close", () => resolve(times));
    client.connect({
      host: "127.0.0.1",
      port,
      username,
      readyTimeout: 3_600_000,
      authHandler: (_methods, _partial, next) => {
        took();
        if (times.length >= count) {
          client.end();
          return;
        }
        sentAt = performance.now();
        if (kind === "password") next({ type: "password", username, password: "wrong" });
        else if (kind === "publickey") next({ type: "publickey", username, key: key.privateKey });
        else {
          next({
            type: "keyboard-interactive",
            username,
            prompt: (_name, _instructions, _lang, _prompts, finish) => {
              took();
              finish(["wrong"]);
            },
          });
        }
      },
    });
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** As many samples of each subject, all at the same time, so that they meet the same load. */
async function measure(port: number, kind: Kind): Promise<Record<Subject, number[]>> {
  const each = async (username: string): Promise<number[]> => {
    const lane = (): Promise<number[]> => attempts(port, username, kind, Math.ceil(samples / lanes[kind]));
    return (await Promise.all(Array.from({ length: lanes[kind] }, lane))).flat();
  };
  const [known, unknown, disabled] = await Promise.all([
    each(subjects.known),
    each(subjects.unknown),
    each(subjects.disabled),
  ]);
  return { known, unknown, disabled };
}

const timeout = 120_000 + samples * 1500;

async function expectAlike(what: string, port: number, kind: Kind): Promise<void> {
  const { known, unknown, disabled } = await measure(port, kind);
  const all = [known, unknown, disabled];
  expect(Math.min(...all.map(({ length }) => length))).toBeGreaterThanOrEqual(samples);
  // Timers of Node may be a millisecond early.
  const step = kind === "password" ? authRefusalMs : authRefusalMs / 10;
  expect(Math.min(...all.flat())).toBeGreaterThan(step - 2);
  if (!isMeasured) return;
  const medians = { known: median(known), unknown: median(unknown), disabled: median(disabled) };
  const difference = Math.max(...Object.values(medians)) - Math.min(...Object.values(medians));
  process.stderr.write(`${JSON.stringify({ what, kind, samples, medians, difference })}\n`);
  expect(difference, JSON.stringify(medians)).toBeLessThan(10);
}

/** A method that looks a name up before it asks, which takes longer for some. */
const slowToAsk = definePlugin({
  name: "slow-to-ask",
  setup(host) {
    host.authenticate({
      name: "question",
      mechanism: "keyboard-interactive",
      async verify({ ask, username }) {
        if (username !== subjects.unknown) await after(20);
        await ask({ prompts: [{ text: "Code: ", echo: false }] });
        return refused("wrong");
      },
    });
  },
});

const serve = (plugins: readonly Plugin[], auth: readonly (readonly string[])[]): Promise<ListeningServer> =>
  listen({
    methods: [],
    plugins,
    auth,
    maxStartups: "100:30:200",
    limits: { ...limits, ...unthrottled, perSource: 100, perSourceUnauthenticated: 100 },
  });

describe("users of a file", () => {
  let running: ListeningServer;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "sluice-timing-"));
    const file = path.join(directory, "users.json");
    const password = await hashPassword("right");
    const own = { password, keys: [generateHostKey("ed25519").publicKey.trim()] };
    const text = JSON.stringify({ users: { alice: own, mallory: { ...own, disabled: true } } });
    await writeFile(file, text, { mode: 0o600 });
    running = await serve([users({ file }), slowToAsk()], [["password"], ["authorized-keys"], ["question"]]);
  });
  afterAll(async () => {
    await running.close();
    await rm(directory, { recursive: true, force: true });
  });

  it.each<[string, Kind]>([
    ["a wrong password is refused", "password"],
    ["a key is not taken", "publickey"],
    ["the first question comes", "question"],
  ])("%s in the same time for a user, a disabled one, and a name that nobody has", { timeout }, async (_, kind) => {
    await expectAlike("file", running.port, kind);
  });
});

describe.skipIf(slapdUnavailable !== undefined)("users of a directory", () => {
  let running: ListeningServer;
  let slapd: Slapd;

  beforeAll(async () => {
    const lines = [`sshPublicKey: ${generateHostKey("ed25519").publicKey.trim()}`];
    const entries = [
      person("alice", "right and long", ...lines),
      person("mallory", "right and long", "shadowExpire: 1", ...lines),
      // The attempts are of passwords that are wrong, and lock nobody here.
      `dn: cn=default,ou=policies,dc=example,dc=org\nchangetype: modify\nreplace: pwdLockout\npwdLockout: FALSE\n`,
    ];
    slapd = await Slapd.start({ ldif: entries.join("\n") });
    const options = { urls: [slapd.url], bind: service, search: { base: people } };
    running = await serve([ldap(options)], [["ldap"], ["ldap-keys"]]);
  });
  afterAll(async () => {
    await running?.close();
    await slapd?.stop();
  });

  it.each<[string, Kind]>([
    ["a wrong password is refused", "password"],
    ["a key is not taken", "publickey"],
  ])("%s in the same time for a user, a disabled one, and a name that nobody has", { timeout }, async (_, kind) => {
    await expectAlike("directory", running.port, kind);
  });
});
