import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import type { Verdict } from "@sluice/core";
import type { LdapOptions } from "@sluice/auth-ldap";
import { authAttempt } from "@sluice/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connectSsh, memorySockets } from "@sluice/core/ssh-client";
import { methodsOf, verdictOf, type Methods } from "./methods.ts";
import {
  alice,
  ber,
  bindResult,
  entry,
  honest,
  message,
  result,
  searchDone,
  startStub,
  type Behaviour,
  type Stub,
} from "./stub.ts";
import { startTarget } from "./target.ts";

/** What is waited for comes at once, but on a machine that is busy with other tests. */
const waiting = { timeout: 20_000 };

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function directory(behaviour: Behaviour): Promise<Stub> {
  const stub = await startStub(behaviour);
  cleanUp.push(() => stub.close());
  return stub;
}

async function against(stub: Stub, more: Partial<LdapOptions> = {}): Promise<Methods> {
  const own = await methodsOf({
    urls: [stub.url],
    bind: { dn: "cn=service,dc=x", password: "secret" },
    search: { base: "dc=x" },
    operationMs: 1000,
    connectMs: 1000,
    retryAfterMs: 50,
    cacheMs: 0,
    unknownCacheMs: 0,
    ...more,
  });
  cleanUp.push(() => own.close());
  return own;
}

async function ask(own: Methods, username: string, password: string, signal?: AbortSignal): Promise<Verdict> {
  const options = signal === undefined ? {} : { signal };
  return verdictOf(own.methods.ldap.verify(authAttempt("password", { username, credentials: { password } }, options)));
}

/** Lies about one kind of request, and is honest about the others. */
function lie(about: "search" | "user bind", behaviour: Behaviour): Behaviour {
  return (request, socket) => {
    const asked =
      about === "search"
        ? request.kind === "search" && request.base !== ""
        : request.kind === "bind" && request.dn !== "cn=service,dc=x";
    return asked ? behaviour(request, socket) : honest(request, socket);
  };
}

const referral = ber(0xa3, ber(4, "ldap://evil.example.net"));

