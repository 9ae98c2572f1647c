import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SetupError } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { cheapHash, ed25519Key, rsaKeyOf, temporaryDirectory } from "../test/support.ts";
import type { FileUser } from "./user.ts";
import { readUsersFile } from "./users-file.ts";

const hash = cheapHash("secret");
const { line, key } = ed25519Key();

async function read(text: string | Uint8Array, name = "users.yaml"): Promise<ReadonlyMap<string, FileUser>> {
  const file = join(await temporaryDirectory(), name);
  await writeFile(file, text);
  return readUsersFile(file);
}

/** What is wrong with a file, without the directory it lies in. */
async function problems(text: string | Uint8Array, name = "users.yaml"): Promise<string[]> {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, name), text);
  try {
    await readUsersFile(join(directory, name));
  } catch (error) {
    expect(error).toBeInstanceOf(SetupError);
    expect((error as SetupError).code).toBe("ERR_SLUICE_USERS_FILE");
    return (error as Error).message.replaceAll(`${directory}/`, "").split("\n");
  }
  return [];
}

/** The same, for a user `alice` with these lines. */
function problemsOf(...fields: string[]): Promise<string[]> {
  return problems(["users:", "  alice:", ...fields.map((field) => `    ${field}`), ""].join("\n"));
}

describe("a users file", () => {
  it("holds all there is to know of a user", async () => {
    const users = await read(`
# Everybody who may log in.
users:
  alice:
    password: ${hash}
    keys:
      - ${line} laptop
      - from="10.0.0.0/8,!10.0.0.5",expiry-time="20271231" ${rsaKeyOf(2048).line} build
    home: /projects//a/
    groups: [staff, Café]
    claims: { department: sales, level: 3, flags: [true, null], nested: { a: { b: 1.5 } } }
    disabled: true
    expires: 2027-12-31
`);
    const alice = users.get("alice");
    expect(alice).toMatchObject({
      name: "alice",
      home: "/projects/a",
      groups: ["staff", "Café"],
      claims: { department: "sales", level: 3, flags: [true, null], nested: { a: { b: 1.5 } } },
      disabled: true,
      expiresAt: new Date(2027, 11, 31),
    });
    expect(String(alice?.password)).toBe(hash);
    expect(alice?.keys.map((each) => each.comment)).toEqual(["laptop", "build"]);
    expect(alice?.keys[0]?.blob.equals(key.blob)).toBe(true);
  });

  it("may leave everything about a user out", async () => {
    for (const text of ["users:\n  bob:\n", "users:\n  bob: {}\n", '{"users":{"bob":null}}']) {
      expect([...(await read(text)).values()]).toEqual([
        {
          name: "bob",
          password: undefined,
          keys: [],
          home: undefined,
          groups: [],
          claims: {},
          disabled: false,
          expiresAt: undefined,
        },
      ]);
    }
  });

  it("may have no users", async () => {
    for (const text of ["users: {}\n", "users:\n", '{"users":{}}']) expect((await read(text)).size).toBe(0);
  });

  it("may be JSON, with tabs, line ends of Windows and a byte order mark", async () => {
    const text = `\ufeff{\r\n\t"users": {\r\n\t\t"alice": { "password": "${hash}", "groups": ["staff"] }\r\n\t}\r\n}\r\n`;
    expect((await read(text, "users.json")).get("alice")?.groups).toEqual(["staff"]);
    expect((await read(text, "USERS.JSON")).get("alice")?.groups).toEqual(["staff"]);
  });

  it("takes names as they are written, whatever they look like or how they were typed", async () => {
    const users = await read(
      "users:\n  0123: {}\n  true: {}\n  null: {}\n  __proto__: {}\n  constructor: {}\n  Jose\u0301: {}\n",
    );
    expect([...users.keys()]).toEqual(["0123", "true", "null", "__proto__", "constructor", "José"]);
    expect(({} as { disabled?: boolean }).disabled).toBeUndefined();
  });

  it("is read through a link", async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "data"));
    await writeFile(join(directory, "data/users.yaml"), "users: { bob: {} }\n");
    await symlink("data/users.yaml", join(directory, "users.yaml"));
    expect((await readUsersFile(join(directory, "users.yaml"))).has("bob")).toBe(true);
  });
});

