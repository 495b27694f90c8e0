// "Did you mean …": the one of some names that is nearest to what was written, if it is near enough to be a slip. Names may be a whole fleet's,
// and whoever asks may choose what is written: the work is bounded, and who has more names than it is enough for gets the nearest of the first.

/** What is longer is no slip of anybody's. */
const longestWritten = 80;
/** Comparisons of two characters, for all names together: some 8 ms. Of the longest names that are all alike it is enough for some hundreds. */
const mostSteps = 1_000_000;

/** The nearest name within about a third of the text's length in edits, first in order among equals; undefined if none is. */
export function closestName(written: string, names: Iterable<string>): string | undefined {
  if (written.length > longestWritten) return undefined;
  const wanted = written.toLowerCase();
  const limit = Math.max(1, Math.floor(written.length / 3));
  const work: Work = { left: mostSteps, rows: [new Uint8Array(256), new Uint8Array(256), new Uint8Array(256)] };
  let best: string | undefined;
  // Only what is nearer than the best so far is of interest.
  let most = limit;
  for (const name of names) {
    work.left -= 1;
    if (work.left <= 0) break;
    if (Math.abs(name.length - written.length) > limit) continue;
    const distance = distanceWithin({ a: wanted, b: name.toLowerCase(), most, work });
    if (distance === undefined) continue;
    best = name;
    most = distance - 1;
    if (most < 0) break;
  }
  return best;
}

interface Work {
  /** Steps that may still be made. */
  left: number;
  /** Room for three rows of the longest texts: lower case is up to three times as long. */
  readonly rows: readonly [Uint8Array, Uint8Array, Uint8Array];
}

interface Comparison {
  readonly a: string;
  readonly b: string;
  readonly most: number;
  readonly work: Work;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours, each one edit; undefined where it takes more than `most`. Looks at no more than
 * `most` columns beside the diagonal, since each step away from it is an edit, and ends with the row from which no way leads within `most`.
 */
function distanceWithin({ a, b, most, work }: Comparison): number | undefined {
  let [start, endA, endB] = [0, a.length, b.length];
  if (Math.abs(endA - endB) > most) return undefined;
  while (start < endA && start < endB && a.charCodeAt(start) === b.charCodeAt(start)) start += 1;
  while (endA > start && endB > start && a.charCodeAt(endA - 1) === b.charCodeAt(endB - 1)) {
    endA -= 1;
    endB -= 1;
  }
  const [rows, columns] = [endA - start, endB - start];
  const beyond = most + 1;
  let [older, previous, current] = work.rows;
  if (columns + 2 > current.length) return undefined;
  for (let column = 0; column <= columns; column += 1) previous[column] = Math.min(column, beyond);
  let leastBefore = 0;
  for (let row = 1; row <= rows; row += 1) {
    const from = Math.max(1, row - most);
    const to = Math.min(columns, row + most);
    work.left -= to - from + 1;
    // Beside the band: what the next two rows read.
    current[from - 1] = from === 1 ? Math.min(row, beyond) : beyond;
    current[to + 1] = beyond;
    let least = current[from - 1] ?? beyond;
    const codeA = a.charCodeAt(start + row - 1);
    const codeBeforeA = row > 1 ? a.charCodeAt(start + row - 2) : -1;
    let codeBeforeB = from > 1 ? b.charCodeAt(start + from - 2) : -1;
    for (let column = from; column <= to; column += 1) {
      const codeB = b.charCodeAt(start + column - 1);
      const replaced = (previous[column - 1] ?? beyond) + (codeA === codeB ? 0 : 1);
      const added = (current[column - 1] ?? beyond) + 1;
      const taken = (previous[column] ?? beyond) + 1;
      let distance = Math.min(replaced, added, taken);
      if (codeA === codeBeforeB && codeBeforeA === codeB) {
        const swapped = (older[column - 2] ?? beyond) + 1;
        if (swapped < distance) distance = swapped;
      }
      if (distance > beyond) distance = beyond;
      current[column] = distance;
      if (distance < least) least = distance;
      codeBeforeB = codeB;
    }
    // A swap comes from two rows before.
    if (least > most && leastBefore > most) return undefined;
    leastBefore = least;
    [older, previous, current] = [previous, current, older];
  }
  const distance = previous[columns] ?? beyond;
  return distance > most ? undefined : distance;
}
