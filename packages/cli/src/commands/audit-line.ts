import { styleText } from "node:util";
import type { AuditRecord } from "@sluice/audit";
import { printable } from "@sluice/core";

type Tone = "good" | "bad" | "odd" | "dim" | "plain";
/** Gives a text a colour, or leaves it. */
export type Palette = (tone: Tone, text: string) => string;

const colours = { good: "green", bad: "red", odd: "yellow", dim: "gray" } as const;

/** Colours for a terminal, or none. */
export function palette(coloured: boolean): Palette {
  return (tone, text) => (coloured && tone !== "plain" ? styleText(colours[tone], text) : text);
}

const tones: Readonly<Record<string, Tone>> = {
  ok: "good",
  completed: "good",
  ended: "plain",
  refused: "bad",
  failed: "bad",
  aborted: "odd",
};

/** A record as one line for people: when, who, from where, what, how it ended, and the rest. Nothing in it steers a terminal. */
export function lineFor(record: AuditRecord, paint: Palette): string {
  const text = (name: string): string => {
    const value = record[name];
    return typeof value === "string" || typeof value === "number" ? printable(String(value)) : "";
  };
  const about = record.type === "log" || record.type === "checkpoint";
  const who = about ? "" : `${text("user")}@${text("address")}`;
  const bad = record["event"] === "lost" || record["event"] === "torn";
  const outcome = record.outcome === undefined ? "" : printable(record.outcome);
  return [
    paint("dim", localTime(record.time)),
    paint(about && !bad ? "dim" : "plain", who.padEnd(24)),
    paint(bad ? "bad" : "plain", whatOf(record).padEnd(9)),
    paint(tones[outcome] ?? "plain", outcome.padEnd(9)),
    [...detailsOf(record, text), ...reasonsOf(text, paint)].filter((part) => part !== "").join("  "),
  ]
    .join("  ")
    .trimEnd();
}

/** In the zone of whoever reads. */
function localTime(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return printable(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function whatOf(record: AuditRecord): string {
  const { type } = record;
  const what =
    type === "operation"
      ? record["op"]
      : type === "transfer"
        ? record["direction"]
        : type === "log"
          ? `log ${String(record["event"])}`
          : type;
  return printable(String(what === "none" ? "open" : what));
}

function detailsOf(record: AuditRecord, text: (name: string) => string): string[] {
  switch (record.type) {
    case "login":
      return [`by ${text("mechanism")}`, listOf(record["factors"], "factors "), text("client")];
    case "session":
      return [
        `${text("files")} files, ${text("changes")} changes, ${text("refusals")} refusals`,
        moved(record),
        `for ${duration(record["durationMs"])}`,
      ];
    case "transfer":
      return [
        text("path"),
        askedFor(record),
        `${moved(record)} in ${duration(record["durationMs"])}`,
        rate(record),
        failuresOf(record),
      ];
    case "operation":
      return [pathsOf(text), askedFor(record)];
    case "intent":
      return [text("op"), pathsOf(text)];
    case "log":
      return [text("file"), record["count"] === undefined ? "" : `${text("count")} records since ${text("since")}`];
    case "checkpoint":
      return [text("key")];
  }
}

function reasonsOf(text: (name: string) => string, paint: Palette): string[] {
  const status = text("status");
  const rule = text("rule");
  return [
    status === "ok" || status === "" ? "" : paint("bad", text("message") || status),
    rule === "" ? "" : paint("dim", `[${rule}]`),
    text("reason") === "" ? "" : paint("dim", text("reason")),
  ];
}

/** What went wrong between open and close, though the file was closed in the end. */
function failuresOf(record: AuditRecord): string {
  const failures = record["failures"] as Readonly<Record<string, unknown>> | undefined;
  if (typeof failures !== "object" || failures === null) return "";
  const { count, op, status, message = status } = failures;
  // What the close was refused with stands behind it.
  const why = message === record["message"] ? "" : `: ${String(message)}`;
  return printable(`${String(count)} requests failed, first a ${String(op)}${why}`);
}

function pathsOf(text: (name: string) => string): string {
  const second = text("to") || text("target");
  return second === "" ? text("path") || text("extension") : `${text("path")} -> ${second}`;
}

function askedFor(record: AuditRecord): string {
  const original = record["original"] as { readonly path?: unknown } | undefined;
  return typeof original?.path === "string" ? `(asked for ${printable(original.path)})` : "";
}

function listOf(value: unknown, label: string): string {
  return Array.isArray(value) && value.length > 0 ? `${label}${printable(value.join(", "))}` : "";
}

function moved(record: AuditRecord): string {
  const [read, written] = [Number(record["bytesRead"] ?? 0), Number(record["bytesWritten"] ?? 0)];
  if (read > 0 && written > 0) return `${size(read)} down, ${size(written)} up`;
  return size(read + written);
}

function rate(record: AuditRecord): string {
  const value = Number(record["bytesPerSecond"] ?? 0);
  return value > 0 ? `${size(value)}/s` : "";
}

function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}

function duration(value: unknown): string {
  const ms = Number(value ?? 0);
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
