import { describe, expect, it } from "vitest";
import { Timetable } from "./hours.ts";

const office = new Timetable({ days: ["monday", "friday"], from: "08:00", to: "18:00", timeZone: "Europe/Berlin" });
const nights = new Timetable({ days: ["friday"], from: "22:00", to: "06:00", timeZone: "UTC" });

describe("hours", () => {
  it.each([
    ["2026-11-23T07:00:00Z", true],
    ["2026-11-23T06:59:59Z", false],
    ["2026-11-23T16:59:00Z", true],
    ["2026-11-23T17:00:00Z", false],
    ["2026-11-24T10:00:00Z", false],
    // Summer time: two hours ahead of UTC.
    ["2026-07-06T06:00:00Z", true],
    ["2026-07-06T16:00:00Z", false],
  ])("by the clock of their time zone: %s", (at, expected) => {
    expect(office.includes(new Date(at))).toBe(expected);
  });

  it.each([
    ["2026-11-27T22:00:00Z", true],
    ["2026-11-28T05:59:00Z", true],
    ["2026-11-28T06:00:00Z", false],
    ["2026-11-27T05:00:00Z", false],
    ["2026-11-28T22:30:00Z", false],
  ])("that span midnight belong to the day they begin on: %s", (at, expected) => {
    expect(nights.includes(new Date(at))).toBe(expected);
  });

  it.each([
    [{ from: "8:00" }, /from: a time such as 08:30/],
    [{ to: "24:01" }, /to: a time such as 08:30/],
    [{ from: "10:00", to: "10:00" }, /never apply/],
    [{ timeZone: "Mars/Olympus" }, /no time zone "Mars\/Olympus"/],
  ])("%j are refused", (hours, message) => {
    expect(() => new Timetable(hours)).toThrow(message);
  });
});
