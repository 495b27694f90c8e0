// Text of others on its way to a terminal or a log. A name, a reason or a policy's text may hold sequences that move a terminal's cursor,
// rename its window or reorder what stands there; here they become what a reader can see. `\u009b` is also JSON's own way to write such a
// character, so that a document that was made safe still says the same.

/** C0 but tab and line feed, DEL, C1; the marks that turn a line around; line and paragraph separators; the byte order mark. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const lineBreaks = /[\n\t]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** For output as a whole: what is ours may have lines and columns, so line feeds and tabs stay. */
export function safeText(text: string): string {
  return text.replace(unsafe, escaped);
}

/** For text of others inside a line of ours: it cannot begin a line of its own either. */
export function oneLine(text: string): string {
  return safeText(text).replace(lineBreaks, (found) => (found === '\n' ? '\\n' : '\\t'));
}

interface Output {
  write(chunk: string | Uint8Array, ...more: unknown[]): boolean;
}

/** From now on whatever text is written there is made safe first. A program calls it once, before it prints anything. */
export function guardOutput(output: Output): void {
  const write = output.write.bind(output);
  output.write = (chunk, ...more) => write(typeof chunk === 'string' ? safeText(chunk) : chunk, ...more);
}
