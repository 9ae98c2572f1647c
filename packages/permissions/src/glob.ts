import { literalSegment, matchesName, readSegment, type Segment } from "./segment.ts";

/** `**`: any number of names, also none. */
const anyNames = Symbol("**");
/** `{user}`: the name of who asks. */
const userName = Symbol("{user}");
type Part = Segment | typeof anyNames | typeof userName;

const mostParts = 128;

/**
 * A pattern for paths, name by name: `*` and `?` within a name, `**` for any number of names, `{user}` for the name of who asks. Matching takes
 * time in proportion to the path's length, whatever the pattern.
 */
export class Glob {
  readonly text: string;
  readonly #parts: readonly Part[];

  private constructor(text: string, parts: readonly Part[]) {
    this.text = text;
    this.#parts = parts;
  }

  /** @throws RangeError that says how to write it */
  static read(text: string): Glob {
    if (!text.startsWith("/")) {
      throw new RangeError(`a pattern begins with "/"; for any directory write "/**/${text}"`);
    }
    const names = text.split("/").slice(1);
    if (names.at(-1) === "") names.pop();
    if (names.length > mostParts) throw new RangeError(`a pattern has at most ${mostParts} names`);
    if (names.some((name) => name === "" || name === "." || name === "..")) {
      throw new RangeError('a pattern has no empty names, "." or ".."');
    }
    const parts = names.map((name): Part => {
      if (name === "**") return anyNames;
      if (name.includes("**")) throw new RangeError('"**" stands alone between two slashes');
      if (name === "{user}") return userName;
      if (name.includes("{user}")) throw new RangeError('"{user}" stands alone between two slashes');
      return readSegment(name);
    });
    return new Glob(text, parts);
  }

  /** The pattern for one user; `undefined` where the user's name can be no name of a file. */
  forUser(user: string): Glob | undefined {
    if (!this.namesUser) return this;
    if (user === "." || user === ".." || user.includes("/")) return undefined;
    return new Glob(
      this.text,
      this.#parts.map((part) => (part === userName ? literalSegment(user) : part)),
    );
  }

  /** Whether `{user}` is in it. */
  get namesUser(): boolean {
    return this.#parts.includes(userName);
  }

  /** The names before the first that stands for others. */
  get prefix(): readonly string[] {
    const names: string[] = [];
    for (const part of this.#parts) {
      if (typeof part === "symbol" || part.literal === undefined) break;
      names.push(part.literal);
    }
    return names;
  }

  /** Whether the path of these names matches. Going back to the last `**` suffices: what an earlier one might take, the last can. */
  matches(names: readonly string[]): boolean {
    let part = 0;
    let name = 0;
    let resume = -1;
    let resumeName = 0;
    while (name < names.length) {
      const wanted = this.#parts[part];
      if (wanted === anyNames) {
        resume = part++;
        resumeName = name;
      } else if (typeof wanted === "object" && matchesName(wanted, names[name] ?? "")) {
        part++;
        name++;
      } else if (resume >= 0) {
        part = resume + 1;
        name = ++resumeName;
      } else return false;
    }
    while (this.#parts[part] === anyNames) part++;
    return part === this.#parts.length;
  }

  /** Whether everything below a path that matches does so, too. */
  coversBelow(names: readonly string[]): boolean {
    return this.#parts.at(-1) === anyNames && this.#after(names).has(this.#parts.length - 1);
  }

  /**
   * Whether something below the path may match because of where it is. A pattern that begins with `**` and has nothing of the path in it matches the
   * same things wherever the path is moved to.
   */
  reachesBelow(names: readonly string[]): boolean {
    return this.#goesOnFrom(names, this.#parts[0] === anyNames ? 1 : -1);
  }

  /** Whether something below the path may match, for whatever reason. */
  speaksBelow(names: readonly string[]): boolean {
    return this.#goesOnFrom(names, -1);
  }

  /** Whether this pattern surely matches all that the other does. */
  contains(other: Glob): boolean {
    let states = this.#closed([0]);
    for (const part of other.#parts) {
      const next: number[] = [];
      for (const state of states) {
        const mine = this.#parts[state];
        if (mine === anyNames) next.push(state);
        else if (mine !== undefined && part !== anyNames && containsPart(mine, part)) next.push(state + 1);
      }
      states = this.#closed(next);
    }
    return states.has(this.#parts.length);
  }

  /** Whether some path surely matches both. */
  meets(other: Glob): boolean {
    const seen = new Set<number>();
    const width = other.#parts.length + 1;
    const open: (readonly [number, number])[] = [[0, 0]];
    for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
      const [mine, theirs] = pair;
      if (seen.has(mine * width + theirs)) continue;
      seen.add(mine * width + theirs);
      const a = this.#parts[mine];
      const b = other.#parts[theirs];
      if (a === undefined && b === undefined) return true;
      if (a === anyNames) open.push([mine + 1, theirs]);
      if (b === anyNames) open.push([mine, theirs + 1]);
      if (a === undefined || b === undefined) continue;
      if (a === anyNames && b !== anyNames) open.push([mine, theirs + 1]);
      else if (b === anyNames && a !== anyNames) open.push([mine + 1, theirs]);
      else if (a !== anyNames && b !== anyNames && (containsPart(a, b) || containsPart(b, a))) {
        open.push([mine + 1, theirs + 1]);
      }
    }
    return false;
  }

  #goesOnFrom(names: readonly string[], beyond: number): boolean {
    for (const state of this.#after(names)) if (state > beyond && state < this.#parts.length) return true;
    return false;
  }

  /** Where in the pattern one may stand after these names. */
  #after(names: readonly string[]): Set<number> {
    let states = this.#closed([0]);
    for (const name of names) {
      const next: number[] = [];
      for (const state of states) {
        const part = this.#parts[state];
        if (part === anyNames) next.push(state);
        else if (typeof part === "object" && matchesName(part, name)) next.push(state + 1);
      }
      if (next.length === 0) return new Set();
      states = this.#closed(next);
    }
    return states;
  }

  /** `**` may stand for nothing. */
  #closed(states: readonly number[]): Set<number> {
    const all = new Set(states);
    for (const state of all) if (this.#parts[state] === anyNames) all.add(state + 1);
    return all;
  }
}

function containsPart(a: Exclude<Part, typeof anyNames>, b: Exclude<Part, typeof anyNames>): boolean {
  if (a === b) return true;
  if (typeof a === "symbol") return false;
  const isStar = a.parts.length > 1 && a.parts.every((part) => part.length === 0);
  if (isStar) return true;
  if (typeof b === "symbol") return false;
  if (b.literal !== undefined) return matchesName(a, b.literal);
  return JSON.stringify(a.parts) === JSON.stringify(b.parts);
}
