import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { certificates, type CertificatesOptions } from "@sluice/auth-certificates";
import { users } from "@sluice/auth-users";
import { definePlugin, proven, refused, type AuthPolicy, type Plugin, type User } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import {
  certificateType,
  fido,
  madeCertificate,
  madeKey,
  value,
  type MadeKey,
} from "../../packages/core/test/made-keys.ts";
import { curve, RawClient } from "../../packages/core/test/raw-client.ts";
import { login, unavailable, type ClientName } from "./clients.ts";

const run = promisify(execFile);
let directory: string;
let running: TestServer | undefined;
const open = new Set<User>();
const file = (name: string): string => path.join(directory, name);

const keygen = (...args: readonly string[]): Promise<unknown> =>
  run("ssh-keygen", ["-q", ...args], { timeout: 30_000 });
const makeKey = (name: string, ...type: readonly string[]): Promise<unknown> =>
  keygen("-N", "", "-C", name, "-f", file(name), "-t", ...type);
/** Signs a copy of a key's public half, and resolves with the certificate's file. */
async function certify(key: string, name: string, options: readonly string[] = [], authority = "ca"): Promise<string> {
  const copy = file(name.replaceAll(" ", "-"));
  await copyFile(file(`${key}.pub`), `${copy}.pub`);
  const principals = options.includes("-n") ? [] : ["-n", "alice"];
  await keygen("-s", file(authority), "-I", name, ...principals, ...options, `${copy}.pub`);
  return `${copy}-cert.pub`;
}

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-certificates-"));
  await Promise.all([
    makeKey("ca", "ed25519"),
    makeKey("rsa-ca", "rsa", "-b", "3072"),
    makeKey("other-ca", "ecdsa", "-b", "384"),
    makeKey("ed25519", "ed25519"),
    makeKey("ecdsa", "ecdsa", "-b", "256"),
    makeKey("rsa", "rsa", "-b", "2048"),
  ]);
});
afterEach(async () => {
  await running?.close();
  running = undefined;
  open.clear();
});
afterAll(async () => rm(directory, { recursive: true, force: true }));

async function serve(plugins: readonly Plugin[], auth?: AuthPolicy): Promise<number> {
  running = await startTestServer({
    fs: memoryFiles(),
    methods: [],
    ...(auth === undefined ? {} : { auth }),
    prepare: (server) => {
      for (const plugin of plugins) server.register(plugin);
      server.onSession((session) => void open.add(session.user));
    },
  });
  const address = await running.server.listen({ host: "127.0.0.1", port: 0 });
  return "port" in address ? address.port : 0;
}
const trusting = (options: Partial<CertificatesOptions> = {}): Promise<number> =>
  serve([certificates({ authorities: [file("ca.pub"), file("rsa-ca.pub")], ...options })]);

const passwords = definePlugin({
  name: "passwords",
  setup(host) {
    host.authenticate({
      name: "password",
      mechanism: "password",
      verify: ({ password }) => (password === "right" ? proven() : refused("wrong")),
    });
  },
})();

const refusal = async (reason: string | RegExp): Promise<unknown> =>
  running!.log.waitFor(({ fields }) => String(fields["reason"]).match(reason) !== null);

describe.each((["openssh", "paramiko", "asyncssh"] as const).filter((client) => unavailable(client) === undefined))(
  "%s",
  (client: ClientName) => {
    const user = "alice";
    const key = (name = "ed25519"): string => file(name);

    it("logs in by a certificate, and tells whom the authority named", async () => {
      const certificate = await certify("ed25519", `${client}-good`, ["-z", "42", "-V", "-1h:+1h"]);
      const port = await trusting();
      expect(await login(client, { port, user, key: key(), certificate })).toMatchObject({ loggedIn: true });
      const [loggedIn] = open;
      expect(loggedIn).toMatchObject({
        name: "alice",
        claims: { certificate: { keyId: `${client}-good`, serial: "42" } },
      });
      expect(await login(client, { port, user: "bob", key: key(), certificate })).toMatchObject({ loggedIn: false });
    });

    it("logs in by a certificate for as many principals as ssh-keygen takes, which take 12 KiB", async () => {
      const others = Array.from({ length: 255 }, (_, i) => `service-${i}-of-the-department@hosts.example.org`);
      const certificate = await certify("ed25519", `${client}-many`, ["-n", [...others, user].join(",")], "rsa-ca");
      expect((await readFile(certificate, "utf8")).length).toBeGreaterThan(12_000);
      const port = await trusting();
      expect(await login(client, { port, user, key: key(), certificate })).toMatchObject({ loggedIn: true });
    });

    it("does not log in by its plain key, nor by a certificate of another authority", async () => {
      const port = await trusting();
      expect(await login(client, { port, user, key: key() })).toMatchObject({ loggedIn: false });
      const certificate = await certify("ed25519", `${client}-strange`, [], "other-ca");
      expect(await login(client, { port, user, key: key(), certificate })).toMatchObject({ loggedIn: false });
    });

    it("does not log in by a certificate that has expired", async () => {
      const port = await trusting();
      const certificate = await certify("ed25519", `${client}-old`, ["-V", "20200101:20200102"]);
      expect(await login(client, { port, user, key: key(), certificate })).toMatchObject({ loggedIn: false });
    });
  },
);

