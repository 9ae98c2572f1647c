import {
  changeRequired,
  proven,
  refused,
  unknown,
  type AuthAttempt,
  type AuthMethod,
  type Verdict,
} from "@sluice/core";
import { describe, expect, it, vi } from "vitest";
import { authAttempt, authMethodSuite, type AuthMethodSuiteOptions } from "./auth-method-suite.ts";
import { runSuite } from "./file-system-suite.ts";

type Verify = AuthMethod<"password">["verify"];

const passwords = new Map([
  ["alice", "correct horse"],
  ["bob", "battery staple"],
]);

const careful: Verify = async ({ username, password }) => {
  const expected = passwords.get(username);
  await Promise.resolve();
  if (expected === undefined) return unknown();
  return password === expected
    ? proven({ name: username, home: "/", groups: ["staff"], claims: {} })
    : refused("wrong");
};

function optionsFor(verify: Verify, name = "careful"): AuthMethodSuiteOptions<"password"> {
  return {
    create: async () => ({
      method: { name, mechanism: "password", verify },
      good: { username: "alice", credentials: { password: "correct horse" } },
      other: { username: "bob", credentials: { password: "battery staple" } },
      wrong: [{ username: "alice", credentials: { password: "battery staple" } }],
    }),
  };
}

/** The names of the cases that a method fails. */
async function failures(verify: Verify, name?: string): Promise<string[]> {
  const failed: string[] = [];
  for (const each of authMethodSuite(optionsFor(verify, name))) {
    await each.run().catch(() => failed.push(each.name));
  }
  return failed;
}

runSuite("a careful method", authMethodSuite(optionsFor(careful)), { describe, it });

runSuite(
  "a careful method that asks",
  authMethodSuite<"keyboard-interactive">({
    create: async () => ({
      method: {
        name: "asking",
        mechanism: "keyboard-interactive",
        async verify({ username, ask }) {
          const [answer] = await ask({ prompts: [{ text: "Code: ", echo: false }] });
          return username === "alice" && answer === "123456" ? proven() : refused("wrong code");
        },
      },
      good: { username: "alice", credentials: { ask: async () => ["123456"] } },
      wrong: [{ username: "alice", credentials: { ask: async () => ["654321"] } }],
    }),
  }),
  { describe, it },
);

/** Passwords that expire, kept for one method. */
function expiring(careless = false): AuthMethodSuiteOptions<"password"> {
  return {
    create: async () => {
      const current = new Map([["alice", "correct horse"]]);
      let expired = true;
      const verify: Verify = ({ username, password, newPassword }) => {
        if (current.get(username) !== password && !(careless && newPassword !== undefined)) return refused("wrong");
        if (newPassword === undefined) return expired && password !== "good one" ? changeRequired("Expired") : proven();
        current.set(username, newPassword);
        expired = false;
        return careless ? refused("wrong") : proven();
      };
      current.set("bob", "good one");
      return {
        method: { name: "expiring", mechanism: "password", verify },
        good: { username: "bob", credentials: { password: "good one" } },
        wrong: [{ username: "alice", credentials: { password: "battery staple" } }],
        expired: { username: "alice", password: "correct horse", newPassword: "tr0ub4dor" },
      };
    },
  };
}

runSuite("a careful method that has passwords changed", authMethodSuite(expiring()), { describe, it });

/** Codes of six digits at the end of a password. */
function appending(end = /^(.*)(\d{6})$/): AuthMethodSuiteOptions<"keyboard-interactive"> {
  return {
    create: async () => ({
      method: {
        name: "appending",
        mechanism: "keyboard-interactive",
        async verify({ username, ask }) {
          const [code] = await ask({ prompts: [{ text: "Code: ", echo: false }] });
          return username === "alice" && code === "123456" ? proven() : refused("wrong code");
        },
        detach({ password }) {
          const [, left, code] = end.exec(password) ?? [];
          return left === undefined || code === undefined ? undefined : { password: left, answers: [code] };
        },
      },
      good: { username: "alice", credentials: { ask: async () => ["123456"] } },
      wrong: [{ username: "alice", credentials: { ask: async () => ["654321"] } }],
      appended: { username: "alice", password: "correct horse123456", left: "correct horse" },
    }),
  };
}

runSuite("a careful method that takes codes off passwords", authMethodSuite(appending()), { describe, it });

