import { readFileSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { reasonOf } from "../failure.ts";

/** What a text of the configuration stands for. */
export interface Expansion {
  readonly text: string;
  /** Something in it was replaced. */
  readonly expanded: boolean;
  /** What came from outside and looks like a secret. */
  readonly secrets: readonly string[];
}

/** A text that cannot be expanded. The message holds names, never values. */
export class ExpansionError extends Error {}

const reference = /\$\$\{|\$\{([^}]*)\}?/g;
const wellFormed = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;
const secretName = /pass|secret|token|key|credential/i;
const maxFileBytes = 64 * 1024;
/** Shorter ones would black out unrelated words, and are no secrets. */
const leastSecretLength = 6;

/**
 * Replaces `${NAME}` and `${NAME:-default}` by variables of the environment (`$${` stands for `${`), then a text that was *written*
 * with `file:` in front by the content of that file, without the line break at its end.
 *
 * @param directory what relative paths are relative to
 * @throws ExpansionError for a variable that is not set, a malformed reference, a file that cannot be read
 */
export function expand(text: string, directory: string, environment: NodeJS.ProcessEnv): Expansion {
  const secrets: string[] = [];
  let expanded = false;
  const replaced = text.replaceAll(reference, (whole: string, inner: string | undefined) => {
    if (inner === undefined) return "${";
    expanded = true;
    const value = variable(whole, inner, environment);
    if (secretName.test(inner)) secrets.push(value);
    return value;
  });
  if (!text.startsWith("file:")) return { text: replaced, expanded, secrets: secrets.filter(isLongEnough) };
  const content = contentOf(replaced, directory);
  return { text: content, expanded: true, secrets: [...secrets, content].filter(isLongEnough) };
}

function isLongEnough(secret: string): boolean {
  return secret.length >= leastSecretLength;
}

function variable(whole: string, inner: string, environment: NodeJS.ProcessEnv): string {
  const [, name, fallback] = wellFormed.exec(inner) ?? [];
  if (name === undefined || !whole.endsWith("}")) {
    throw new ExpansionError("malformed ${…}; write ${NAME}, ${NAME:-default}, or $${ for the characters themselves");
  }
  const value = environment[name];
  if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
  if (value === undefined) {
    throw new ExpansionError(`the environment variable ${name} is not set; set it, or write \${${name}:-default}`);
  }
  return value;
}

function contentOf(text: string, directory: string): string {
  const written = text.slice("file:".length).replace(/^\/\/(?=\/)/, "");
  const path = isAbsolute(written) ? written : resolve(directory, written);
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new ExpansionError(`${text}: is not a file`);
    if (stats.size > maxFileBytes) throw new ExpansionError(`${text}: is larger than ${maxFileBytes} bytes`);
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof ExpansionError) throw error;
    throw new ExpansionError(`${text}: ${reasonOf(error)}`);
  }
}