describe.skipIf(unavailable("openssh") !== undefined)("OpenSSH's client", () => {
  const user = "alice";
  const attempt = async (port: number, certificate: string, key = "ed25519"): Promise<boolean> =>
    (await login("openssh", { port, user, key: file(key), certificate })).loggedIn;

  it.each([
    ["ecdsa", "ca", []],
    ["rsa", "ca", []],
    ["rsa", "rsa-ca", ["-t", "rsa-sha2-256"]],
    ["ed25519", "rsa-ca", ["-t", "rsa-sha2-512"]],
  ])("logs in by a certificate over a key of type %s, signed by %s %j", async (type, authority, options) => {
    const port = await trusting();
    const certificate = await certify(type, `${type}-by-${authority}`, options, authority);
    expect(await attempt(port, certificate, type)).toBe(true);
  });

  it.each([
    ["source-address", ["-O", "source-address=127.0.0.0/8,::1/128"], undefined],
    ["another source-address", ["-O", "source-address=192.0.2.0/24"], "may not be used from this address"],
    ["force-command=internal-sftp", ["-O", "force-command=internal-sftp"], undefined],
    ["another command", ["-O", "force-command=/bin/true"], "another command"],
    ["an unknown critical option", ["-O", "critical:x@example.org=y"], 'critical option "x@example.org"'],
    ["an unknown extension", ["-O", "extension:x@example.org=y"], undefined],
    ["no extensions", ["-O", "clear"], undefined],
    ["verify-required", ["-O", "verify-required"], "cannot verify its user"],
    ["a later beginning", ["-V", "+1h:+2h"], "is not valid yet"],
    ["other principals", ["-n", "bob,carol"], "for no principal"],
    ["several principals", ["-n", "bob,alice"], undefined],
  ] as const)("is judged by its certificate's %s", async (name, options, why) => {
    const port = await trusting();
    const certificate = await certify("ed25519", name.replaceAll(/\W/g, "-"), options);
    expect(await attempt(port, certificate)).toBe(why === undefined);
    if (why !== undefined) await refusal(why);
  });

  it("does not log in once key, serial, key id or authority are revoked, while the server runs", async () => {
    const revoked = file("revoked");
    await writeFile(revoked, "");
    const port = await trusting({ revoked });
    const certificate = await certify("ed25519", "to be revoked", ["-z", "77"]);
    const other = await certify("ecdsa", "to be kept", ["-z", "78"]);
    const revoke = async (...spec: readonly string[]): Promise<void> => {
      await writeFile(file("spec"), `${spec.join("\n")}\n`);
      await keygen("-k", "-f", `${revoked}.new`, "-s", file("ca.pub"), file("spec"));
      await rename(`${revoked}.new`, revoked);
    };
    expect(await attempt(port, certificate)).toBe(true);
    for (const spec of [
      "serial: 77",
      "id: to be revoked",
      `key: ${await line("ed25519")}`,
      `sha1: ${await line("ed25519")}`,
    ]) {
      await revoke(spec);
      expect([spec, await attempt(port, certificate)]).toEqual([spec, false]);
    }
    expect(await attempt(port, other, "ecdsa")).toBe(true);
    await writeFile(revoked, "serial: 1");
    expect(await attempt(port, certificate)).toBe(true);
    await writeFile(revoked, "seriall: 77");
    expect(await attempt(port, certificate)).toBe(true);
    await running!.log.waitFor(({ message }) => message.includes("the revocations read before stay in force"));
    await revoke(`key: ${await line("ca")}`);
    expect(await attempt(port, other, "ecdsa")).toBe(false);
  });

  it("logs in by principals of a map, and by an authority of the user's own", async () => {
    const certificate = await certify("ed25519", "team", ["-n", "team"]);
    const port = await trusting({ principals: { alice: ["team", "crew"] } });
    expect(await attempt(port, certificate)).toBe(true);
    await running?.close();
    const usersFile = file("users.json");
    const keys = [`cert-authority,principals="team" ${await line("ca")}`];
    await writeFile(usersFile, JSON.stringify({ users: { alice: { keys, home: "/work" } } }), { mode: 0o600 });
    const own = await serve([users({ file: usersFile })], [["authorized-keys"]]);
    expect(await attempt(own, certificate)).toBe(true);
    expect([...open].at(-1)).toMatchObject({ name: "alice", home: "/work" });
    expect(await attempt(own, await certify("ed25519", "own"))).toBe(false);
  });

  it("is asked for a second factor behind a certificate", async () => {
    const port = await serve(
      [certificates({ authorities: [await line("ca")] }), passwords],
      [["certificate", "password"]],
    );
    const credentials = { port, user, key: file("ed25519"), certificate: await certify("ed25519", "first") };
    expect(await login("openssh", { ...credentials, passwords: ["right"] })).toMatchObject({ loggedIn: true });
    expect(await login("openssh", credentials)).toMatchObject({ loggedIn: false });
  });

  it("does not log in by a key and a certificate over the same key, where both are asked for", async () => {
    const usersFile = file("both.json");
    await writeFile(usersFile, JSON.stringify({ users: { alice: { keys: [await line("ed25519")] } } }), {
      mode: 0o600,
    });
    const plugins = [users({ file: usersFile }), certificates({ authorities: [await line("ca")] })];
    const port = await serve(plugins, [["authorized-keys", "certificate"]]);
    expect(await attempt(port, await certify("ed25519", "same"))).toBe(false);
    await refusal("The key has proven another factor of this login");
  });
});

