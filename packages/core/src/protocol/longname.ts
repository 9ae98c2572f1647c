import type { FileType } from "../filesystem.ts";
import type { NameEntry, WireAttributes } from "./codec.ts";
import { printable } from "./text.ts";

const letters: Readonly<Record<FileType, string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  socket: "s",
  fifo: "p",
  characterDevice: "c",
  blockDevice: "b",
  special: "?",
  unknown: "?",
};
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const halfYearMs = 182 * 24 * 3600 * 1000;

/**
 * A line of `ls -l`, which v3 clients show to people (draft-ietf-secsh-filexfer-02, section 7). Times are UTC. Control characters
 * are escaped, so that a file's name cannot drive the terminal; the name itself travels beside it as it is.
 */
export function longname(entry: NameEntry, nowMs: number = Date.now()): string {
  return [...columns(entry.stats, nowMs), printable(entry.name)].join(" ");
}

/** What stands in front of the name, each with a space behind it. A bare path, as REALPATH answers, has nothing to describe. */
export function columns(stats: WireAttributes, nowMs: number): readonly string[] {
  if (stats.type === undefined && stats.mode === undefined) return [];
  return [ownership(stats), String(stats.size ?? 0).padStart(8), date(stats.mtimeMs ?? 0, nowMs)];
}

/** What stands in front of the size, and of what it was made. */
interface Ownership {
  readonly type: FileType | undefined;
  readonly mode: number | undefined;
  readonly linkCount: number | undefined;
  readonly owner: string | number | undefined;
  readonly group: string | number | undefined;
  readonly text: string;
}

/** The last one spelled: neighbours in a directory mostly have the same. */
let lastOwnership: Ownership | undefined;

function ownership(stats: WireAttributes): string {
  const { type, mode, linkCount } = stats;
  const owner = stats.owner ?? stats.uid;
  const group = stats.group ?? stats.gid;
  const last = lastOwnership;
  if (
    last === undefined ||
    last.type !== type ||
    last.mode !== mode ||
    last.linkCount !== linkCount ||
    last.owner !== owner ||
    last.group !== group
  ) {
    const rights = permissions(mode ?? (type === "directory" ? 0o755 : 0o644));
    const links = String(linkCount ?? 1).padStart(3);
    const text = `${letters[type ?? "unknown"]}${rights} ${links} ${name(owner)} ${name(group)}`;
    lastOwnership = { type, mode, linkCount, owner, group, text };
    return lastOwnership.text;
  }
  return last.text;
}

function name(owner: string | number | undefined): string {
  return printable(String(owner ?? 0)).padEnd(8);
}

/** By mode; the files of a directory have few different ones. */
const knownPermissions = new Map<number, string>();

function permissions(mode: number): string {
  let text = knownPermissions.get(mode & 0o7777);
  if (text === undefined) knownPermissions.set(mode & 0o7777, (text = spellPermissions(mode)));
  return text;
}

function spellPermissions(mode: number): string {
  let text = "";
  for (let shift = 6; shift >= 0; shift -= 3) {
    const bits = mode >> shift;
    text += (bits & 4 ? "r" : "-") + (bits & 2 ? "w" : "-") + execute(mode, shift, (bits & 1) !== 0);
  }
  return text;
}

function execute(mode: number, shift: number, set: boolean): string {
  const special = shift === 6 ? mode & 0o4000 : shift === 3 ? mode & 0o2000 : mode & 0o1000;
  if (!special) return set ? "x" : "-";
  const letter = shift === 0 ? "t" : "s";
  return set ? letter : letter.toUpperCase();
}

/** The last date spelled: files that were written together have the same. */
let lastDate = { minute: Number.NaN, recent: false, text: "" };

function date(ms: number, nowMs: number): string {
  const minute = Math.floor(ms / 60_000);
  const recent = ms <= nowMs && nowMs - ms < halfYearMs;
  if (lastDate.minute !== minute || lastDate.recent !== recent) {
    lastDate = { minute, recent, text: spellDate(ms, recent) };
  }
  return lastDate.text;
}

function spellDate(ms: number, recent: boolean): string {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return "Jan  1  1970";
  const day = `${months[at.getUTCMonth()] ?? ""} ${String(at.getUTCDate()).padStart(2)}`;
  if (!recent) return `${day}  ${String(at.getUTCFullYear())}`;
  return `${day} ${String(at.getUTCHours()).padStart(2, "0")}:${String(at.getUTCMinutes()).padStart(2, "0")}`;
}
