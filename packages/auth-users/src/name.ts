import { printable } from "@sluice/core";
import { Mistake } from "./mistake.ts";

/** Longest name of a user or group, in characters. */
const maxCharacters = 64;
/** Core takes no longer ones from clients. */
const maxBytes = 255;
/** Control, format and private characters, halves of surrogate pairs, separators of lines, and what could not be decoded. */
const invisible = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u;

/**
 * The one spelling under which a user is known: Unicode normalisation form C. Two ways to type the same accented letter are
 * one user; upper and lower case are two.
 *
 * @returns `undefined` for what cannot be a user's name at all, however long or odd.
 */
export function canonicalName(text: string): string | undefined {
  // Normalising costs time in proportion to the length, so the length is looked at first.
  if (text.length > 4 * maxCharacters) return undefined;
  const name = text.normalize("NFC");
  return faultOf(name) === undefined ? name : undefined;
}

/** The canonical form of a name in the users file. @throws Mistake that says what is wrong with it. */
export function parseName(text: string): string {
  const name = text.length > 4 * maxCharacters ? text : text.normalize("NFC");
  const fault = faultOf(name);
  if (fault !== undefined) throw new Mistake(`"${printable(name.slice(0, maxCharacters))}" cannot be a name: ${fault}`);
  return name;
}

function faultOf(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (Array.from(name).length > maxCharacters || Buffer.byteLength(name) > maxBytes) {
    return `it is longer than ${maxCharacters} characters`;
  }
  if (name === "." || name === "..") return "it means a directory";
  if (name.includes("/")) return 'it contains "/"';
  if (name.trim() !== name) return "it starts or ends with a space";
  if (invisible.test(name)) return "it contains control or invisible characters";
  return undefined;
}