/** The public half of a key that ssh-keygen has made. */
async function line(name: string): Promise<string> {
  return (await readFile(file(`${name}.pub`), "utf8")).trim();
}

const accepted = 52;
const usable = 60;

/** One login by hand: what a client of OpenSSH sends for a key in hardware, or what no client would send. */
async function byHand(
  port: number,
  key: MadeKey,
  options: {
    readonly flags?: number;
    readonly blob?: Buffer;
    readonly algorithm?: string;
    readonly query?: boolean;
    readonly change?: (signature: Buffer) => Buffer;
  } = {},
): Promise<number | undefined> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const client = new RawClient(socket);
  await client.exchange({ kex: [curve] });
  await client.service();
  const { blob = key.blob, flags, change = (signature) => signature } = options;
  const algorithm = options.algorithm ?? (blob === key.blob ? key.type : certificateType(key.type));
  const sign = (data: Buffer): Buffer => change(key.sign(data, flags === undefined ? {} : { flags }));
  const answer = await client.authenticate("alice", algorithm, blob, options.query === true ? undefined : sign);
  socket.destroy();
  return answer;
}

describe("a security key", () => {
  const keys = {
    ed25519: madeKey("sk-ssh-ed25519@openssh.com"),
    ecdsa: madeKey("sk-ecdsa-sha2-nistp256@openssh.com"),
  };
  const ca = madeKey("sk-ssh-ed25519@openssh.com");
  const withLine = async (text: string): Promise<number> => {
    await writeFile(file("fido.json"), JSON.stringify({ users: { alice: { keys: [text] } } }), { mode: 0o600 });
    return serve([users({ file: file("fido.json") })], [["authorized-keys"]]);
  };

  it.each(Object.entries(keys))("of %s logs in when it was touched", async (_, key) => {
    const port = await withLine(key.line);
    expect(await byHand(port, key, { query: true })).toBe(usable);
    expect(await byHand(port, key)).toBe(accepted);
    expect(await byHand(port, key, { flags: 0 })).not.toBe(accepted);
    await refusal("The security key was not touched");
    const forge = (signature: Buffer): Buffer => {
      signature.writeUInt8(fido.touched, signature.length - 5);
      return signature;
    };
    expect(await byHand(port, key, { flags: 0, change: forge })).not.toBe(accepted);
    await refusal("The signature is wrong");
    expect(await byHand(port, key, { change: (signature) => signature.subarray(0, -5) })).not.toBe(accepted);
    expect(await byHand(port, key, { change: (signature) => Buffer.concat([signature, Buffer.of(0)]) })).not.toBe(
      accepted,
    );
  });

  it("need not be touched where its line says so", async () => {
    const port = await withLine(`no-touch-required ${keys.ed25519.line}`);
    expect(await byHand(port, keys.ed25519, { flags: 0 })).toBe(accepted);
  });

  it("must verify its user where its line says so", async () => {
    const port = await withLine(`verify-required ${keys.ecdsa.line}`);
    expect(await byHand(port, keys.ecdsa)).not.toBe(accepted);
    await refusal("has not verified its user");
    expect(await byHand(port, keys.ecdsa, { flags: fido.touched | fido.verified })).toBe(accepted);
  });

  it("may be certified, and certify", async () => {
    const port = await serve([certificates({ authorities: [ca.line] })]);
    const blob = madeCertificate(keys.ed25519, ca);
    expect(await byHand(port, keys.ed25519, { blob, query: true })).toBe(usable);
    expect(await byHand(port, keys.ed25519, { blob })).toBe(accepted);
    expect(await byHand(port, keys.ed25519, { blob, flags: 0 })).not.toBe(accepted);
    const waived = madeCertificate(keys.ecdsa, ca, { extensions: [["no-touch-required", Buffer.alloc(0)]] });
    expect(await byHand(port, keys.ecdsa, { blob: waived, flags: 0 })).toBe(accepted);
    await running?.close();
    const strict = await serve([
      certificates({ authorities: [ca.line], requireTouch: true, requireVerification: true }),
    ]);
    expect(await byHand(strict, keys.ecdsa, { blob: waived, flags: fido.verified })).not.toBe(accepted);
    expect(await byHand(strict, keys.ecdsa, { blob: waived, flags: fido.touched })).not.toBe(accepted);
    expect(await byHand(strict, keys.ecdsa, { blob: waived, flags: fido.touched | fido.verified })).toBe(accepted);
  });
});

