// A short manual page made of what `--help` prints, so that the two never disagree.

export interface ManPage {
  readonly name: string;
  readonly section: 1 | 8;
  readonly summary: string;
  readonly version: string;
  /** Seconds since 1970; the page's date. */
  readonly epochSeconds: number;
  /** As `NAME --help` prints it. */
  readonly help: string;
  readonly seeAlso: readonly string[];
}

function escapeRoff(line: string): string {
  const escaped = line.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

export function renderManPage(page: ManPage): string {
  const date = new Date(page.epochSeconds * 1000).toISOString().slice(0, 10);
  return [
    `.TH ${page.name.toUpperCase()} ${page.section} ${date} "Segwall ${page.version}"`,
    '.SH NAME',
    escapeRoff(`${page.name} - ${page.summary}`),
    '.SH USAGE',
    '.nf',
    ...page.help.trimEnd().split('\n').map(escapeRoff),
    '.fi',
    '.SH EXIT STATUS',
    '0: done, or it holds. 1: what was asked about does not hold. 2: wrong use. 3: could not reach, or not allowed.',
    '.SH SEE ALSO',
    page.seeAlso.map(escapeRoff).join(', '),
    '',
  ].join('\n');
}
