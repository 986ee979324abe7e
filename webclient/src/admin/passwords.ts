/** Passwords that can be read out on the telephone: four groups of four, without characters that look alike. */

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const LENGTH = 4;

/** A password of about 79 random bits; `fill` fills an array with random octets. */
export function generatePassword(fill: (array: Uint8Array) => Uint8Array = (array) => crypto.getRandomValues(array as Uint8Array<ArrayBuffer>)): string {
  const wanted = GROUPS * LENGTH;
  // Octets beyond the last whole multiple are thrown away, so that every letter is as likely.
  const limit = 256 - (256 % ALPHABET.length);
  let letters = "";
  while (letters.length < wanted) {
    for (const octet of fill(new Uint8Array(wanted))) {
      if (octet < limit && letters.length < wanted) letters += ALPHABET.charAt(octet % ALPHABET.length);
    }
  }
  return (letters.match(new RegExp(`.{${LENGTH}}`, "g")) ?? []).join("-");
}
