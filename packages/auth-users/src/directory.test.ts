import { appendFile, chmod, mkdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cheapHash, temporaryDirectory, TestLog } from "../test/support.ts";
import { Directory } from "./directory.ts";
import { editUsersFile } from "./edit.ts";

const hash = cheapHash("secret");
const forNames = (...names: string[]): string => `users:\n${names.map((name) => `  ${name}: {}\n`).join("")}`;
/** Long enough that only an event can be in time. */
const never = 3_600_000;

interface Opened {
  readonly directory: Directory;
  readonly log: TestLog;
}

async function open(file: string, pollMs = never): Promise<Opened> {
  const log = new TestLog();
  const directory = await Directory.open(file, log.logger, { watch: true, pollMs });
  onTestFinished(() => directory.close());
  expect((await log.next()).level).toBe("info");
  return { directory, log };
}

async function withFile(text: string): Promise<Opened & { readonly file: string }> {
  const file = join(await temporaryDirectory(), "users.yaml");
  await writeFile(file, text, { mode: 0o600 });
  return { file, ...(await open(file)) };
}

/** As editors do it: never half written. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

describe("a directory", () => {
  it("says at the start how many users there are", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, forNames("ann", "bob"), { mode: 0o600 });
    const log = new TestLog();
    await Directory.open(file, log.logger, { watch: false });
    expect(log.lines).toEqual([{ level: "info", message: "Read 2 users", fields: { file, users: 2 } }]);
  });

  it.each([0o604, 0o620, 0o602, 0o644])("warns of the mode %o", async (mode) => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, forNames("ann"));
    await chmod(file, mode);
    const log = new TestLog();
    await Directory.open(file, log.logger, { watch: false });
    expect(log.lines[0]).toMatchObject({ level: "warn", fields: { mode: `0${mode.toString(8)}` } });
  });

  it.each([0o600, 0o640, 0o400])("does not warn of the mode %o", async (mode) => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, forNames("ann"));
    await chmod(file, mode);
    const log = new TestLog();
    await Directory.open(file, log.logger, { watch: false });
    expect(log.lines.map((line) => line.level)).toEqual(["info"]);
  });

  it("finds a user however the name is typed, and nobody by what cannot be a name", async () => {
    const { directory } = await withFile(forNames("Jose\u0301", "__proto__"));
    expect(directory.find("Jos\u00e9")?.name).toBe("Jos\u00e9");
    expect(directory.find("__proto__")?.name).toBe("__proto__");
    for (const name of ["jos\u00e9", "constructor", "toString", "", "../Jos\u00e9"]) {
      expect(directory.find(name)).toBeUndefined();
    }
  });

  it("has a decoy of the file's cost for every name", async () => {
    const { directory } = await withFile(`users:\n  ann:\n    password: ${hash}\n`);
    for (const name of ["nobody", "", "\0", "a".repeat(9999)]) {
      expect(directory.decoy(name).effort).toBe(directory.find("ann")?.password?.effort);
    }
  });
});

describe("an edit of the users file", () => {
  it("takes effect when the file is written in place", async () => {
    const { file, directory, log } = await withFile(forNames("ann"));
    await appendFile(file, "  bob: {}\n");
    expect(await log.next()).toMatchObject({
      level: "info",
      fields: { users: 2 },
      message: expect.stringContaining("2 users"),
    });
    expect(directory.find("bob")).toBeDefined();
  });

  it("takes effect when the file is replaced by renaming, again and again", async () => {
    const { file, directory, log } = await withFile(forNames("ann"));
    for (const name of ["bob", "carol", "dave"]) {
      await replace(file, forNames(name));
      expect(await log.next()).toMatchObject({ level: "info", fields: { users: 1 } });
      expect(directory.find(name)).toBeDefined();
    }
    expect(directory.find("ann")).toBeUndefined();
  });

  it("takes effect when it is made with the editing functions", async () => {
    const { file, directory, log } = await withFile(forNames("ann"));
    await editUsersFile(file, (users) => users.addUser("bob", { passwordHash: hash }));
    expect(await log.next()).toMatchObject({ level: "info", fields: { users: 2 } });
    expect(directory.find("bob")?.password?.toString()).toBe(hash);
    expect(directory.decoy("nobody").effort).toBe(directory.find("bob")?.password?.effort);
  });

  it("takes effect when a link on the way is switched, as Kubernetes does", async () => {
    const root = await temporaryDirectory();
    for (const [version, name] of [
      ["..1", "ann"],
      ["..2", "bob"],
    ] as const) {
      await mkdir(join(root, version));
      await writeFile(join(root, version, "users.yaml"), forNames(name), { mode: 0o600 });
    }
    await symlink("..1", join(root, "..data"));
    await symlink("..data/users.yaml", join(root, "users.yaml"));
    const { directory, log } = await open(join(root, "users.yaml"));
    expect(directory.find("ann")).toBeDefined();
    await symlink("..2", join(root, "..data_tmp"));
    await rename(join(root, "..data_tmp"), join(root, "..data"));
    await rm(join(root, "..1"), { recursive: true });
    expect(await log.next()).toMatchObject({ level: "info", fields: { users: 1 } });
    expect(directory.find("ann")).toBeUndefined();
    expect(directory.find("bob")).toBeDefined();
  });

  it("takes effect by looking, where no event comes: the target of a link lies elsewhere", async () => {
    const elsewhere = join(await temporaryDirectory(), "real.yaml");
    const link = join(await temporaryDirectory(), "users.yaml");
    await writeFile(elsewhere, forNames("ann"), { mode: 0o600 });
    await symlink(elsewhere, link);
    const { directory, log } = await open(link, 20);
    await appendFile(elsewhere, "  bob: {}\n");
    expect(await log.next()).toMatchObject({ level: "info", fields: { users: 2 } });
    expect(directory.find("bob")).toBeDefined();
  });

  it("with mistakes changes nothing, and is told with its line", async () => {
    const { file, directory, log } = await withFile(forNames("ann", "bob"));
    await replace(file, "users:\n  ann:\n    hom: /\n    disabled: 1\n");
    const line = await log.next();
    expect(line.level).toBe("error");
    expect(line.message).toBe(
      `${file}:3:5 users.ann.hom: is not known; did you mean "home"? (and 1 more); the 2 users read before stay`,
    );
    expect(line.fields["problems"]).toHaveLength(2);
    expect(directory.find("bob")).toBeDefined();

    await replace(file, forNames("carol"));
    expect(await log.next()).toMatchObject({ level: "info", fields: { users: 1 } });
    expect(directory.find("carol")).toBeDefined();
    expect(directory.find("bob")).toBeUndefined();
  });

  it("that takes the file away changes nothing, and its return is told of", async () => {
    const { file, directory, log } = await withFile(forNames("ann"));
    await unlink(file);
    expect(await log.next()).toMatchObject({
      level: "error",
      message: expect.stringContaining("there is no such file"),
    });
    expect(directory.find("ann")).toBeDefined();
    await writeFile(file, forNames("ann"), { mode: 0o600 });
    expect(await log.next()).toMatchObject({ level: "info", fields: { users: 1 } });
  });

  it("that leaves the text as it was is not told of", async () => {
    const { file, log } = await withFile(forNames("ann"));
    await replace(file, forNames("ann"));
    await chmod(file, 0o640);
    await appendFile(file, "  bob: {}\n");
    expect(await log.next()).toMatchObject({ fields: { users: 2 } });
  });

  it("between reading the file and watching it is not missed", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, forNames("ann"), { mode: 0o600 });
    const log = new TestLog();
    const opening = Directory.open(file, { ...log.logger, info: editOnce }, { watch: true, pollMs: never });
    let edited: Promise<void> | undefined;
    let told: (fields: unknown) => void = () => {};
    const toldAgain = new Promise<unknown>((resolve) => (told = resolve));
    function editOnce(fields: object | string): void {
      if (edited === undefined) edited = writeFile(file, forNames("ann", "bob"));
      else told(fields);
    }
    const directory = await opening;
    onTestFinished(() => directory.close());
    expect(await toldAgain).toMatchObject({ users: 2 });
  });

  it("is not noticed when nobody asked for it, or after the end", async () => {
    const file = join(await temporaryDirectory(), "users.yaml");
    await writeFile(file, forNames("ann"), { mode: 0o600 });
    const quiet = new TestLog();
    const unwatched = await Directory.open(file, quiet.logger, { watch: false });
    const closed = await open(file, 20);
    const other = await open(file, 20);
    await closed.directory.close();
    await appendFile(file, "  bob: {}\n");
    expect(await other.log.next()).toMatchObject({ fields: { users: 2 } });
    await other.directory.close();
    expect(unwatched.find("bob")).toBeUndefined();
    expect(closed.directory.find("bob")).toBeUndefined();
    expect(quiet.lines).toHaveLength(1);
    expect(closed.log.lines).toHaveLength(1);
  });

  it("has no effect any more when the directory is closed before the edit has settled", async () => {
    const { file, directory, log } = await withFile(forNames("ann"));
    const other = await open(file);
    await appendFile(file, "  bob: {}\n");
    await directory.close();
    await directory.close();
    expect(await other.log.next()).toMatchObject({ fields: { users: 2 } });
    expect(directory.find("bob")).toBeUndefined();
    expect(log.lines).toHaveLength(1);
  });
});
