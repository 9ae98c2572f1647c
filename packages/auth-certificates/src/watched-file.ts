import { constants, unwatchFile, watchFile } from "node:fs";
import { open, stat } from "node:fs/promises";
import { SetupError, type Logger } from "@sluice/core";

/** How a file is read, and what people call it. */
export interface FileKind<T> {
  /** For messages: "authorities", "revocation list". */
  readonly name: string;
  /** The option that names the file, for errors at the start. */
  readonly option: string;
  readonly maxBytes: number;
  /** Throws an `Error` whose message says what is wrong. */
  parse(bytes: Buffer): T;
}

/**
 * What a file holds now. It is looked at whenever it is asked for, so that what was revoked a moment ago is refused, and now and then in
 * between, so that a mistake is told soon. With a mistake, what was read before stays in force.
 */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #kind: FileKind<T>;
  readonly #log: Logger;
  readonly #poke: () => void;
  #value: T;
  #seen: string;
  /** The mistake that the log has been told. */
  #told: string | undefined;
  #looking: Promise<void> = Promise.resolve();

  private constructor(path: string, kind: FileKind<T>, log: Logger, seen: string, value: T, pollMs: number) {
    this.#path = path;
    this.#kind = kind;
    this.#log = log;
    this.#seen = seen;
    this.#value = value;
    this.#poke = () => void this.#look();
    watchFile(path, { interval: pollMs, persistent: false }, this.#poke);
  }

  /** Reads the file. @throws SetupError `ERR_SLUICE_CERTIFICATES` */
  static async open<T>(path: string, kind: FileKind<T>, log: Logger, pollMs = 2000): Promise<WatchedFile<T>> {
    const seen = await identify(path);
    try {
      return new WatchedFile(path, kind, log, seen, kind.parse(await readBytes(path, kind.maxBytes)), pollMs);
    } catch (error) {
      throw new SetupError("ERR_SLUICE_CERTIFICATES", `${kind.option}: ${path}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }

  async current(): Promise<T> {
    await this.#look();
    return this.#value;
  }

  /** Stops following the file; resolves when nothing reads it any more. */
  async close(): Promise<void> {
    unwatchFile(this.#path, this.#poke);
    await this.#looking;
  }

  /** One look after the other: each sees the file as it is after it was asked for. */
  #look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#compare());
    return this.#looking;
  }

  async #compare(): Promise<void> {
    const now = await identify(this.#path);
    if (now === this.#seen) return;
    this.#seen = now;
    const fields = { file: this.#path };
    try {
      this.#value = this.#kind.parse(await readBytes(this.#path, this.#kind.maxBytes));
      this.#told = undefined;
      this.#log.info(fields, `Read the ${this.#kind.name} again: the file has changed`);
    } catch (error) {
      // Without descriptors or memory to read it the file may be in order, and would not be looked at before its next change.
      if (isOfSystem(error)) this.#seen = "unread";
      const reason = reasonOf(error);
      if (reason === this.#told && isOfSystem(error)) return;
      this.#told = reason;
      this.#log.error(fields, `${this.#path}: ${reason}; the ${this.#kind.name} read before stay in force`);
    }
  }
}

/** What tells a file from what it was: one put in its place counts as well as a change. */
async function identify(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  } catch {
    return "missing";
  }
}

async function readBytes(path: string, maxBytes: number): Promise<Buffer> {
  // Without O_NONBLOCK a named pipe would hold the server up for ever.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("is not a file");
    if (stats.size > maxBytes) throw new Error(`is larger than ${maxBytes / 2 ** 20} MiB`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function isOfSystem(error: unknown): boolean {
  return /^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code ?? "");
}

function reasonOf(error: unknown): string {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  if (["EACCES", "EPERM"].includes(code)) return "this process may not read it";
  if (isOfSystem(error)) return `cannot be read (${code})`;
  return error instanceof Error ? error.message : String(error);
}
