/** A position in a text file, both from 1, as editors count. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where a value of a configuration file was written, and where what it holds was. */
export interface Located {
  readonly place: Place;
  /** Where the value's key is; absent for the root and for items of a list. */
  readonly key?: Place;
  readonly children: ReadonlyMap<PropertyKey, Located>;
  /** The text came from `${NAME}` or `file:`, so that it may stand for a number or a truth value. */
  readonly expanded?: boolean;
}

/** One thing wrong with a configuration. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Known when the text itself is wrong; else found by the path. */
  readonly place?: Place;
  /** The key is wrong, not its value. */
  readonly atKey?: boolean;
}

/** A configuration as it was read, before anything was checked. */
export interface Source {
  /** Absolute path. */
  readonly file: string;
  /** The file's name as its owner wrote it, for messages. */
  readonly shown: string;
  readonly value: unknown;
  /** Absent for TypeScript and JavaScript, whose values have no position. */
  readonly located?: Located;
  /** Texts that no message may repeat. */
  readonly secrets: readonly string[];
  /** What is wrong with single values: texts that cannot be expanded, keys that are not allowed. */
  readonly problems: readonly Problem[];
}

/** What is known of a value's position: the value's own, else that of the nearest thing around it. */
export function locate(root: Located | undefined, path: readonly PropertyKey[]): Located | undefined {
  let at = root;
  for (const part of path) {
    const child = at?.children.get(part);
    if (child === undefined) return at;
    at = child;
  }
  return at;
}

/** A path as people write it: `listen[0].port`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}

/** Problems as lines `file:line:column path: what`, in the order of the file. */
export function renderProblems(
  source: Pick<Source, "shown" | "located" | "secrets">,
  problems: readonly Problem[],
): string[] {
  return problems
    .map((problem) => ({ problem, place: placeOf(source.located, problem) }))
    .sort((a, b) => compare(a.place, b.place))
    .map(({ problem, place }) => {
      const where = place === undefined ? source.shown : `${source.shown}:${place.line}:${place.column}`;
      const path = pathText(problem.path);
      return `${where}${path === "" ? ":" : ` ${path}:`} ${conceal(problem.message, source.secrets)}`;
    });
}

function placeOf(root: Located | undefined, problem: Problem): Place | undefined {
  if (problem.place !== undefined) return problem.place;
  const at = locate(root, problem.path);
  return problem.atKey === true ? (at?.key ?? at?.place) : at?.place;
}

function compare(a: Place | undefined, b: Place | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return a.line - b.line || a.column - b.column;
}

/** A message of somebody else's may quote the value it refuses. */
function conceal(message: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => text.replaceAll(secret, "***"), message).replaceAll(/\s*\n\s*/g, " ");
}
