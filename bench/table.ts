import { median, ratios, type Figure } from "./figure.ts";
import type { MemoryResult } from "./memory.ts";

/** The figures as text: medians, and each peer's ratio to sshd with its range. */
export function figureTable(figures: readonly Figure[], peers: readonly string[]): string {
  const others = peers.filter((peer) => peer !== "sshd");
  const header = ["", "", ...peers, ...others.flatMap((peer) => [`${peer}/sshd`, "range"]), "better"];
  const rows = figures.map((figure, i) => [
    figures[i - 1]?.what === figure.what ? "" : figure.what,
    figure.unit,
    ...peers.map((peer) => number(median(figure.samples.get(peer) ?? []))),
    ...others.flatMap((peer) => {
      const all = ratios(figure, peer);
      return [median(all).toFixed(2), `${Math.min(...all).toFixed(2)}–${Math.max(...all).toFixed(2)}`];
    }),
    figure.better,
  ]);
  return layOut([header, ...rows]);
}

export function memoryTable(results: readonly MemoryResult[]): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  const rows = results.map(({ server, what, first, last, peak, growth, allowed }) => [
    `${server}: ${what}`,
    mib(first),
    mib(last),
    mib(growth),
    mib(peak),
    growth <= allowed ? "ok" : `more than ${mib(allowed)}`,
  ]);
  return layOut([["resident memory", "when warm", "at the end", "growth", "peak", ""], ...rows]);
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** The first two columns to the left, numbers to the right. */
function layOut(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}
