import assert from "node:assert/strict";
import { sftpPath, textFromBytes } from "@sluice/core";
import { check, type Case } from "./case.ts";
import type { Stage } from "./stage.ts";

/** Does everything with a name that can be done with one, and expects it back byte for byte. */
async function tryName(stage: Stage, name: string): Promise<void> {
  await stage.put(`/${name}`, "content");
  assert.deepEqual(await stage.names(), [name], "in the listing");
  assert.equal((await stage.lstat(`/${name}`)).size, 7);
  await stage.holds(`/${name}`, "content");
  await stage.fs.rename?.(sftpPath(`/${name}`), sftpPath("/plain"), { overwrite: false });
  await stage.fs.rename?.(sftpPath("/plain"), sftpPath(`/${name}`), { overwrite: false });
  assert.deepEqual(await stage.names(), [name], "after renaming");
  await stage.method("remove")(sftpPath(`/${name}`));
  assert.deepEqual(await stage.names(), [], "after removing");
  await stage.mkdir(`/${name}`);
  await stage.put(`/${name}/${name}`, "inner");
  assert.deepEqual(await stage.names(`/${name}`), [name], "in a directory of that name");
  await stage.holds(`/${name}/${name}`, "inner");
  await stage.method("remove")(sftpPath(`/${name}/${name}`));
  await stage.method("rmdir")(sftpPath(`/${name}`));
}

function tryAll(names: readonly string[]) {
  return async (stage: Stage): Promise<void> => {
    for (const name of names) await tryName(stage, name);
  };
}

const bytes = (...values: readonly number[]): string => textFromBytes(Uint8Array.from(values));

/** Names, byte for byte. */
export const naming: readonly Case[] = [
  check("names: spaces, also at the ends", tryAll(["a b", " leading", "trailing ", "   "])),
  check(
    "names: quotes, backslashes and what shells mind",
    tryAll([`'"\`$`, "back\\slash", "*?[a]{b}", "-rf", "a;b|c&d", "~", "#x"]),
  ),
  check(
    "names: control characters",
    tryAll(["new\nline", "tab\tstop", "carriage\rreturn", "\u001b[31mred", "\u0001\u007f"]),
  ),
  check("names: dots that mean nothing", tryAll(["...", ".hidden", "..hidden", "trailing.", "a..b"])),
  check(
    "names: names that mean something elsewhere",
    tryAll(["CON", "nul.txt", "C:", "a:b", "__proto__", "constructor"]),
  ),
  check("names: text beyond ASCII", tryAll(["ünïcödé", "日本語", "😀", "\u202egnp.exe", "\ufeffbom", "a\u200bb"])),
  check("names: composed and decomposed letters stay as they are", tryAll(["\u00e9", "e\u0301"])),
  check(
    "names: bytes that are not UTF-8",
    tryAll([bytes(0xff), bytes(0x61, 0xfe, 0x62), bytes(0xc3, 0x28), bytes(0xed, 0xa0, 0x80)]),
  ),
  check(
    "names: 255 bytes",
    tryAll([
      "x".repeat(255),
      "é".repeat(127) + "x",
      "😀".repeat(63) + "xyz",
      bytes(...Array.from({ length: 255 }, () => 0xb5)),
    ]),
  ),

  check("names: names that differ in one byte, in case or in composition are different", async (stage) => {
    const names = ["name", "Name", "\u00e9", "e\u0301", bytes(0xe9), bytes(0xe8), "name ", "name."];
    for (const name of names) await stage.put(`/${name}`, name);
    assert.deepEqual(await stage.names(), [...names].sort());
    for (const name of names) await stage.holds(`/${name}`, name);
  }),

  check("names: a link target is kept byte for byte", async (stage) => {
    const readlink = stage.method("readlink");
    const targets = ["with space", "new\nline", "日本語", `../${bytes(0xff, 0xfe)}/x`, "a//b/./c/", "x".repeat(255)];
    for (const [number, target] of targets.entries()) {
      await stage.symlink(`/link-${number}`, target);
      assert.equal(await readlink(sftpPath(`/link-${number}`)), target);
    }
  }),

  check("names: a path of 100 directories", async (stage) => {
    let path = "";
    for (let depth = 0; depth < 100; depth++) await stage.mkdir((path += `/d${depth}`));
    await stage.put(`${path}/file`, "deep");
    await stage.holds(`${path}/file`, "deep");
    assert.deepEqual(await stage.names(path), ["file"]);
  }),
];
