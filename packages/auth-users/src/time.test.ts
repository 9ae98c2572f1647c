import { describe, expect, it } from "vitest";
import { parseKeyExpiry, parseUserExpiry } from "./time.ts";

describe("expiry-time=", () => {
  it.each([
    ["20271231", new Date(2027, 11, 31)],
    ["202712312359", new Date(2027, 11, 31, 23, 59)],
    ["20271231235958", new Date(2027, 11, 31, 23, 59, 58)],
  ])("%s is in the server's time zone", (text, time) => {
    expect(parseKeyExpiry(text)).toEqual(time);
  });

  it.each([
    ["20271231Z", "2027-12-31T00:00:00Z"],
    ["202712312359z", "2027-12-31T23:59:00Z"],
    ["20271231235958UTC", "2027-12-31T23:59:58Z"],
    ["20240229Z", "2024-02-29T00:00:00Z"],
  ])("%s is in UTC", (text, time) => {
    expect(parseKeyExpiry(text)).toEqual(new Date(time));
  });

  it.each(["", "2027", "2027-12-31", "202712311", "20271231235", "20271231T2359", "20271231+0100", " 20271231"])(
    "%j is not a time",
    (text) => {
      expect(() => parseKeyExpiry(text)).toThrow("YYYYMMDD");
    },
  );

  it.each([
    "20271301",
    "20270229",
    "20270431",
    "20270400",
    "202704012400",
    "202704012360",
    "20270401235960",
    "00000101",
  ])("%s does not exist", (text) => {
    expect(() => parseKeyExpiry(text)).toThrow("does not exist");
  });
});

describe("expires", () => {
  it("takes a date for its first moment in the server's time zone", () => {
    expect(parseUserExpiry("2027-12-31")).toEqual(new Date(2027, 11, 31));
  });

  it.each([
    ["2027-12-31T18:00:00Z", "2027-12-31T18:00:00Z"],
    ["2027-12-31 18:00:00.5+02:00", "2027-12-31T16:00:00Z"],
    ["2027-12-31t18:00:00-05:30", "2027-12-31T23:30:00Z"],
  ])("%s is a time with its zone", (text, time) => {
    expect(parseUserExpiry(text)).toEqual(new Date(time));
  });

  it.each(["tomorrow", "20271231", "31.12.2027", "2027-12-31T18:00:00", "2027-12-31T18:00Z", "2027-1-1"])(
    "%s is not a time",
    (text) => {
      expect(() => parseUserExpiry(text)).toThrow("2027-12-31T18:00:00Z");
    },
  );

  it.each(["2027-02-30", "2027-13-01", "2027-01-01T25:00:00Z", "2027-01-01T00:00:00+99:00", "1969-12-31"])(
    "%s does not exist",
    (text) => {
      expect(() => parseUserExpiry(text)).toThrow("does not exist");
    },
  );
});
