/** One line of a file that says something. */
export interface Line {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** The lines of a text file without those that are empty or comments. @throws Error where it is not UTF-8 */
export function textLines(bytes: Uint8Array): Line[] {
  return decode(bytes)
    .split(/\r?\n/)
    .map((text, i) => ({ line: i + 1, text: text.trim() }))
    .filter(({ text }) => text !== "" && !text.startsWith("#"));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error("is not text in UTF-8", { cause: error });
  }
}
