import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cheapHash, ed25519Key, temporaryDirectory } from "../test/support.ts";
import { editUsersFile, listUsers } from "./edit.ts";
import type { UsersEditor } from "./editor.ts";
import { readUsersFile } from "./users-file.ts";

const hash = cheapHash("secret");
const laptop = ed25519Key();
const desk = ed25519Key();
const build = ed25519Key();

/** The text after a change to a text before. */
async function edited(text: string, change: (users: UsersEditor) => unknown, name = "users.yaml"): Promise<string> {
  const file = join(await temporaryDirectory(), name);
  await writeFile(file, text);
  await editUsersFile(file, change);
  return readFile(file, "utf8");
}

/** Everything that a person may write and an edit must not lose. */
const handwritten = `# Users of the file server.
# Ask Ann before you change anything.

users:   # all of them
    alice: # Alice from sales
        # her own password
        password:   '${hash}'   # since May
        keys:
        - ${laptop.line} laptop   # lost?
        - "${desk.line} desk"

        groups: [ staff,   sales ]
        claims: {department: sales}


    # Comes back in spring.
    0123:
        disabled: false
        home: /projects
    empty:   # nothing yet
    carol: { password: "${hash}", keys: ["${laptop.line}"] }
# the end
`;

describe("editing a users file", () => {
  it("makes the file where there is none, for its owner only", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await editUsersFile(file, (users) =>
      users.addUser("alice", {
        passwordHash: hash,
        keys: [`${laptop.line} laptop`],
        home: "/projects",
        groups: ["staff"],
        expires: "2030-01-01",
      }),
    );
    expect(await readFile(file, "utf8")).toBe(`users:
  alice:
    password: ${hash}
    keys:
      - ${laptop.line} laptop
    home: /projects
    groups:
      - staff
    expires: 2030-01-01
`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("makes a JSON file by its ending", async () => {
    const file = join(await temporaryDirectory(), "users.json");
    await editUsersFile(file, (users) => {
      users.addUser("alice", { groups: ["staff"] });
      users.addUser("bob");
      users.addKey("bob", laptop.line);
      users.setPassword("bob", hash);
    });
    expect(await readFile(file, "utf8")).toBe(`{
  "users": {
    "alice": {
      "groups": [
        "staff"
      ]
    },
    "bob": {
      "keys": [
        "${laptop.line}"
      ],
      "password": "${hash}"
    }
  }
}
`);
  });

  it("leaves every line alone that it does not change", async () => {
    const other = cheapHash("other");
    const after = await edited(handwritten, (users) => {
      users.setPassword("alice", other);
      users.addKey("alice", `${build.line} build`);
      users.setPassword("0123", other);
      users.setDisabled("0123", true);
      users.setPassword("empty", other);
      users.addKey("empty", desk.line);
      users.setPassword("carol", other);
      users.addKey("carol", desk.line);
      users.setDisabled("carol", true);
      users.addUser("dave", { home: "/d" });
    });
    expect(after).toBe(
      handwritten
        .replace(`password:   '${hash}'   # since`, `password:   ${other}   # since`)
        .replace(`desk"\n`, `desk"\n        - ${build.line} build\n`)
        .replace(
          "disabled: false\n        home: /projects\n",
          `disabled: true\n        home: /projects\n        password: ${other}\n`,
        )
        .replace(
          "# nothing yet\n",
          `# nothing yet\n        password: ${other}\n        keys:\n            - ${desk.line}\n`,
        )
        .replace(
          `carol: { password: "${hash}", keys: ["${laptop.line}"] }\n`,
          `carol: { password: "${other}", keys: ["${laptop.line}", "${desk.line}"], "disabled": true }\n    dave:\n        home: /d\n`,
        ),
    );
  });

  it("removes keys and users, with the lines they are on", async () => {
    const one = await edited(handwritten, (users) => users.removeKey("alice", laptop.key.fingerprint));
    expect(one).toBe(handwritten.replace(/ +- .* laptop.*\n/, ""));
    const none = await edited(one, (users) => users.removeKey("alice", desk.key.fingerprint));
    expect(none).toBe(one.replace(/ +keys:\n +- .* desk"\n/, ""));
    const flow = await edited(handwritten, (users) => users.removeKey("carol", laptop.key.fingerprint));
    expect(flow).toBe(handwritten.replace(`, keys: ["${laptop.line}"]`, ""));
    const without = await edited(handwritten, (users) => {
      users.removeUser("0123");
      users.removeUser("carol");
    });
    expect(without).toBe(handwritten.replace(/ +0123:\n.*\n.*\n/, "").replace(/ +carol: .*\n/, ""));
  });

  it("can remove the last user, and add one again", async () => {
    const text = "users:\n  bob:\n    home: /b\n";
    const none = await edited(text, (users) => users.removeUser("bob"));
    expect(none).toBe("users:\n");
    expect(await edited(none, (users) => users.addUser("bob", { home: "/b" }))).toBe(text);
  });

  it("keeps the shape of JSON", async () => {
    const text = `{\n\t"users": {\n\t\t"alice": { "keys": ["${laptop.line}", "${desk.line}"], "disabled": false },\n\t\t"bob": {}\n\t}\n}\n`;
    const after = await edited(
      text,
      (users) => {
        users.removeKey("alice", laptop.key.fingerprint);
        users.setDisabled("alice", true);
        users.setDisabled("bob", true);
        users.addUser("carol", { home: "/" });
      },
      "users.json",
    );
    expect(after).toBe(
      `{\n\t"users": {\n\t\t"alice": { "keys": ["${desk.line}"], "disabled": true },\n\t\t"bob": {\n\t\t\t"disabled": true\n\t\t},\n\t\t"carol": {\n\t\t\t"home": "/"\n\t\t}\n\t}\n}\n`,
    );
    const users = await edited(
      after,
      (each) => ["alice", "bob", "carol"].forEach((name) => each.removeUser(name)),
      "users.json",
    );
    expect(JSON.parse(users)).toEqual({ users: {} });
  });

  it("keeps the line ends of Windows", async () => {
    const text = "users:\r\n  bob:\r\n    home: /b\r\n";
    const after = await edited(text, (users) => {
      users.setDisabled("bob", true);
      users.addUser("ann");
    });
    expect(after).toBe("users:\r\n  bob:\r\n    home: /b\r\n    disabled: true\r\n  ann: {}\r\n");
  });

  it("goes on behind a last line without an end", async () => {
    expect(await edited("users:\n  bob: {}", (users) => users.addUser("ann"))).toBe("users:\n  bob: {}\n  ann: {}");
    expect(await edited("users:", (users) => users.addUser("ann"))).toBe("users:\n  ann: {}");
    expect(await edited("# nobody yet\n", (users) => users.addUser("ann"))).toBe("# nobody yet\nusers:\n  ann: {}\n");
    expect(await edited("{}\n", (users) => users.addUser("ann"), "users.json")).toBe(
      '{\n  "users": {\n    "ann": {}\n  }\n}\n',
    );
  });

  it("replaces a value that runs over several lines", async () => {
    const text = `users:\n  bob:\n    password: >-\n      ${hash}\n    keys:\n      - >-\n        ${laptop.line}\n        lost\n    home: /b\n`;
    const after = await edited(text, (users) => {
      users.addKey("bob", desk.line);
      users.setPassword("bob", hash);
    });
    expect(after).toBe(
      `users:\n  bob:\n    password: ${hash}\n    keys:\n      - >-\n        ${laptop.line}\n        lost\n      - ${desk.line}\n    home: /b\n`,
    );
  });

  it("quotes what YAML would take for something else", async () => {
    const text = await edited("users: {}\n", (users) => {
      for (const name of ["123", "true", "null", "# a", "a: b", "- x", "__proto__", "Jose\u0301"])
        users.addUser(name, { groups: ["1"] });
    });
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, text);
    const users = await readUsersFile(file);
    expect([...users.keys()]).toEqual(["123", "true", "null", "# a", "a: b", "- x", "__proto__", "José"]);
    expect([...users.values()].every((user) => user.groups[0] === "1")).toBe(true);
  });

  it("finds a user however the name was typed", async () => {
    const text = await edited("users:\n  Jose\u0301: {}\n", (users) => users.setDisabled("Jos\u00e9", true));
    expect(text).toBe("users:\n  Jose\u0301:\n    disabled: true\n");
  });

  it("resolves to what the change returns, and may take its time", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    const fingerprint = await editUsersFile(file, async (users) => {
      users.addUser("bob");
      await Promise.resolve();
      return users.addKey("bob", `restrict ${laptop.line} laptop`);
    });
    expect(fingerprint).toBe(laptop.key.fingerprint);
  });

  it.each<[string, (users: UsersEditor) => unknown, string]>([
    ["a user who is there", (users) => users.addUser("alice"), 'there is a user "alice" already'],
    ["a name that cannot be", (users) => users.addUser("../x"), 'cannot be a name: it contains "/"'],
    ["nobody's password", (users) => users.setPassword("nobody", hash), 'there is no user "nobody"'],
    ["nobody's removal", (users) => users.removeUser("nobody"), 'there is no user "nobody"'],
    ["a password in the place of a hash", (users) => users.setPassword("alice", "hunter2"), "is not a password hash"],
    ["a key that is none", (users) => users.addKey("alice", "hello"), "is not a key"],
    ["a key that is there", (users) => users.addKey("alice", `restrict ${desk.line}`), "already"],
    ["a key that is not there", (users) => users.removeKey("alice", build.key.fingerprint), "has no key SHA256:"],
    ["a relative home", (users) => users.addUser("x", { home: "here" }), "x.home: is not an absolute path"],
    ["a group twice", (users) => users.addUser("x", { groups: ["a", "a"] }), "x.groups.1: is given twice"],
    ["a day that is none", (users) => users.addUser("x", { expires: "2027-02-30" }), "x.expires: does not exist"],
  ])("refuses %s and leaves the file as it was", async (_, change, why) => {
    const directory = await temporaryDirectory();
    const file = join(directory, "users.yaml");
    await writeFile(file, handwritten);
    const before = await stat(file);
    const editing = editUsersFile(file, change);
    await expect(editing).rejects.toMatchObject({ code: "ERR_SLUICE_USERS_FILE" });
    await expect(editing).rejects.toThrow(why);
    expect(await readFile(file, "utf8")).toBe(handwritten);
    expect((await stat(file)).ino).toBe(before.ino);
    expect(await readdir(directory)).toEqual(["users.yaml"]);
  });

  it("does not make a file for a change that failed", async () => {
    const directory = await temporaryDirectory();
    await expect(editUsersFile(join(directory, "users.yaml"), (users) => users.removeUser("bob"))).rejects.toThrow(
      "no user",
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it("can repair a mistake, but not beside another", async () => {
    const repaired = await edited("users:\n  bob:\n    password: secret\n", (users) => users.setPassword("bob", hash));
    expect(repaired).toBe(`users:\n  bob:\n    password: ${hash}\n`);
    await expect(
      edited("users:\n  bob:\n    password: secret\n    home: x\n", (users) => users.setPassword("bob", hash)),
    ).rejects.toThrow("The change was not made");
  });

  it("does not write over what is no users file", async () => {
    await expect(edited("{broken", (users) => users.addUser("bob"))).rejects.toThrow(/users\.yaml:1:\d+ /);
    await expect(edited('{"name": "package"}', (users) => users.addUser("bob"), "x.json")).rejects.toThrow(
      '"users" is missing',
    );
  });

  it("keeps the mode, and a link in its place", async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "data"));
    const target = join(directory, "data/users.yaml");
    await writeFile(target, "users: {}\n");
    await chmod(target, 0o640);
    await symlink("data/users.yaml", join(directory, "users.yaml"));
    await editUsersFile(join(directory, "users.yaml"), (users) => users.addUser("bob"));
    expect(await readlink(join(directory, "users.yaml"))).toBe("data/users.yaml");
    expect(await readFile(target, "utf8")).toBe("users:\n  bob: {}\n");
    expect((await stat(target)).mode & 0o777).toBe(0o640);
    expect(await readdir(join(directory, "data"))).toEqual(["users.yaml"]);
  });

  it("notices that somebody else has changed the file meanwhile", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, "users: {}\n");
    const editing = editUsersFile(file, async (users) => {
      await writeFile(file, "users:\n  eve: {}\n");
      users.addUser("bob");
    });
    await expect(editing).rejects.toThrow("somebody else has changed it");
    expect(await readFile(file, "utf8")).toBe("users:\n  eve: {}\n");
  });

  it("loses none of two edits at the same time without saying so", async () => {
    for (const start of ["users: {}\n", undefined]) {
      const file = join(await temporaryDirectory(), "users.yaml");
      if (start !== undefined) await writeFile(file, start);
      const names = ["ann", "bob", "carol", "dave"];
      const results = await Promise.allSettled(
        names.map((name) => editUsersFile(file, (users) => users.addUser(name))),
      );
      const made = names.filter((_, i) => results[i]?.status === "fulfilled");
      expect(made.length).toBeGreaterThan(0);
      expect([...(await readUsersFile(file)).keys()].sort()).toEqual(made);
    }
  });

  it("does not write where nothing changes", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, handwritten);
    const before = await stat(file);
    await editUsersFile(file, (users) => users.listUsers());
    expect((await stat(file)).ino).toBe(before.ino);
  });
});