describe("the suite for authentication methods", () => {
  it("catches a method that sets a new password by a wrong old one, and one that takes off too much", async () => {
    const failed: string[] = [];
    for (const each of [...authMethodSuite(expiring(true)), ...authMethodSuite(appending(/^(.*).(\d{6})$/))]) {
      await each.run().catch(() => failed.push(each.name));
    }
    expect(failed).toContain("a new password is not set, nor anything proven, by a wrong old one");
    expect(failed).toContain("answers at the end of a password are taken off, and prove the factor");
  });

  it.each<[string, string, Verify]>([
    ["proves everybody", "wrong credentials are refused or unknown", () => proven()],
    ["proves nobody", "good credentials are proven", () => refused("no")],
    ["answers with no verdict", "good credentials are proven", () => true as unknown as Verdict],
    [
      "gives no reason",
      "wrong credentials are refused or unknown",
      changed((verdict) => {
        return verdict.is === "refused" ? refused("") : verdict;
      }),
    ],
    [
      "does not look at the name",
      "good credentials under an unknown name are not proven",
      ({ password }) => {
        return password === "correct horse" ? proven() : refused("wrong");
      },
    ],
    ["takes an object for a map", "odd names are answered, and never proven", throughObject],
    [
      "cuts names at a NUL",
      "odd names are answered, and never proven",
      (attempt) => {
        return careful({ ...attempt, username: attempt.username.split("\0", 1)[0] ?? "" });
      },
    ],
    [
      "does not see invisible characters",
      "odd names are answered, and never proven",
      (attempt) => {
        return careful({ ...attempt, username: attempt.username.replaceAll("\u200b", "") });
      },
    ],
    [
      "throws at long names",
      "odd names are answered, and never proven",
      (attempt) => {
        if (attempt.username.length > 255) throw new RangeError("Too long");
        return careful(attempt);
      },
    ],
    [
      "compares the beginning of passwords",
      "odd credentials are answered, and never proven",
      (attempt) => {
        return careful({ ...attempt, password: attempt.password.slice(0, 13) });
      },
    ],
    [
      "repeats the password",
      "a reason does not repeat the secret",
      (attempt) => {
        return attempt.password === "correct horse" ? careful(attempt) : refused(`${attempt.password} is wrong`);
      },
    ],
    ["remembers whom it has seen", "wrong credentials stay wrong after good ones", remembering()],
    ["shares its state between attempts", "overlapping attempts do not mix", sharing()],
    [
      "describes a user by other types",
      "what is proven describes a user by fields of the right types",
      changed((verdict) => {
        return verdict.is === "proven" ? proven({ groups: "staff" as unknown as string[] }) : verdict;
      }),
    ],
    [
      "has a relative home",
      "what is proven describes a user by fields of the right types",
      changed((verdict) => {
        return verdict.is === "proven" ? proven({ home: "alice" }) : verdict;
      }),
    ],
    ["fails for good once a client has left", "an attempt whose client has left settles", breaking()],
  ])("catches a method that %s", async (_, name, verify) => {
    expect(await failures(verify)).toContain(name);
  });

  it("catches a name that policies could not write", async () => {
    expect(await failures(careful, "My Method")).toEqual(["the method has a factor's name and a mechanism"]);
  });

  it("does not mind a method that rejects when the client has left", async () => {
    const strict: Verify = (attempt) => {
      attempt.signal.throwIfAborted();
      return careful(attempt);
    };
    expect(await failures(strict)).toEqual([]);
  });

  it("makes a method for each case and clears up behind it, also behind a failure", async () => {
    const close = vi.fn(async () => {});
    const options = optionsFor(() => proven());
    const create = vi.fn(async () => ({ ...(await options.create()), close }));
    const cases = authMethodSuite({ create });
    for (const each of cases) await each.run().catch(() => undefined);
    expect(create).toHaveBeenCalledTimes(cases.length);
    expect(close).toHaveBeenCalledTimes(cases.length);
  });

  it("leaves out what it is told to, and refuses a case that does not exist", () => {
    const options = optionsFor(careful);
    const [first, ...rest] = authMethodSuite(options).map(({ name }) => name);
    const left = authMethodSuite({ ...options, except: { [first!]: "no directory here" } });
    expect(left.map(({ name }) => name)).toEqual(rest);
    expect(() => authMethodSuite({ ...options, except: { other: "why" } })).toThrow('no case is called "other"');
  });

  it("makes attempts like those of core", () => {
    const { signal } = new AbortController();
    const attempt = authAttempt(
      "password",
      { username: "alice", credentials: { password: "secret" } },
      { remoteAddress: "2001:db8::1", signal, factors: ["ldap"] },
    );
    expect(attempt).toMatchObject({ mechanism: "password", username: "alice", password: "secret", factors: ["ldap"] });
    expect(attempt.signal).toBe(signal);
    expect(attempt.connection.remoteAddress).toBe("2001:db8::1");
  });
});

function changed(change: (verdict: Verdict) => Verdict): Verify {
  return async (attempt) => change(await careful(attempt));
}

function throughObject({ username, password }: AuthAttempt<"password">): Verdict {
  const users: Record<string, { password?: string }> = { alice: { password: "correct horse" } };
  const user = users[username];
  if (user === undefined) return unknown();
  return (user.password ?? password) === password ? proven() : refused("wrong");
}

function remembering(): Verify {
  const seen = new Set<string>();
  return async (attempt) => {
    if (seen.has(attempt.username)) return proven();
    const verdict = await careful(attempt);
    if (verdict.is === "proven") seen.add(attempt.username);
    return verdict;
  };
}

function sharing(): Verify {
  let current: AuthAttempt<"password">;
  return async (attempt) => {
    current = attempt;
    await Promise.resolve();
    return careful(current);
  };
}

function breaking(): Verify {
  let broken = false;
  return (attempt) => {
    broken ||= attempt.signal.aborted;
    if (broken) throw new Error("The pool is closed");
    return careful(attempt);
  };
}