describe("a directory that lies", () => {
  it("is believed while it is honest", async () => {
    const own = await against(await directory(honest));
    expect(await ask(own, "alice", "right")).toMatchObject({ is: "proven", user: { name: "alice" } });
    expect(await ask(own, "alice", "wrong")).toEqual({ is: "refused", reason: "wrong password" });
    expect(await ask(own, "nobody", "wrong")).toEqual({ is: "unknown" });
  });

  it.each<[string, Behaviour, RegExp | "unknown"]>([
    [
      "two hits",
      lie("search", ({ id }) => [alice(id), entry(id, "uid=alice,ou=b,dc=x", { uid: ["alice"] }), searchDone(id)]),
      /more than one entry/,
    ],
    [
      "one hit of a list that was cut",
      lie("search", ({ id }) => [alice(id), searchDone(id, 4)]),
      /more than one entry/,
    ],
    ["success without an entry", lie("search", ({ id }) => [searchDone(id)]), "unknown"],
    [
      "an entry without a name",
      lie("search", ({ id }) => [entry(id, "uid=alice,dc=x", {}), searchDone(id)]),
      /no name/,
    ],
    [
      "a name that is a path",
      lie("search", ({ id }) => [entry(id, "x=1", { uid: ["../alice"] }), searchDone(id)]),
      /cannot be a user's name/,
    ],
    [
      "a reference beside the entry",
      lie("search", ({ id }) => [alice(id), message(id, ber(0x73, ber(4, "ldap://evil"))), searchDone(id)]),
      /refers to another/,
    ],
    [
      "a referral to a search",
      lie("search", ({ id }) => [message(id, result(0x65, 10, "", referral))]),
      /refers to another/,
    ],
    [
      "a referral to a bind",
      lie("user bind", ({ id }) => [message(id, result(0x61, 10, "", referral))]),
      /refers to another/,
    ],
    ["busy", lie("user bind", ({ id }) => [bindResult(id, 51)]), /no directory server answers.*code 51/],
    ["unavailable", lie("search", ({ id }) => [searchDone(id, 52)]), /no directory server answers.*code 52/],
    ["a bind result without a code", lie("user bind", ({ id }) => [message(id, ber(0x61))]), /without its fields/],
    ["another operation's success for a bind", lie("user bind", ({ id }) => [searchDone(id)]), /unasked/],
    ["an entry before the answer to a bind", lie("user bind", ({ id }) => [alice(id), bindResult(id, 0)]), /unasked/],
    ["garbage", lie("user bind", () => [Buffer.from("HTTP/1.1 200 OK\r\n\r\n")]), /something else than LDAP/],
    [
      "a value that is cut off",
      lie("search", ({ id }) => [
        message(id, ber(0x64, ber(4, "x"), ber(0x30, ber(0x30, ber(4, "uid"), ber(0x31, Buffer.of(4, 90, 65)))))),
        searchDone(id),
      ]),
      /beyond its parent/,
    ],
    ["a message of 100 MB", lie("search", () => [Buffer.from("308405f5e100", "hex"), Buffer.alloc(1000)]), /too long/],
    ["an indefinite length", lie("search", () => [Buffer.of(0x30, 0x80, 0, 0)]), /unknown form/],
    [
      "entries without an end",
      lie("search", ({ id }) => Array.from({ length: 200 }, () => entry(id, "x", { a: ["y".repeat(50_000)] }))),
      /too long/,
    ],
    ["a notice of disconnection", lie("user bind", () => [message(0, result(0x78, 52))]), /unasked/],
    ["silence", lie("user bind", () => undefined), /no answer to a bind within 1000 ms/],
    ["a goodbye", lie("user bind", (_, socket) => void socket.destroy()), /closed the connection|ECONNRESET/],
    [
      "part of a list",
      lie("search", ({ id }) => [entry(id, "x", { uid: ["alice"], "memberOf;range=0-1": ["a"] }), searchDone(id)]),
      /more than the directory sends/,
    ],
  ])("is refused for %s", async (_, behaviour, reason) => {
    const own = await against(await directory(behaviour));
    const verdict = await ask(own, "alice", "right");
    if (reason === "unknown") expect(verdict).toEqual({ is: "unknown" });
    else expect(verdict).toEqual({ is: "refused", reason: expect.stringMatching(reason) as string });
  });

  it("is refused by who cannot see whether accounts of Active Directory are disabled", async () => {
    const shown = (attributes: Readonly<Record<string, readonly string[]>>): Behaviour => {
      return (request, socket) => {
        const { id, kind, base } = request;
        if (kind !== "search") return honest(request, socket);
        if (base !== "")
          return [entry(id, "CN=alice,DC=x", { sAMAccountName: ["alice"], ...attributes }), searchDone(id)];
        return [entry(id, "", { supportedCapabilities: ["1.2.840.113556.1.4.800"] }), searchDone(id)];
      };
    };
    const stub = await directory(shown({ userAccountControl: ["512"] }));
    expect(await ask(await against(stub), "alice", "right")).toMatchObject({ is: "proven", user: { name: "alice" } });
    stub.behave(shown({}));
    expect(await ask(await against(stub), "alice", "right")).toEqual({
      is: "refused",
      reason: expect.stringMatching(/userAccountControl does not show: .* right to read it/) as string,
    });
  });

  it("is not asked with an empty password, which it would accept", async () => {
    const stub = await directory(({ id }) => [bindResult(id, 0)]);
    const own = await against(stub);
    expect(await ask(own, "alice", "")).toEqual({ is: "refused", reason: "the password is empty" });
    expect(stub.requests).toEqual([]);
  });

  it.each<[string, string]>([
    ["*)(uid=*))(|(uid=*", "*)(uid=*))(|(uid=*"],
    ["admin)(&", "admin)(&"],
    ["\\2a", "\\2a"],
    ["*", "*"],
    ["zo\u00eb", "zo\u00eb"],
    ["__proto__", "__proto__"],
    [" #x,ou=admins", " #x,ou=admins"],
  ])("is asked for the name %s, and nothing more", async (username, value) => {
    const stub = await directory(honest);
    const own = await against(stub);
    expect(await ask(own, username, "wrong")).toEqual({ is: "unknown" });
    const { filter } = stub.requests.find(({ kind, base }) => kind === "search" && base !== "")!;
    expect(filter).toEqual(Buffer.concat([ber(4, "uid"), ber(4, value)]));
  });

  it.each<[string, string]>([
    ["x,ou=admins", "uid=x\\2cou\\3dadmins,dc=x"],
    ["#x", "uid=\\23x,dc=x"],
    [" x ", "uid=\\20x\\20,dc=x"],
    ['a"b\\c+d;e<f>', "uid=a\\22b\\5cc\\2bd\\3be\\3cf\\3e,dc=x"],
  ])("is given the name %j as one value of a distinguished name", async (username, dn) => {
    const stub = await directory(({ id }) => [bindResult(id, 49)]);
    const own = await against(stub, {
      bind: undefined,
      search: undefined,
      template: "uid={username},dc=x",
    } as unknown as Partial<LdapOptions>);
    await ask(own, username, "wrong");
    expect(stub.requests[0]).toMatchObject({ kind: "bind", dn });
  });

  it.each(["a\u202eb", "a\u200bb", "a\0b", "a\nb", "a".repeat(35_000), "", "   "])(
    "is not asked for a name that nobody can read (%#)",
    async (username) => {
      const stub = await directory(honest);
      expect(await ask(await against(stub), username, "right")).toEqual({ is: "unknown" });
      expect(stub.requests).toEqual([]);
    },
  );

  it("has the operation ended and no connection left when the client leaves", async () => {
    const stub = await directory(lie("user bind", () => undefined));
    const own = await against(stub, { operationMs: 5000 });
    const controller = new AbortController();
    const verdict = ask(own, "alice", "right", controller.signal);
    await vi.waitUntil(() => stub.requests.some(({ dn }) => dn === "uid=alice,dc=x"), waiting);
    controller.abort();
    expect(await verdict).toEqual({ is: "refused", reason: "the client left" });
    // The one that searches stays.
    await vi.waitUntil(() => stub.open() === 1, waiting);
  });

  it("leaves nothing behind of clients that vanish at any moment, and proves none of them", async () => {
    const stub = await directory((request, socket) => {
      void setTimeout(3).then(() => {
        for (const answer of honest(request, socket) ?? []) socket.write(answer);
      });
      return undefined;
    });
    const options: LdapOptions = { urls: [stub.url], search: { base: "dc=x" }, keys: false, cacheMs: 0 };
    const target = await startTarget(options);
    cleanUp.push(() => target.close());
    expect(await target.login("alice", "right")).toMatchObject({ is: "proven" });
    const proven = target.verdicts.length;
    for (let ms = 0; ms < 20; ms++) {
      const sockets = memorySockets();
      target.server.accept(sockets.server);
      const before = stub.requests.length;
      const login = connectSsh({ socket: sockets.client, username: "alice", password: "right" }).catch(() => {});
      await vi.waitUntil(() => stub.requests.length > before, waiting);
      await setTimeout(ms % 5);
      sockets.client.destroy();
      await login;
    }
    await target.idle();
    expect(target.log.text()).not.toMatch(/unhandled|uncaught/i);
    // Those that had just been proven had not left yet.
    expect(target.verdicts.slice(proven).every(({ is }) => is === "proven" || is === "refused")).toBe(true);
    await vi.waitUntil(() => stub.open() <= 4, waiting);
    expect(await target.login("alice", "right")).toMatchObject({ is: "proven" });
  });

  it("costs strangers a bind, so that time does not tell who exists", async () => {
    const stub = await directory(honest);
    await ask(await against(stub), "nobody", "guess");
    expect(stub.requests.filter(({ kind, password }) => kind === "bind" && password === "guess")).toHaveLength(1);
  });

  it("is asked once for several logins of one name, and again for a password", async () => {
    const stub = await directory(honest);
    const own = await against(stub, { cacheMs: 60_000, unknownCacheMs: 60_000 });
    for (let i = 0; i < 3; i++) {
      expect(await ask(own, "alice", "right")).toMatchObject({ is: "proven" });
      expect(await ask(own, "alice", "wrong")).toMatchObject({ is: "refused" });
      expect(await ask(own, "nobody", "wrong")).toEqual({ is: "unknown" });
    }
    expect(stub.requests.filter(({ kind, base }) => kind === "search" && base !== "")).toHaveLength(2);
    expect(stub.requests.filter(({ kind }) => kind === "bind")).toHaveLength(10);
  });

  it("is not asked to bind the searching account again and again after it was refused", async () => {
    const stub = await directory(({ id }) => [bindResult(id, 49)]);
    const own = await against(stub);
    for (let i = 0; i < 5; i++) {
      expect(await ask(own, "alice", "right")).toMatchObject({
        is: "refused",
        reason: expect.stringMatching(/option bind/) as string,
      });
    }
    expect(stub.requests).toHaveLength(1);
    expect(own.log.text()).not.toContain("secret");
  });

  it("that closed an idle connection is asked on a new one", async () => {
    let last: { destroy(): void } | undefined;
    const stub = await directory((request, socket) => {
      if (request.kind === "search") last = socket;
      return honest(request, socket);
    });
    const own = await against(stub);
    expect(await ask(own, "alice", "right")).toMatchObject({ is: "proven" });
    last!.destroy();
    expect(await ask(own, "alice", "right")).toMatchObject({ is: "proven" });
  });
});

