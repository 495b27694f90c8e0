// One text by both readers of YAML, and what the library says of it: for the property tests and for fuzzing.

import { parseAllDocuments } from 'yaml';
import { readYamlDocuments } from '#policy/source/yaml-documents.ts';

export interface Readings {
  /** With the quick reader where it takes the text, and without it: trees, problems and lost names. To be the same. */
  readonly quick: unknown;
  readonly careful: unknown;
  /** Whether the careful one found the text to be no YAML, and whether the library does; not compared where our language is narrower. */
  readonly syntax: { readonly ours: boolean; readonly theirs: boolean } | undefined;
  /** Whether the careful one found anything wrong: what is no text is refused before it is read as YAML. */
  readonly isRefused: boolean;
}

export function readBothWays(text: string): Readings {
  const [quick, careful] = (['plain-first', 'careful'] as const).map((pass) => {
    const { documents, problems, lostNames } = readYamlDocuments({ path: 'p.yaml', text }, 1_000_000, pass);
    return { roots: documents.map(({ root }) => root), problems, lostNames };
  });
  // Documents are read one by one: that the file as a whole is YAML must not come to depend on it.
  const isRefused = careful === undefined || careful.problems.length > 0;
  if (/^\s*\{|^%/m.test(text)) return { quick, careful, syntax: undefined, isRefused };
  const theirs = isWrongToLibrary(text);
  if (theirs === undefined) return { quick, careful, syntax: undefined, isRefused };
  // What is no text (a carriage return, a control character) is no YAML to us, whatever it is to the library.
  const codes = new Set(careful?.problems.map(({ code }) => code));
  if (codes.size > 1 || (codes.size === 1 && !codes.has('yaml-syntax')))
    return { quick, careful, syntax: undefined, isRefused };
  const ours = codes.has('yaml-syntax');
  return { quick, careful, syntax: { ours, theirs }, isRefused };
}

/** Undefined where the text is nested too deep for the library's stack; ours is bounded, and throws nothing. */
function isWrongToLibrary(text: string): boolean | undefined {
  try {
    return parseAllDocuments(text, { uniqueKeys: false, logLevel: 'silent' }).some(({ errors }) =>
      errors.some(({ code, pos }) => code !== 'TAB_AS_INDENT' || !isBlankUpToMarker(text, pos[0])),
    );
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * A blank line with a tab in it after "a:" is an error to the library where the next document's marker follows in the same text, and none
 * where the text ends there, as it does for a document that is read by itself.
 */
function isBlankUpToMarker(text: string, at: number): boolean {
  return /^\s*\n(---|\.\.\.)/.test(text.slice(at));
}
