// The lines that differ between two texts, "-" before those that go and "+" before those that come, with a little of what is around them.

const context = 2;

/** Texts this long are told apart as wholes: the table below grows with the product of their lines. */
const mostCells = 4_000_000;

export function renderTextDiff(before: string, after: string): string {
  const left = lines(before);
  const right = lines(after);
  if (left.length * right.length > mostCells) return `  ${left.length} lines became ${right.length} lines`;
  const marked = mark(left, right);
  const shown = new Set<number>();
  for (const [index, line] of marked.entries()) {
    if (line.startsWith(' ')) continue;
    for (let around = index - context; around <= index + context; around += 1) shown.add(around);
  }
  const text: string[] = [];
  for (const [index, line] of marked.entries()) {
    if (!shown.has(index)) continue;
    if (index > 0 && !shown.has(index - 1)) text.push('  …');
    text.push(line);
  }
  return text.join('\n');
}

function lines(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** The longest common subsequence of lines, told from the end of both texts. */
function mark(left: readonly string[], right: readonly string[]): readonly string[] {
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  const at = (row: number, column: number) => lengths[row * width + column] ?? 0;
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] =
        left[row] === right[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const marked: string[] = [];
  let row = 0;
  let column = 0;
  while (row < left.length || column < right.length) {
    if (row < left.length && column < right.length && left[row] === right[column]) {
      marked.push(`  ${left[row]}`);
      row += 1;
      column += 1;
    } else if (column >= right.length || (row < left.length && at(row + 1, column) >= at(row, column + 1))) {
      marked.push(`- ${left[row]}`);
      row += 1;
    } else {
      marked.push(`+ ${right[column]}`);
      column += 1;
    }
  }
  return marked;
}
