import { keyBeside, verifyLog, type Verification } from "@sluice/audit";
import { printable } from "@sluice/core";
import { readFileSync } from "node:fs";
import { Failure, firstLine, reasonOf } from "../failure.ts";
import { filesNamed } from "./audit-files.ts";
import type { VerifyArguments } from "./audit.ts";

/** `sluice audit verify`. */
export async function verify(names: readonly string[], options: VerifyArguments): Promise<void> {
  const { head } = options;
  if (head !== undefined && !/^[0-9a-f]{64}$/.test(head)) throw new Failure("--head: 64 hexadecimal digits are needed");
  const files = await filesNamed(names, options.only ?? false);
  const keys = options.key?.map(readKey) ?? keysBeside(names);
  const found = await verifyLog(files, { keys, ...(head === undefined ? {} : { head }) }).catch((error: unknown) => {
    throw new Failure(`the public key: ${firstLine(error)}`, error);
  });
  if (options.json === true) console.log(JSON.stringify({ ...found, damage: found.damage ?? null }));
  else report(found);
  if (found.damage !== undefined) process.exitCode = 1;
}

function report(found: Verification): void {
  const { damage, records, first, last, head } = found;
  if (damage !== undefined) {
    const place = damage.line === 0 ? damage.file : `${damage.file}:${damage.line}`;
    console.error(`${place}: ${printable(damage.what)}`);
    if (records > 0) console.error(`Records ${first} to ${last}, before it, are as they were written.`);
    return;
  }
  if (records === 0) {
    console.log("There are no records.");
    return;
  }
  console.log(`${records} records, ${first} to ${last}, are as they were written and in their order.`);
  if (first > 1) console.log(`Before     records 1 to ${first - 1} were not read${retired(found)}`);
  console.log(`Signed     ${signed(found)}`);
  console.log(`Head       ${head}`);
  console.log("           Keep it elsewhere: with --head it shows later that no records were taken off the end.");
}

function retired({ first, retiredTo }: Verification): string {
  return retiredTo === first - 1
    ? ": retention removed them, as the log says"
    : ", and the log does not say that retention removed them";
}

function signed({ checkpoints, checkpointAt, keys, last }: Verification): string {
  if (checkpoints === 0) return "nothing: there is no checkpoint";
  if (keys.length === 0) return `not checked: give the public key with --key (${checkpoints} checkpoints)`;
  const rest = last - (checkpointAt ?? 0);
  const after = rest === 0 ? "" : `; the ${rest} after it are chained, and not signed yet`;
  return `up to record ${checkpointAt ?? 0} by ${keys.join(", ")}${after}`;
}

function readKey(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure(`${path}: ${reasonOf(error)}; name the public key of the log`, error);
  }
}

function keysBeside(names: readonly string[]): string[] {
  return [...new Set(names.map(keyBeside).filter((key) => key !== undefined))];
}
