import { nearest, printable } from "@sluice/core";
import { isAlias, isMap, isScalar, isSeq } from "yaml";
import { Mistake } from "./mistake.ts";
import { asMap, isEmpty, keyText, kindOf, offsetOf, type Source } from "./source.ts";

/** Deepest nesting of free data. */
const maxDepth = 16;

/** One value in a users file, with its place; reading it reports what is wrong there and answers `undefined`. */
export class Cursor {
  readonly #source: Source;
  readonly #node: unknown;
  readonly #offset: number;
  readonly #keyOffset: number;
  readonly #path: string;

  constructor(source: Source, node: unknown, path = "", keyOffset = 0) {
    this.#source = source;
    this.#node = node;
    this.#path = path;
    this.#keyOffset = keyOffset;
    this.#offset = isEmpty(node) ? keyOffset : (offsetOf(node) ?? keyOffset);
  }

  get isEmpty(): boolean {
    return isEmpty(this.#node);
  }

  /** Notes what is wrong here. */
  fail(message: string): undefined {
    this.#source.report(this.#offset, this.#path, message);
  }

  /** Notes what is wrong with the name of this value. */
  failName(message: string): undefined {
    this.#source.report(this.#keyOffset, this.#path, message);
  }

  /** The entries of a map, by name. An empty value is an empty map. */
  entries(): ReadonlyMap<string, Cursor> | undefined {
    const map = asMap(this.#node);
    if (map === undefined) return this.#mismatch("a map");
    const entries = new Map<string, Cursor>();
    for (const { key, value } of map === "empty" ? [] : map.items) {
      const name = keyText(key);
      const offset = offsetOf(key) ?? this.#offset;
      const at = new Cursor(this.#source, value, this.#below(name ?? "?"), offset);
      if (name === undefined) this.#source.report(offset, this.#path, "has a name that is not text");
      else if (entries.has(name)) at.failName("is given twice");
      else entries.set(name, at);
    }
    return entries;
  }

  /** The entries of a map whose names `parse` understands, by what it makes of them. */
  named(parse: (name: string) => string): ReadonlyMap<string, Cursor> {
    const named = new Map<string, Cursor>();
    for (const [written, at] of this.entries() ?? []) {
      try {
        const name = parse(written);
        if (named.has(name)) at.failName("is the same name as one above, typed another way");
        else named.set(name, at);
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        at.failName(error.message);
      }
    }
    return named;
  }

  /** The entries of a map that may have these and no others. */
  fields(known: readonly string[]): ReadonlyMap<string, Cursor> | undefined {
    const entries = this.entries();
    for (const [name, at] of entries ?? []) {
      if (known.includes(name)) continue;
      const near = nearest(name, known);
      at.failName(`is not known${near === undefined ? "" : `; did you mean "${near}"?`}`);
    }
    return entries;
  }

  /** The items of a list. */
  items(): readonly Cursor[] | undefined {
    if (!isSeq(this.#node)) return this.#mismatch("a list");
    return this.#node.items.map((item, i) => new Cursor(this.#source, item, this.#below(String(i)), this.#offset));
  }

  /** A text, as `parse` understands it. */
  text<T>(parse: (text: string) => T): T | undefined {
    if (!isScalar(this.#node) || typeof this.#node.value !== "string") return this.#mismatch("text");
    try {
      return parse(this.#node.value);
    } catch (error) {
      if (error instanceof Mistake) return this.fail(error.message);
      throw error;
    }
  }

  flag(): boolean | undefined {
    if (isScalar(this.#node) && typeof this.#node.value === "boolean") return this.#node.value;
    return this.#mismatch("true or false");
  }

  /** Data of any shape that JSON has. */
  data(depth = 0): unknown {
    if (depth > maxDepth) return this.fail(`is nested deeper than ${maxDepth} levels`);
    if (isMap(this.#node)) return this.object(depth);
    if (isSeq(this.#node)) return this.items()?.map((item) => item.data(depth + 1));
    if (isScalar(this.#node)) {
      const { value } = this.#node;
      if (value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value)) return value;
    }
    return this.#mismatch("text, a number, true, false, null, a list or a map");
  }

  /** Named data of any shape that JSON has. */
  object(depth = 0): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const [name, at] of this.entries() ?? []) {
      // Whoever merges claims by assignment would give them another prototype.
      if (name === "__proto__") at.failName("cannot be a name here");
      else object[name] = at.data(depth + 1);
    }
    return object;
  }

  #below(name: string): string {
    return this.#path === "" ? printable(name) : `${this.#path}.${printable(name)}`;
  }

  #mismatch(needed: string): undefined {
    const hint = isAlias(this.#node) ? "; aliases are not supported, write the value out" : "";
    return this.fail(`${needed} is needed, not ${kindOf(this.#node)}${hint}`);
  }
}
