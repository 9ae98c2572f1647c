import { Document, isMap, isPair, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from "yaml";
import { isEmpty, offsetOf } from "./source.ts";

/** Plain data to be written into a file. */
export type Data = string | boolean | readonly Data[] | { readonly [name: string]: Data };

/**
 * Changes a YAML or JSON text in one place, by the positions of its parsed nodes, and leaves every other byte as it was: comments,
 * blank lines, quotes and indentation survive. What is new is written in the style around it.
 */
export class Splice {
  readonly #text: string;
  readonly #newline: string;

  constructor(text: string) {
    this.#text = text;
    this.#newline = text.includes("\r\n") ? "\r\n" : "\n";
  }

  /** With the entry `name: value` at the end of the map that is the value of `owner`, itself an entry of `parent`. */
  addEntry(parent: YAMLMap, owner: Pair, name: string, value: Data): string {
    const { value: map } = owner;
    if (!isMap(map) || map.items.length === 0) return this.fillEntry(parent, owner, { [name]: value });
    if (map.flow === true) return this.#addToFlow(map, `${JSON.stringify(name)}: `, value);
    return this.#addLines(this.#endOf(map), this.#block({ [name]: value }, this.#column(offsetOf(map.items[0]?.key))));
  }

  /** With `value` at the end of a list that has items. */
  addItem(list: YAMLSeq, value: string): string {
    if (list.flow === true) return this.#addToFlow(list, "", value);
    const dash = this.#text.lastIndexOf("-", (offsetOf(list.items.at(-1)) ?? 0) - 1);
    return this.#addLines(this.#endOf(list), this.#block([value], this.#column(dash)));
  }

  /** With a first value for an entry that has none, or an empty map or list. */
  fillEntry(parent: YAMLMap, entry: Pair, value: Data): string {
    const keyEnd = this.#endOf(entry.key);
    const start = isEmpty(entry.value) ? this.#text.indexOf(":", keyEnd) + 1 : (offsetOf(entry.value) ?? 0);
    const end = isEmpty(entry.value) ? start : this.#endOf(entry.value);
    const gap = this.#text.slice(0, start).endsWith(":") ? " " : "";
    if (typeof value !== "object") return this.#replace(start, end, gap + scalar(value, parent.flow));
    if (parent.flow === true) return this.#replace(start, end, gap + this.#flow(value, this.#indentAt(start)));
    const without = this.#replace(this.#text.slice(0, start).trimEnd().length, end, "");
    const lines = this.#block(value, this.#column(offsetOf(entry.key)) + step(this.#text));
    return new Splice(without).#addLines(keyEnd, lines);
  }

  /** With another value for an entry. */
  setEntry(map: YAMLMap, entry: Pair, value: string | boolean): string {
    if (isEmpty(entry.value)) return this.fillEntry(map, entry, value);
    return this.#replace(offsetOf(entry.value) ?? 0, this.#endOf(entry.value), scalar(value, map.flow));
  }

  /** Without an entry. */
  removeEntry(map: YAMLMap, entry: Pair): string {
    const spans = map.items.map((item) => [offsetOf(item.key) ?? 0, this.#endOf(item)] as const);
    return this.#remove(spans, map.items.indexOf(entry), map.flow);
  }

  /** Without an item. */
  removeItem(list: YAMLSeq, index: number): string {
    const spans = list.items.map((item) => [offsetOf(item) ?? 0, this.#endOf(item)] as const);
    return this.#remove(spans, index, list.flow);
  }

  #addToFlow(collection: YAMLMap | YAMLSeq, prefix: string, value: Data): string {
    const [first] = collection.items;
    const start = offsetOf(isPair(first) ? first.key : first) ?? 0;
    const gap = /\s*$/.exec(this.#text.slice(0, start))?.[0] ?? "";
    const lines = gap.includes("\n");
    const separator = lines ? this.#newline + gap.slice(gap.lastIndexOf("\n") + 1) : " ";
    const written = this.#flow(value, lines ? this.#indentAt(start) : undefined);
    const end = this.#endOf(collection.items.at(-1));
    return this.#replace(end, end, `,${separator}${prefix}${written}`);
  }

  /** After the line in which `offset` lies, whatever comment follows there. */
  #addLines(offset: number, lines: readonly string[]): string {
    const next = this.#text.indexOf("\n", offset);
    if (next >= 0) return this.#replace(next + 1, next + 1, lines.map((line) => line + this.#newline).join(""));
    return this.#replace(this.#text.length, this.#text.length, lines.map((line) => this.#newline + line).join(""));
  }

  #remove(spans: readonly (readonly [start: number, end: number])[], index: number, flow: boolean | undefined): string {
    const [start, end] = spans[index] ?? [0, 0];
    if (flow !== true) {
      const next = this.#text.indexOf("\n", end);
      return this.#replace(this.#lineStart(start), next < 0 ? this.#text.length : next + 1, "");
    }
    const [following, previous] = [spans[index + 1], spans[index - 1]];
    return following === undefined
      ? this.#replace(previous === undefined ? start : previous[1], end, "")
      : this.#replace(start, following[0], "");
  }

  #replace(start: number, end: number, written: string): string {
    return this.#text.slice(0, start) + written + this.#text.slice(end);
  }

  #block(value: Data, indent: number): string[] {
    const text = new Document(value).toString({ indent: step(this.#text), lineWidth: 0 });
    const lines = text.trimEnd().split("\n");
    return lines.map((line) => " ".repeat(indent) + line);
  }

  /** JSON, which is also YAML's flow style: on one line, or over several that continue at `indent`. */
  #flow(value: Data, indent: string | undefined): string {
    if (indent === undefined) return JSON.stringify(value);
    const unit = /^\t/m.test(this.#text) ? "\t" : step(this.#text);
    return JSON.stringify(value, null, unit).replaceAll("\n", this.#newline + indent);
  }

  /** Just behind a node's last character. The parser counts the comments and line ends that follow a block to it; they are not. */
  #endOf(node: unknown): number {
    if (isPair(node)) return this.#endOf(isEmpty(node.value) ? node.key : node.value);
    if ((isMap(node) || isSeq(node)) && node.flow !== true) return this.#endOf(node.items.at(-1));
    const [start = 0, end = 0] = (node as Node).range ?? [];
    return Math.max(start, this.#text.slice(0, end).trimEnd().length);
  }

  #lineStart(offset: number): number {
    return this.#text.lastIndexOf("\n", offset - 1) + 1;
  }

  #column(offset = 0): number {
    return offset - this.#lineStart(offset);
  }

  #indentAt(offset: number): string {
    return /^[ \t]*/.exec(this.#text.slice(this.#lineStart(offset)))?.[0] ?? "";
  }
}

/** How many blanks one level is indented by: the first indented line tells. */
function step(text: string): number {
  return Math.min(8, /^( {2,})\S/m.exec(text)?.[1]?.length ?? 2);
}

function scalar(value: string | boolean, flow: boolean | undefined): string {
  return flow === true ? JSON.stringify(value) : new Document(value).toString({ lineWidth: 0 }).trimEnd();
}
