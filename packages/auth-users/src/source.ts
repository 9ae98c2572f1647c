import { SetupError } from "@sluice/core";
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type YAMLMap,
} from "yaml";

/** One thing wrong with a users file. Lines and columns count from 1. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  /** Where in the structure, with dots: `users.alice.keys.0`. Empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A users file as parsed text, with what was found to be wrong with it. */
export class Source {
  readonly file: string;
  readonly text: string;
  readonly document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #problems: Problem[] = [];

  /** JSON by the ending `.json`, else YAML. A byte order mark is left out. */
  constructor(file: string, text: string) {
    this.file = file;
    this.text = text.replace(/^\ufeff/, "");
    // The parser's own messages would quote the lines around, secrets and all.
    this.document = parseDocument(this.text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    for (const { pos, code, message } of [...this.document.errors, ...this.document.warnings]) {
      this.report(pos[0], "", code === "MULTIPLE_DOCS" ? "begins another document; only one is read" : message);
    }
    if (isJson(file) && this.sound) this.#checkJson();
  }

  /** Whether nothing has been found wrong so far. */
  get sound(): boolean {
    return this.#problems.length === 0;
  }

  report(offset: number, path: string, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.#problems.push({ line: Math.max(line, 1), column: Math.max(col, 1), path, message });
  }

  /** Everything wrong, in the order of the file, one line each: `file:line:column path: what`. */
  get problems(): readonly string[] {
    return this.#problems
      .sort((a, b) => a.line - b.line || a.column - b.column)
      .map(({ line, column, path, message }) => {
        return `${this.file}:${line}:${column} ${path === "" ? "" : `${path}: `}${message}`;
      });
  }

  // YAML's flow style is wider than JSON: comments, commas at the end, text without quotes.
  #checkJson(): void {
    if (this.text.trim() === "") return;
    try {
      JSON.parse(this.text);
    } catch (error) {
      const offset = Number(/ position (\d+)/.exec(String(error))?.[1] ?? 0);
      this.report(
        offset,
        "",
        "is not JSON: comments, commas at the end and text without double quotes are not allowed",
      );
    }
  }
}

export function isJson(file: string): boolean {
  return file.toLowerCase().endsWith(".json");
}

/** The refusal of a users file, with each problem on a line of its own. */
export function usersFileError(problems: readonly string[], cause?: unknown): SetupError {
  return new SetupError("ERR_SLUICE_USERS_FILE", problems.join("\n"), {
    ...(cause === undefined ? {} : { cause }),
    issues: problems.map((message) => ({ message })),
  });
}

/** The map that a node is; an empty value is an empty one. */
export function asMap(node: unknown): YAMLMap | "empty" | undefined {
  if (isMap(node)) return node;
  return isEmpty(node) ? "empty" : undefined;
}

export function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

/** What a node is, in the words of messages. */
export function kindOf(node: unknown): string {
  if (isMap(node)) return "a map";
  if (isSeq(node)) return "a list";
  if (isAlias(node)) return "an alias";
  if (isEmpty(node)) return "nothing";
  return isScalar(node) ? (typeof node.value === "string" ? "text" : `a ${typeof node.value}`) : "something else";
}

/** The name that a key spells, as it is written: `0123` is a name, not a number. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === "string" ? key.value : key.source;
}

export function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
