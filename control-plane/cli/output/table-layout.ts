// How a table fits a terminal: the widest columns give way first, and what does not fit in a cell goes on in its next line. Where even that is
// too wide, each row becomes a block of its own. Nothing is ever cut off.

export interface FittedTable {
  readonly kind: 'columns' | 'blocks';
  /** Cells with their own line breaks; in blocks, the lines of each row. */
  readonly rows: readonly (readonly string[])[];
}

/** Between columns. */
export const gap = 2;
/** No column gets narrower, unless all of it is. */
const leastWidth = 8;

export function fitTable(head: readonly string[], rows: readonly (readonly string[])[], width: number): FittedTable {
  const natural = head.map((name, at) => Math.max(name.length, ...rows.map((row) => lengthOf(row[at] ?? ''))));
  const widths = shrink(natural, head, width);
  if (widths === undefined) return { kind: 'blocks', rows: rows.map((row) => blockOf(head, row, width)) };
  return {
    kind: 'columns',
    rows: rows.map((row) => row.map((cell, at) => wrap(cell, widths[at] ?? leastWidth).join('\n'))),
  };
}

/** Undefined where no widths fit. */
function shrink(natural: readonly number[], head: readonly string[], width: number): readonly number[] | undefined {
  const widths = [...natural];
  const least = natural.map((wide, at) => Math.min(wide, Math.max(leastWidth, head[at]?.length ?? 0)));
  let over = widths.reduce((sum, each) => sum + each, gap * (widths.length - 1)) - width;
  for (; over > 0; over -= 1) {
    const spare = widths.map((wide, at) => (wide > (least[at] ?? 0) ? wide : 0));
    const widest = Math.max(...spare);
    if (widest === 0) return undefined;
    widths[spare.lastIndexOf(widest)] = widest - 1;
  }
  return widths;
}

function blockOf(head: readonly string[], row: readonly string[], width: number): readonly string[] {
  const label = Math.max(...head.map(({ length }) => length));
  return head.flatMap((name, at) => {
    const cell = row[at] ?? '';
    if (cell === '') return [];
    const [first = '', ...more] = wrap(cell, Math.max(leastWidth, width - label - gap));
    const indent = ' '.repeat(label + gap);
    return [`${name.padEnd(label + gap)}${first}`, ...more.map((line) => indent + line)];
  });
}

/** Lines of at most `width` characters: broken after a space, a comma or a slash where there is one, else anywhere. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = [...text];
  while (rest.length > width) {
    const fits = rest.slice(0, width + 1).join('');
    const space = fits.lastIndexOf(' ');
    const breaks = Math.max(space, ...[',', '/'].map((mark) => rest.slice(0, width).lastIndexOf(mark) + 1));
    const at = breaks > width / 3 ? breaks : width;
    lines.push(rest.slice(0, at).join('').trimEnd());
    rest = rest.slice(rest[at] === ' ' ? at + 1 : at);
  }
  return [...lines, rest.join('')];
}

function lengthOf(text: string): number {
  return [...text].length;
}
