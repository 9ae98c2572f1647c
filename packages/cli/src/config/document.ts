import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from "yaml";
import { expand, ExpansionError } from "./expand.ts";
import type { Located, Place, Problem } from "./source.ts";

/** A YAML or JSON text as plain values, each with its position. */
export interface ParsedText {
  readonly value: unknown;
  readonly located: Located;
  readonly secrets: readonly string[];
  readonly problems: readonly Problem[];
  /** There are values, apart from those that the problems are about. */
  readonly isWhole: boolean;
}

const refusedKeys: readonly unknown[] = ["__proto__", "constructor", "prototype"];
/** Aliases that refer to aliases multiply: a few lines could fill the memory. */
const maxAliases = 100;
const maxDepth = 64;
const tooDeep = `is nested more than ${maxDepth} levels deep`;

/** Reads YAML 1.2, of which JSON is a part, and expands the texts in it. `directory` is what relative paths in it are relative to. */
export function parseText(text: string, directory: string, environment: NodeJS.ProcessEnv): ParsedText {
  const lines = new LineCounter();
  const reader = new DocumentReader(lines, directory, environment);
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const problems = syntaxProblems(document, text, lines);
    if (problems.length > 0) return { ...nothing, problems };
    const { value, located } = reader.read(document);
    return { value, located, secrets: reader.secrets, problems: reader.problems, isWhole: true };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ...nothing, problems: [{ path: [], message: tooDeep }] };
  }
}

const start: Place = { line: 1, column: 1 };
const nothing = { value: undefined, located: { place: start, children: new Map() }, secrets: [], isWhole: false };

/** Errors after which the rest is read as it was meant. After any other one, more errors are only its consequences. */
const harmless: readonly string[] = ["DUPLICATE_KEY", "TAG_RESOLVE_FAILED", "BAD_ALIAS"];

function syntaxProblems(document: Document, text: string, lines: LineCounter): Problem[] {
  const wrong = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  const first = wrong.find((error) => !harmless.includes(error.code));
  return (first === undefined ? wrong : [first]).map((error) => syntaxProblem(error, text, lines));
}

function syntaxProblem(error: YAMLError, text: string, lines: LineCounter): Problem {
  const offset = error.pos[0];
  if (error.code === "RESOURCE_EXHAUSTION") return { path: [], message: tooDeep };
  // Some messages end with a piece of the text, which may hold a secret.
  const message = error.message.replace(/ in YAML stream: .*$/s, "").replace(/\n.*$/s, "");
  // A brace begins a map where brackets or braces are open.
  const isReference = text.slice(Math.max(offset - 2, 0), offset + 2).includes("${");
  const hint = isReference ? '; inside [ ] and { } write "${NAME}" with its quotes' : "";
  return { path: [], message: `${message}${hint}`, place: placeAt(lines, offset) };
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

interface Read {
  readonly value: unknown;
  readonly located: Located;
}

class DocumentReader {
  readonly secrets: string[] = [];
  readonly problems: Problem[] = [];
  readonly #lines: LineCounter;
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;
  #document: Document | undefined;
  #aliases = 0;

  constructor(lines: LineCounter, directory: string, environment: NodeJS.ProcessEnv) {
    this.#lines = lines;
    this.#directory = directory;
    this.#environment = environment;
  }

  read(document: Document): Read {
    this.#document = document;
    return this.#node(document.contents, [], start);
  }

  #node(node: Node | null, path: readonly PropertyKey[], around: Place, key?: Place): Read {
    if (path.length > maxDepth) throw new RangeError("nested too deeply");
    const offset = node?.range?.[0];
    const place = offset === undefined ? around : placeAt(this.#lines, offset);
    const at = { place, ...(key === undefined ? {} : { key }) };
    if (isAlias(node)) return this.#alias(node, path, at);
    if (isMap<Node, Node | null>(node)) return this.#map(node.items, path, at);
    if (isSeq<Node | null>(node)) {
      const items = node.items.map((item, i) => this.#node(item, [...path, i], place));
      const children = new Map(items.map((item, i) => [i as PropertyKey, item.located]));
      return { value: items.map((item) => item.value), located: { ...at, children } };
    }
    const value = isScalar(node) ? node.value : null;
    return typeof value === "string" ? this.#text(value, path, at) : { value, located: { ...at, children: new Map() } };
  }

  #map(pairs: readonly Pair<Node, Node | null>[], path: readonly PropertyKey[], at: Omit<Located, "children">): Read {
    const value: Record<string, unknown> = {};
    const children = new Map<PropertyKey, Located>();
    for (const pair of pairs) {
      const keyPlace = pair.key.range == null ? at.place : placeAt(this.#lines, pair.key.range[0]);
      const name = isScalar(pair.key) ? pair.key.value : undefined;
      if (typeof name !== "string" || refusedKeys.includes(name)) {
        const message = typeof name === "string" ? "this key is not allowed" : "a key must be text";
        this.problems.push({ path: [...path, isScalar(pair.key) ? String(name) : "?"], message, place: keyPlace });
        continue;
      }
      const child = this.#node(pair.value, [...path, name], keyPlace, keyPlace);
      value[name] = child.value;
      children.set(name, child.located);
    }
    return { value, located: { ...at, children } };
  }

  #alias(alias: Alias, path: readonly PropertyKey[], at: Omit<Located, "children">): Read {
    const target = this.#document === undefined ? undefined : alias.resolve(this.#document);
    this.#aliases++;
    if (target !== undefined && this.#aliases <= maxAliases) return this.#node(target, path, at.place, at.key);
    if (target === undefined) {
      this.problems.push({ path, message: `no anchor "&${alias.source}" comes before this alias`, place: at.place });
    } else if (this.#aliases === maxAliases + 1) {
      this.problems.push({ path, message: `more than ${maxAliases} aliases are not allowed`, place: at.place });
    }
    return { value: undefined, located: { ...at, children: new Map() } };
  }

  #text(text: string, path: readonly PropertyKey[], at: Omit<Located, "children">): Read {
    try {
      const { text: value, expanded, secrets } = expand(text, this.#directory, this.#environment);
      this.secrets.push(...secrets);
      return { value, located: { ...at, children: new Map(), expanded } };
    } catch (error) {
      if (!(error instanceof ExpansionError)) throw error;
      this.problems.push({ path, message: error.message, place: at.place });
      return { value: text, located: { ...at, children: new Map() } };
    }
  }
}
