const maxUsernameBytes = 255;

/**
 * One form of a user's name for every plugin, log and count: NFC, 1 to 255 bytes, nothing invisible. Case, spaces and dots stay as they are, so
 * that names which differ in them are different users; `undefined` where no form is acceptable.
 */
export function canonicalName(name: string): string | undefined {
  // No letter in NFC is made of more than four units: what is longer is not worth normalising.
  if (name.length > 4 * maxUsernameBytes) return undefined;
  const canonical = name.normalize("NFC");
  if (canonical === "" || Buffer.byteLength(canonical) > maxUsernameBytes) return undefined;
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\ufffd]/u.test(canonical) ? undefined : canonical;
}