describe("a mistake in a users file", () => {
  it("is told with its place, and all of them at once", async () => {
    const text = `users:
  alice:
    pasword: ${hash}
    keys:
      - ${line}
      - from="10.0.0.1/8" ${ed25519Key().line}
    disabled: maybe
  ../bob:
    home: projects
  carol:
    password: hunter2hunter2
    expires: 2027-02-30
user: {}
`;
    expect(await problems(text)).toEqual([
      'users.yaml:3:5 users.alice.pasword: is not known; did you mean "password"?',
      'users.yaml:6:9 users.alice.keys.1: "10.0.0.1/8" in from= has bits set beyond its prefix',
      "users.yaml:7:15 users.alice.disabled: true or false is needed, not text",
      'users.yaml:8:3 users.../bob: "../bob" cannot be a name: it contains "/"',
      "users.yaml:11:15 users.carol.password: is not a password hash; a password itself is never stored",
      "users.yaml:12:14 users.carol.expires: does not exist in the calendar",
      'users.yaml:13:1 user: is not known; did you mean "users"?',
    ]);
  });

  it.each([
    ["a user twice", "users:\n  bob: {}\n  bob: {}\n", "users.yaml:3:3 users.bob: is given twice"],
    [
      "a user twice, typed in two ways",
      "users:\n  Jos\u00e9: {}\n  Jose\u0301: {}\n",
      "users.yaml:3:3 users.Jose\u0301: is the same name as one above, typed another way",
    ],
    ["an empty file", "", 'users.yaml:1:1 "users" is missing; without users, write "users: {}"'],
    ["another top", "- alice\n", "users.yaml:1:1 a map is needed, not a list"],
    ["users as a list", "users:\n  - alice\n", "users.yaml:2:3 users: a map is needed, not a list"],
    ["a user as text", "users:\n  alice: secret\n", "users.yaml:2:10 users.alice: a map is needed, not text"],
    [
      "an alias",
      "users:\n  a: &x {}\n  b: *x\n",
      "users.yaml:3:6 users.b: a map is needed, not an alias; aliases are not supported, write the value out",
    ],
    ["a name that is a list", "users:\n  ? [a]\n  : {}\n", "users.yaml:2:5 users: has a name that is not text"],
    ["several documents", "users: {}\n---\nusers: {}\n", "users.yaml:2:1 begins another document; only one is read"],
  ])("%s", async (_, text, line) => {
    expect(await problems(text)).toEqual([line]);
  });

  it.each([
    ["password: 12345678", "password: text is needed, not a number"],
    ["password:", "password: text is needed, not nothing"],
    ["password: $2b$12$abcdefghijk", "only scrypt and argon2id"],
    ["keys: ssh-ed25519", "keys: a list is needed, not text"],
    ["keys: [ssh-ed25519 AAAA]", "keys.0: the key is cut off or malformed"],
    [`keys: ["${line}", "${line} again"]`, "keys.1: is the same key as one above"],
    ["keys: [{ a: b }]", "keys.0: text is needed, not a map"],
    [`keys: ['from="build.example.org" ${line}']`, "host names are not looked up"],
    [`keys: ['expiry-time="20271331" ${line}']`, "does not exist in the calendar"],
    [`keys: ['permitopen="x" ${line}']`, 'option "permitopen" is not supported'],
    ["home: projects", "home: is not an absolute path"],
    ['home: "/a\\0b"', "home: is not a path"],
    ["groups: staff", "groups: a list is needed"],
    ["groups: [staff, staff]", "groups.1: is given twice"],
    ["groups: [a/b]", 'groups.0: "a/b" cannot be a name'],
    ["groups: [1]", "groups.0: text is needed, not a number"],
    ["claims: [a]", "claims: a map is needed"],
    ["claims: { __proto__: { admin: true } }", "claims.__proto__: cannot be a name here"],
    ["claims: { a: { __proto__: 1 } }", "claims.a.__proto__: cannot be a name here"],
    ["claims: { a: 1, a: 2 }", "claims.a: is given twice"],
    ["claims: { a: .inf }", "claims.a: text, a number"],
    [`claims: { a: ${"[".repeat(20)}${"]".repeat(20)} }`, "nested deeper than 16 levels"],
    ['disabled: "false"', "disabled: true or false is needed, not text"],
    ["expires: 20271231", "expires: text is needed, not a number"],
    ["expires: soon", "expires: is not a time"],
    ["Disabled: true", 'Disabled: is not known; did you mean "disabled"?'],
    ["shell: /bin/sh", "shell: is not known"],
  ])("%s", async (field, why) => {
    const [problem, ...others] = await problemsOf(field);
    expect(problem).toContain(why);
    expect(problem).toMatch(/^users\.yaml:3:\d+ users\.alice\./);
    expect(others).toEqual([]);
  });

  it("in the syntax is told without the text around it, which may be secret", async () => {
    const [problem, ...others] = await problemsOf('password: "hunter2hunter2', "home: /");
    expect(problem).toMatch(/^users\.yaml:\d+:\d+ Missing closing "quote/);
    expect([problem, ...others].join()).not.toContain("hunter2");
  });

  it.each([
    ['{"users": {"bob": {},}}', "commas at the end"],
    ['# who\n{"users": {}}', "is not JSON"],
    ["users: {}", "is not JSON"],
    ["{'users': {}}", "is not JSON"],
    ['{"users": {"bob": {"disabled": hunter2}}}', "is not JSON"],
  ])("in JSON may not be what only YAML has: %s", async (text, why) => {
    const [problem] = await problems(text, "users.json");
    expect(problem).toMatch(/^users\.json:\d+:\d+ /);
    expect(problem).toContain(why);
    expect(problem).not.toContain("hunter2");
  });

  it("does not let control characters into the message", async () => {
    const [problem] = await problems('users:\n  "a\\e[2J": {}\n');
    expect(problem).toContain("users.a\\x1b[2J: ");
    expect(problem).not.toContain("\u001b");
  });

  it("may be the file itself", async () => {
    const directory = await temporaryDirectory();
    await expect(readUsersFile(join(directory, "none.yaml"))).rejects.toThrow(
      /none\.yaml: there is no such file; make one with: sluice user add/,
    );
    await expect(readUsersFile(directory)).rejects.toThrow("is not a file");
    await expect(readUsersFile(join(directory, "users.yaml", "x"))).rejects.toThrow("there is no such file");
    expect(await problems(Uint8Array.of(0x61, 0xff, 0xfe))).toEqual(["users.yaml: is not UTF-8"]);
  });
});
