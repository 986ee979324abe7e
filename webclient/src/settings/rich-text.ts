/** Plain text as HTML, for texts that another program has set without. */
export function htmlOfText(text: string): string {
  const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  return text
    .split(/\r?\n/)
    .map((line) => `<p style="margin:0">${line.replace(/[&<>]/g, (char) => escapes[char] ?? char) || "<br>"}</p>`)
    .join("");
}
