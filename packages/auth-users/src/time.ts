import { Mistake } from "./mistake.ts";

const keyForms = "YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in UTC with a Z at the end";
const userForms = "a date such as 2027-12-31, or a time with its zone such as 2027-12-31T18:00:00Z";

/**
 * The time in `expiry-time=` (sshd(8)): `YYYYMMDD[HHMM[SS]]`, in the server's time zone, or in UTC with `Z`.
 *
 * @throws Mistake for another form, or a day or time that does not exist.
 */
export function parseKeyExpiry(text: string): Date {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z|UTC)?$/i.exec(text);
  if (match === null) throw new Mistake(`expiry-time="${text}" is not a time; ${keyForms} is needed`);
  const [, year, month, day, hour, minute, second, utc] = match;
  const parts = checked([year, month, day, hour, minute, second]);
  if (parts === undefined) throw new Mistake(`expiry-time="${text}" does not exist in the calendar`);
  return utc === undefined ? new Date(...parts) : new Date(Date.UTC(...parts));
}

/**
 * When a user expires: a time of RFC 3339, or a date, which means its first moment in the server's time zone, as with `useradd -e`.
 *
 * @throws Mistake for another form, or a day or time that does not exist.
 */
export function parseUserExpiry(text: string): Date {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|z|[+-]\d\d:\d\d))?$/.exec(text);
  if (match === null) throw new Mistake(`is not a time; ${userForms} is needed`);
  const [, year, month, day, hour, minute, second, zone] = match;
  const parts = checked([year, month, day, hour, minute, second]);
  const offset = zone === undefined ? 0 : offsetOf(zone);
  if (parts === undefined || offset === undefined) throw new Mistake("does not exist in the calendar");
  return zone === undefined ? new Date(...parts) : new Date(Date.UTC(...parts) - offset * 60_000);
}

type Parts = [year: number, monthIndex: number, day: number, hour: number, minute: number, second: number];

function checked(texts: readonly (string | undefined)[]): Parts | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = texts.map((text) => Number(text ?? 0));
  const there = new Date(Date.UTC(year, month - 1, day));
  const real = year >= 1970 && there.getUTCMonth() === month - 1 && there.getUTCDate() === day;
  return real && hour < 24 && minute < 60 && second < 60 ? [year, month - 1, day, hour, minute, second] : undefined;
}

/** Minutes east of UTC. */
function offsetOf(zone: string): number | undefined {
  if (zone.length === 1) return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}
