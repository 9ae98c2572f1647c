import type { Located, Problem } from "./source.ts";

/**
 * Checks a value, and once more where a text from `${NAME}` or `file:` was refused although it reads as a number or a truth value:
 * outside there is only text. Returns what is still wrong, and the value that was checked last.
 */
export async function settle<T>(
  value: unknown,
  located: Located | undefined,
  check: (value: unknown) => Promise<Checked<T>>,
): Promise<Checked<T>> {
  const first = await check(value);
  if (first.problems.length === 0 || located === undefined) return first;
  const typed = first.problems.reduce((current, { path }) => withTyped(current, located, path), value);
  if (typed === value) return first;
  const second = await check(typed);
  return second.problems.length < first.problems.length ? second : first;
}

export interface Checked<T> {
  readonly problems: readonly Problem[];
  readonly result: T;
}

function withTyped(value: unknown, located: Located, path: readonly PropertyKey[]): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return typeof value === "string" && located.expanded === true ? typeOf(value) : value;
  const child = located.children.get(head);
  if (child === undefined || typeof value !== "object" || value === null) return value;
  const old = (value as Record<PropertyKey, unknown>)[head];
  const changed = withTyped(old, child, rest);
  if (changed === old) return value;
  if (Array.isArray(value)) return value.with(Number(head), changed);
  return { ...value, [head]: changed };
}

function typeOf(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
