import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { editUsersFile, hashPassword } from "@sluice/auth-users";
import { connect, testHostKey } from "@sluice/testing";
import { expect, test } from "vitest";
import { dropBox } from "./drop-box.ts";

test("senders put files and see none; clerks see, fetch and remove them", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-drop-box-"));
  mkdirSync(join(directory, "files", "in"), { recursive: true });
  const usersFile = join(directory, "users.yaml");
  const password = "a password of some length";
  const hash = await hashPassword(password);
  await editUsersFile(usersFile, (edit) => {
    edit.addUser("sender", {});
    edit.addUser("clerk", { groups: ["clerks"] });
    for (const name of ["sender", "clerk"]) edit.setPassword(name, hash);
  });
  const server = dropBox({ hostKey: { key: testHostKey().privateKey }, usersFile, root: join(directory, "files") });
  await server.ready();

  const sender = await (await connect(server, { username: "sender", password })).sftp();
  await sender.writeFile("/in/offer.pdf", "offer");
  await expect(sender.list("/in")).rejects.toThrow("Permission denied");
  await expect(sender.readFile("/in/offer.pdf")).rejects.toThrow("Permission denied");
  await expect(sender.writeFile("/in/offer.pdf", "again")).rejects.toThrow("exists");

  const clerk = await (await connect(server, { username: "clerk", password })).sftp();
  expect((await clerk.list("/in")).map(({ name }) => name)).toEqual(["offer.pdf"]);
  expect((await clerk.readFile("/in/offer.pdf")).toString()).toBe("offer");
  await clerk.remove("/in/offer.pdf");

  await server.close({ graceMs: 0 });
  rmSync(directory, { recursive: true });
});
