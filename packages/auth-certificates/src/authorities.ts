import { parsePublicKey, SetupError, type Logger, type PublicKey } from "@sluice/core";
import { textLines } from "./lines.ts";
import { WatchedFile, type FileKind } from "./watched-file.ts";

/** The authorities that are trusted, as they are now. */
export interface Authorities {
  current(): Promise<readonly PublicKey[]>;
  close(): Promise<void>;
}

const authorityFile: FileKind<readonly PublicKey[]> = {
  name: "authorities",
  option: "authorities",
  maxBytes: 2 ** 20,
  parse(bytes) {
    const keys = textLines(bytes).map(({ line, text }) => {
      try {
        return parsePublicKey(text);
      } catch (error) {
        throw new Error(`line ${line}: ${error instanceof Error ? error.message : "malformed"}`, { cause: error });
      }
    });
    // An empty file is more likely a write under way than an authority withdrawn.
    if (keys.length === 0) throw new Error("holds no keys");
    return keys;
  },
};

/**
 * Reads authorities from lines and files.
 *
 * @throws SetupError `ERR_SLUICE_CERTIFICATES` that names the entry
 */
export async function readAuthorities(entries: readonly string[], log: Logger): Promise<Authorities> {
  const lines = entries.flatMap((entry, i) => (isLine(entry) ? [parseLine(entry, i)] : []));
  const files: WatchedFile<readonly PublicKey[]>[] = [];
  const close = async (): Promise<void> => void (await Promise.all(files.map((file) => file.close())));
  try {
    for (const [i, path] of entries.entries()) {
      const kind = { ...authorityFile, option: `authorities.${i}` };
      if (!isLine(path)) files.push(await WatchedFile.open(path, kind, log));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    current: async () => [...lines, ...(await Promise.all(files.map((file) => file.current()))).flat()],
    close,
  };
}

function isLine(entry: string): boolean {
  return /^\s*(ssh-|ecdsa-|sk-)\S+\s+\S/.test(entry);
}

function parseLine(entry: string, i: number): PublicKey {
  try {
    return parsePublicKey(entry);
  } catch (error) {
    const why = error instanceof Error ? error.message : "malformed";
    throw new SetupError("ERR_SLUICE_CERTIFICATES", `authorities.${i}: ${why}`, { cause: error });
  }
}
