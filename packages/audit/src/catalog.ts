import { readdirSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";

/** One file of a log. */
export interface LogFile {
  readonly path: string;
  /** `seq` of its first record; `undefined` for the file that is being written. */
  readonly first: number | undefined;
  readonly compressed: boolean;
}

interface Parts {
  readonly directory: string;
  readonly stem: string;
  readonly extension: string;
}

function partsOf(file: string): Parts {
  const extension = extname(file);
  return { directory: dirname(file), stem: basename(file, extension), extension };
}

/** What lies beside a log under its name: `audit.jsonl` has its key in `audit.key`. */
export function beside(file: string, ending: string): string {
  const { directory, stem } = partsOf(file);
  return join(directory, `${stem}${ending}`);
}

/** What a file is called once it is rotated: the number of its first record sorts, the time is for people. */
export function rotatedName(file: string, first: number, at: Date): string {
  const { directory, stem, extension } = partsOf(file);
  const time = at.toISOString().replace(/[-:]|\.\d+/g, "");
  return join(directory, `${stem}-${String(first).padStart(12, "0")}-${time}${extension}`);
}

/** The rotated files of a log, oldest first. Of one that is there twice, plain and compressed, only the compressed one is named. */
export function rotatedFiles(file: string): readonly (LogFile & { readonly first: number })[] {
  const found = new Map<number, LogFile & { readonly first: number }>();
  for (const entry of namesBeside(file)) {
    if (entry.temporary) continue;
    const before = found.get(entry.first);
    if (before === undefined || entry.compressed) found.set(entry.first, entry);
  }
  return [...found.values()].sort((a, b) => a.first - b.first);
}

/** Every name that looks like a rotated file of the log, leftovers of compressing included. */
export function namesBeside(
  file: string,
): readonly (LogFile & { readonly first: number; readonly temporary: boolean })[] {
  const { directory, stem, extension } = partsOf(file);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names.flatMap((name) => {
    if (!name.startsWith(`${stem}-`)) return [];
    const match = /^(\d{12,16})-\d{8}T\d{6}Z(.*)$/.exec(name.slice(stem.length + 1));
    const ending = match?.[2];
    if (ending !== extension && ending !== `${extension}.gz` && ending !== `${extension}.gz.part`) return [];
    return [
      {
        path: join(directory, name),
        first: Number(match?.[1]),
        compressed: ending === `${extension}.gz`,
        temporary: ending === `${extension}.gz.part`,
      },
    ];
  });
}