describe("several servers", () => {
  it("are asked in order, and one that says it cannot is followed by the next", async () => {
    const down = await directory(({ id }) => [bindResult(id, 51)]);
    const up = await directory(honest);
    const own = await against(down, { urls: [down.url, up.url] });
    expect(await ask(own, "alice", "right")).toMatchObject({ is: "proven" });
    expect(down.requests.length).toBeGreaterThan(0);
  });

  it("are not asked for another opinion: a wrong password is wrong", async () => {
    const first = await directory(lie("user bind", ({ id }) => [bindResult(id, 49)]));
    const second = await directory(honest);
    const own = await against(first, { urls: [first.url, second.url] });
    expect(await ask(own, "alice", "right")).toEqual({ is: "refused", reason: "wrong password" });
    expect(second.requests).toEqual([]);
  });

  it("leave one in peace that is silent, and come back to it", async () => {
    const first = await directory(() => undefined);
    const second = await directory(honest);
    const own = await against(first, { urls: [first.url, second.url], retryAfterMs: 1000 });
    expect(await ask(own, "alice", "right")).toMatchObject({ is: "proven" });
    const asked = first.made();
    for (let i = 0; i < 5; i++) expect(await ask(own, "alice", "right")).toMatchObject({ is: "proven" });
    expect(first.made()).toBe(asked);
    first.behave(honest);
    await vi.waitUntil(
      async () => {
        await ask(own, "alice", "right");
        return first.requests.some(({ password }) => password === "right");
      },
      { timeout: 5000, interval: 100 },
    );
    expect(own.log.text()).toMatch(/is back/);
  });

  it("that are all silent refuse 200 logins in time, and leave no connection open", async () => {
    const first = await directory(() => undefined);
    const second = await directory(() => undefined);
    const own = await against(first, { urls: [first.url, second.url], retryAfterMs: 4000 });
    const verdicts = await Promise.all(Array.from({ length: 200 }, () => ask(own, "alice", "right")));
    expect(new Set(verdicts.map(({ is }) => is))).toEqual(new Set(["refused"]));
    await vi.waitUntil(() => first.open() + second.open() === 0, waiting);
    expect(first.made()).toBeLessThan(10);
  });

  it("that are gone refuse 200 logins at once", async () => {
    const stub = await directory(honest);
    const own = await against(stub);
    await stub.close();
    cleanUp.shift();
    const verdicts = await Promise.all(Array.from({ length: 200 }, () => ask(own, "alice", "right")));
    expect(verdicts.filter(({ is }) => is === "refused")).toHaveLength(200);
    expect(own.log.records.filter(({ message }) => message.includes("set aside"))).toHaveLength(1);
  });

  it("that no name server tells of refuse in time", async () => {
    const names = createSocket("udp4");
    names.bind(0, "127.0.0.1");
    await once(names, "listening");
    cleanUp.push(async () => void names.close());
    const own = await methodsOf({
      discover: { domain: "example.org", nameservers: [`127.0.0.1:${names.address().port}`] },
      search: { base: "dc=x" },
      loginMs: 500,
    });
    cleanUp.push(() => own.close());
    expect(await ask(own, "alice", "right")).toEqual({
      is: "refused",
      reason: "the directory took longer than 500 ms",
    });
  });

  it("that are all away have judged nobody, which is no failure of the user's", async () => {
    const stub = await directory(({ id }) => [bindResult(id, 52)]);
    const { methods } = await against(stub);
    const attempt = authAttempt("password", { username: "alice", credentials: { password: "right" } });
    await expect(methods.ldap.verify(attempt)).rejects.toThrow(/no directory server answers/);
  });

  it("that are flapping never prove anybody wrongly", async () => {
    let turn = 0;
    const stub = await directory((request, socket) => {
      if (turn++ % 3 === 0) return void socket.destroy();
      return honest(request, socket);
    });
    const own = await against(stub);
    for (let i = 0; i < 30; i++) {
      expect((await ask(own, "alice", "wrong")).is).toBe("refused");
      await setTimeout(5);
    }
  });
});

