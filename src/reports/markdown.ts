/** Longest name or note that is shown, in characters; ONNX names may hold thousands. */
const MAX_TEXT = 300;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/**
 * Foreign text as inert inline Markdown: no HTML, link, image, emphasis, code, table cell, list or autolink can start in it; control
 * and direction characters and line breaks become spaces; too long text is cut.
 */
export function escapeText(text: string): string {
  const characters = [...text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()];
  const shown = characters.length > MAX_TEXT ? `${characters.slice(0, MAX_TEXT).join('')}…` : characters.join('');
  return shown
    .replace(/[\\`*[\]#|!~@$]|(?<!\w)_|_(?!\w)|:(?=\S)/g, '\\$&')
    .replace(/[&<>]/g, (character) => ENTITIES[character] as string)
    .replace(/^([-+=])/, '\\$1')
    .replace(/^(\d+)([.)])/, '$1\\$2')
    .replace(/www\./gi, (match) => `${match.slice(0, -1)}\\.`);
}

/** Text that a code span shows as it is, in a table too. */
const PLAIN = /^[\w./:+-]{1,300}$/;

/** A name as code where nothing in it could end the span, as escaped text otherwise. */
export const code = (name: string): string => (PLAIN.test(name) ? `\`${name}\`` : escapeText(name));

/** A table; cells are Markdown already. Empty without rows. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)];
}

/** A fenced block that its content cannot close. */
export function fence(language: string, content: string): string[] {
  const longest = Math.max(0, ...(content.match(/`+/g) ?? []).map((run) => run.length));
  const marks = '`'.repeat(Math.max(3, longest + 1));
  return [`${marks}${language}`, content, marks];
}

/** A section with its heading and blank lines around it; nothing when it has no lines. */
export const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`## ${title}`, '', ...lines, ''];
