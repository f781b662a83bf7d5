const MAX_FILE_NAME_CHARACTERS = 200;

/** RFC 5987 attr-char escapes more than encodeURIComponent does; lone surrogates, which it refuses, become U+FFFD on the way through bytes. */
const encoded = (text: string): string =>
  encodeURIComponent(Buffer.from(text).toString()).replace(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** `Content-Disposition` for saving under a client's own name: an ASCII fallback, and the name itself (RFC 6266). */
export function attachment(name: string): string {
  const short = Array.from(name).slice(0, MAX_FILE_NAME_CHARACTERS).join('');
  const fallback = short.replace(/[^A-Za-z0-9._-]/g, '_');
  return `attachment; filename="${fallback}"; filename*=UTF-8''${encoded(short)}`;
}