describe("a certificate that no honest client sends", () => {
  const [ca, key] = [madeKey(), madeKey()];

  it("does not log in, and is not called usable either", async () => {
    const port = await serve([certificates({ authorities: [ca.line] })]);
    const forged = madeCertificate(key, madeKey(), { authority: ca.blob });
    const good = madeCertificate(key, ca);
    const changed = Buffer.from(good);
    changed.writeUInt8((changed[40] ?? 0) ^ 1, 40);
    const forHosts = madeCertificate(key, ca, { type: 2 });
    const blobs = [forged, changed, forHosts, good.subarray(0, -1), madeCertificate(key, ca, { principals: [] })];
    for (const blob of [...blobs, madeCertificate(key, ca, { criticalOptions: [["source-address", value("")]] })]) {
      expect(await byHand(port, key, { blob, query: true })).not.toBe(usable);
      expect(await byHand(port, key, { blob })).not.toBe(accepted);
    }
    expect(await byHand(port, key, { blob: good, query: true })).toBe(usable);
    expect(await byHand(port, key, { blob: good })).toBe(accepted);
  });

  it("does not log in without the key that it certifies", async () => {
    const port = await serve([certificates({ authorities: [ca.line] })]);
    const blob = madeCertificate(key, ca);
    for (const thief of [madeKey(), ca]) expect(await byHand(port, thief, { blob })).not.toBe(accepted);
    await refusal("The signature is wrong");
    expect(await byHand(port, key, { blob, algorithm: "ssh-ed25519" })).not.toBe(accepted);
    expect(await byHand(port, ca)).not.toBe(accepted);
  });

  it("does not log in by a signature of SHA-1, its own or the authority's", async () => {
    const rsa = madeKey("ssh-rsa");
    const port = await serve([certificates({ authorities: [rsa.line] })]);
    const blob = madeCertificate(rsa, rsa);
    const [sha1, sha512] = [certificateType("ssh-rsa"), certificateType("rsa-sha2-512")];
    expect(await byHand(port, rsa, { blob, algorithm: sha512 })).toBe(accepted);
    const { sign } = rsa;
    const weak = { ...rsa, sign: (data: Uint8Array): Buffer => sign(data, { algorithm: "ssh-rsa" }) };
    expect(await byHand(port, weak, { blob, algorithm: sha1 })).not.toBe(accepted);
    expect(await byHand(port, weak, { blob, algorithm: sha512 })).not.toBe(accepted);
    expect(await byHand(port, rsa, { blob: madeCertificate(rsa, weak), algorithm: sha512 })).not.toBe(accepted);
  });
});