describe("a server that stalls in TLS", () => {
  it("is given up in time", async () => {
    const stub = await directory(() => undefined);
    const own = await against(stub, { urls: [`ldaps://127.0.0.1:${stub.port}`] });
    expect(await ask(own, "alice", "right")).toMatchObject({
      reason: expect.stringMatching(/no connection within 1000 ms/) as string,
    });
    await vi.waitUntil(() => stub.open() === 0, waiting);
  });

  it.each<[string, Behaviour, RegExp]>([
    ["refuses StartTLS", ({ id }) => [message(id, result(0x78, 2))], /StartTLS was refused with code 2/],
    [
      "says more than it was asked",
      ({ id }) => [Buffer.concat([message(id, result(0x78, 0)), bindResult(2, 0)])],
      /more than an answer/,
    ],
    ["goes on in clear text", ({ id }) => [message(id, result(0x78, 0))], /no connection within|wrong version|packet/],
  ])("or %s is not told anything", async (_, behaviour, reason) => {
    const stub = await directory(behaviour);
    const own = await against(stub, { startTls: true });
    expect(await ask(own, "alice", "right")).toMatchObject({
      is: "refused",
      reason: expect.stringMatching(reason) as string,
    });
    expect(stub.requests.map(({ kind }) => kind)).not.toContain("bind");
  });
});

it("once closed opens no more connections", async () => {
  const stub = await directory(honest);
  const own = await against(stub);
  await ask(own, "alice", "right");
  await own.close();
  expect(await ask(own, "alice", "right")).toMatchObject({ is: "refused" });
  await vi.waitUntil(() => stub.open() === 0, waiting);
});
