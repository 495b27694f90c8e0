// Text of docs/benchmarks.md: one section a benchmark, in the order of their names, each replaced whole by the run that records it.

/** Puts `body` under "## NAME", replacing what stood there; the text before the first section stays as it is. */
export function replaceSection(page: string, name: string, body: string): string {
  const [intro = '', ...rest] = page.split(/^## /m);
  const sections = new Map<string, string>();
  for (const section of rest) {
    const end = section.indexOf('\n');
    sections.set(section.slice(0, end).trim(), section.slice(end + 1).trim());
  }
  sections.set(name, body.trim());
  const ordered = [...sections].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${[intro.trim(), ...ordered.map(([title, text]) => `## ${title}\n\n${text}`)].join('\n\n')}\n`;
}
