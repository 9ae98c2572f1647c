/**
 * Names as text, byte for byte.
 *
 * SFTP v3 names are bytes (draft-ietf-secsh-filexfer-02, section 6). A byte that is not part of valid UTF-8 becomes the
 * lone surrogate U+DC00 + byte (U+DC80–U+DCFF) and comes out as the same byte: two names that differ on disk differ here.
 */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes bytes to text. Never fails and never loses a byte: `bytesFromText` restores them exactly. */
export function textFromBytes(bytes: Uint8Array): string {
  const ascii = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  if (/^[\x00-\x7f]*$/.test(ascii)) return ascii;
  try {
    return strict.decode(bytes);
  } catch {
    return decodeWithEscapes(bytes);
  }
}

function decodeWithEscapes(bytes: Uint8Array): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      at += 1;
    } else {
      text += strict.decode(bytes.subarray(at, at + length));
      at += length;
    }
  }
  return text;
}

/** Length of the valid UTF-8 sequence at `at` (RFC 3629, section 4), or 0 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length === 0 || first > 0xf4) return 0;
  const second = bytes[at + 1] ?? 0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

// With the `u` flag a surrogate matches only where it stands alone, so the halves of real pairs are left out.
const escaped = /[\udc80-\udcff]/u;

/**
 * Encodes text to the bytes it was decoded from.
 *
 * Surrogates that are not escapes cannot be encoded; they become U+FFFD, as everywhere in Node.
 */
export function bytesFromText(text: string): Buffer {
  if (!escaped.test(text)) return Buffer.from(text, "utf8");
  const parts: Buffer[] = [];
  let plain = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) {
      if (plain !== "") parts.push(Buffer.from(plain, "utf8"));
      plain = "";
      parts.push(Buffer.from([code - 0xdc00]));
    } else {
      plain += character;
    }
  }
  if (plain !== "") parts.push(Buffer.from(plain, "utf8"));
  return Buffer.concat(parts);
}

/** Text fit for a terminal or a log line: control, invisible and undecodable characters become `\xNN` or `\u{N}`. */
export function printable(text: string): string {
  if (isPlain(text)) return text;
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** Whether all of it is ASCII that prints. A loop: the names of a listing come here one by one, and a pattern takes longer to begin. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}
