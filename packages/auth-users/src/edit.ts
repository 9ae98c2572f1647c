import { SetupError } from "@sluice/core";
import { UsersEditor } from "./editor.ts";
import { Mistake } from "./mistake.ts";
import { readUsers } from "./reader.ts";
import { replaceFile, targetOf } from "./replace.ts";
import { Source, usersFileError } from "./source.ts";
import { summaryOf, type UserSummary } from "./summary.ts";
import { readText, readUsersFile } from "./users-file.ts";
import { identify } from "./watch.ts";

/**
 * Changes a users file, or makes one where there is none, and resolves to what `change` returned.
 *
 * The new text is validated whole and then replaces the file at once; comments and formatting stay. A change that fails, or whose
 * result would not be valid, leaves the file as it was.
 *
 * @throws SetupError `ERR_SLUICE_USERS_FILE` that says what is wrong, or that somebody else has changed the file in the meantime.
 *
 * @example
 * await editUsersFile("users.yaml", async (users) => {
 *   users.addUser("alice", { passwordHash: await hashPassword("correct horse"), groups: ["staff"] });
 * });
 */
export async function editUsersFile<T>(path: string, change: (users: UsersEditor) => T | Promise<T>): Promise<T> {
  const target = await targetOf(path);
  const seen = await identify(target);
  const before = seen === "missing" ? "" : (await readText(target)).text;
  const editor = new UsersEditor(path, before);
  const result = await changed(path, () => change(editor));
  if (editor.text === before) return result;
  validate(path, editor.text);
  await replaceFile(target, editor.text, seen);
  return result;
}

/** Everybody in a users file, without secrets. @throws SetupError `ERR_SLUICE_USERS_FILE` with everything that is wrong with it. */
export async function listUsers(path: string): Promise<UserSummary[]> {
  return [...(await readUsersFile(path)).values()].map(summaryOf);
}

async function changed<T>(path: string, change: () => T | Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    throw error instanceof Mistake ? usersFileError([`${path}: ${error.message}`], error) : error;
  }
}

function validate(path: string, text: string): void {
  try {
    readUsers(new Source(path, text));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw usersFileError([
      "The change was not made, since the file would then have mistakes:",
      ...error.message.split("\n"),
    ]);
  }
}