describe("listing users", () => {
  it("tells all but the secrets", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, handwritten);
    const users = await listUsers(file);
    expect(users.map((user) => user.name)).toEqual(["alice", "0123", "empty", "carol"]);
    expect(users[0]).toEqual({
      name: "alice",
      password: "scrypt",
      keys: [
        {
          type: "ssh-ed25519",
          fingerprint: laptop.key.fingerprint,
          comment: "laptop",
          isAuthority: false,
          expiresAt: undefined,
        },
        {
          type: "ssh-ed25519",
          fingerprint: desk.key.fingerprint,
          comment: "desk",
          isAuthority: false,
          expiresAt: undefined,
        },
      ],
      home: undefined,
      groups: ["staff", "sales"],
      disabled: false,
      expiresAt: undefined,
    });
    expect(JSON.stringify(users)).not.toContain("$scrypt");
  });

  it("marks certificate authorities among the keys", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await editUsersFile(file, (users) => {
      users.addUser("bob", { keys: [laptop.line, `cert-authority,principals="bob" ${desk.line}`] });
    });
    const [bob] = await listUsers(file);
    expect(bob?.keys.map(({ isAuthority }) => isAuthority)).toEqual([false, true]);
  });

  it("sees what an editor has changed so far", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await editUsersFile(file, (users) => {
      expect(users.listUsers()).toEqual([]);
      users.addUser("bob");
      users.setDisabled("bob", true);
      expect(users.listUsers()).toMatchObject([{ name: "bob", disabled: true }]);
    });
  });
});
