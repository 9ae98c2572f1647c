const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/**
 * A size in bytes, from a number or from a text such as `10 GiB`: kB, MB, GB, TB by powers of 1,000, KiB, MiB, GiB, TiB by powers of 1,024 (IEC 80000-13).
 *
 * @throws RangeError that says how to write it
 */
export function readSize(size: number | string): number {
  const [, digits, unit = "B"] =
    typeof size === "string" ? (/^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(size.trim()) ?? []) : [];
  const factor = Object.hasOwn(units, unit || "B") ? units[unit || "B"] : undefined;
  const bytes = typeof size === "number" ? size : Math.round(Number(digits) * (factor ?? Number.NaN));
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  throw new RangeError(`a size is a whole number of bytes or a text such as "10 GiB", got "${size}"`);
}
