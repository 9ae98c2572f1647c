import { createInterface, type Interface } from "node:readline";

/** Asks for one line after the other on standard input. Questions go to standard error, so that standard output holds results only. */
export class Lines {
  readonly #reader: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#reader = createInterface({ input: process.stdin, output: process.stderr, terminal: process.stdin.isTTY });
    this.#reader.once("SIGINT", () => this.#reader.close());
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** The next line; `undefined` when there is none any more, or it is interrupted. */
  async ask(question: string): Promise<string | undefined> {
    this.#reader.setPrompt(question);
    this.#reader.prompt();
    const next = await this.#lines.next();
    if (next.done !== true) return next.value;
    process.stderr.write("\n");
    return undefined;
  }

  /** Lets go of standard input. */
  close(): void {
    this.#reader.close();
  }
}
