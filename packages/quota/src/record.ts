/** Bytes, and names: files, folders and links. */
export interface Amount {
  readonly bytes: number;
  readonly files: number;
}

/** Nothing. */
export const none: Amount = { bytes: 0, files: 0 };

export function plus(a: Amount, b: Amount): Amount {
  return { bytes: a.bytes + b.bytes, files: a.files + b.files };
}

export function minus(a: Amount, b: Amount): Amount {
  return { bytes: a.bytes - b.bytes, files: a.files - b.files };
}

/** What a subject has used, and what each process holds of it. */
export interface LedgerRecord {
  readonly used: Amount;
  readonly held: ReadonlyMap<string, Amount>;
}

/** As it is stored: `1 <bytes> <files>`, then `<owner> <bytes> <files>` for each holder. @throws Error where it is something else */
export function readRecord(text: string | undefined): LedgerRecord {
  if (text === undefined) return { used: none, held: new Map() };
  const fields = text.split(" ");
  const amountAt = (index: number): Amount => {
    const [bytes, files] = [Number(fields[index]), Number(fields[index + 1])];
    if (!Number.isSafeInteger(bytes) || !Number.isSafeInteger(files))
      throw new Error("The quota's record cannot be read");
    return { bytes, files };
  };
  if (fields[0] !== "1" || fields.length % 3 !== 0) throw new Error("The quota's record is of another version");
  const held = new Map<string, Amount>();
  for (let index = 3; index < fields.length; index += 3) held.set(fields[index] ?? "", amountAt(index + 1));
  return { used: amountAt(1), held };
}

export function writeRecord({ used, held }: LedgerRecord): string {
  const holders = [...held].map(([owner, { bytes, files }]) => ` ${owner} ${bytes} ${files}`);
  return `1 ${used.bytes} ${used.files}${holders.join("")}`;
}
