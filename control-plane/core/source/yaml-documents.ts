// Reads the YAML documents of one file into trees with positions, within bounds: size, depth, number of errors, what aliases
// stand for; no tags or directives, no control characters. Whatever a file holds, this ends soon and says what is wrong.
// JSON is YAML; since JSON cannot hold several documents, a list at the top of a file is a list of them, and one object a line too.

import { Composer, CST, type Document, isAlias, isMap, isScalar, isSeq, Lexer, type Node, Parser } from 'yaml';
import { type DocumentNode, type MapEntry, shortened } from './document-node.ts';
import { readPlainYaml } from './plain-yaml.ts';
import type { Problem } from './problem.ts';
import { createSourceFile, type Finding, type InputFile, type SourceFile } from './source-file.ts';
import { type Aliases, createAliases, mostAliasedValues } from './yaml-aliases.ts';

export interface SourceDocument {
  readonly file: SourceFile;
  readonly root: DocumentNode;
}

export interface ReadFile {
  readonly documents: readonly SourceDocument[];
  readonly problems: readonly Problem[];
  /** What may be the names of documents that are not YAML: that others refer to them is no fault of theirs. */
  readonly lostNames: ReadonlySet<string>;
}

/** Policy is written by people. 2 MiB is some 20,000 rules and takes about a second to read. */
export const maxPolicyFileLength = 2 * 1024 * 1024;
/** Inventories are made by programs: some 300,000 workloads. */
export const maxInventoryFileLength = 64 * 1024 * 1024;

const maxDepth = 40;
/** Values for each character of a file's greatest length; rules in braces have one in eight. */
const mostValuesPerCharacter = 0.25;
/**
 * What the careful reader takes of one file, in lexemes of YAML, of which rules in braces have one in two characters: it needs more
 * than a second for a million of them, and hundreds of megabytes.
 */
const mostCarefulLexemes = 300_000;
/** What it costs to begin with one, in lexemes. */
const costOfDocument = 16;
/** The parser goes on after what it cannot place; whoever reads the messages does not. */
const mostMisplacedTokens = 1000;

const maxFindingsOfOneCode = 100;

/**
 * Documents that are not YAML are left out, empty ones too. Of several faults in one line the first is told. `careful` leaves out the
 * quick pass over plain texts, which finds the same.
 */
export function readYamlDocuments(
  input: InputFile,
  maxLength: number,
  pass: 'plain-first' | 'careful' = 'plain-first',
): ReadFile {
  const isMarked = input.text.startsWith('\uFEFF');
  const file = createSourceFile(isMarked ? { path: input.path, text: input.text.slice(1) } : input);
  const found = createFindings(file);
  if (isMarked) {
    found.add({
      code: 'byte-order-mark',
      at: 0,
      message: 'the file begins with a byte order mark (U+FEFF); plain UTF-8 without one is allowed',
      suggestion: 'save the file as UTF-8 without BOM',
    });
  }
  if (input.text.length > maxLength) {
    found.add({
      code: 'file-too-large',
      at: 0,
      message: `the file has ${input.text.length} characters; at most ${maxLength} are allowed`,
      suggestion: 'split it into several files',
    });
    return { documents: [], problems: found.problems, lostNames: new Set() };
  }
  const text = acceptableText(file.text, found);
  if (text === undefined) return { documents: [], problems: found.problems, lostNames: namesIn(file.text, found) };
  const documents: SourceDocument[] = [];
  const budget: Budget = {
    valuesLeft: Math.ceil(maxLength * mostValuesPerCharacter),
    lexemesLeft: mostCarefulLexemes,
    aliasedLeft: mostAliasedValues,
  };
  for (const root of textRoots(text, { pass, found, budget })) documents.push({ file, root });
  return { documents, problems: found.problems, lostNames: namesIn(file.text, found) };
}

interface Reading {
  readonly pass: 'plain-first' | 'careful';
  readonly found: Findings;
  readonly budget: Budget;
}

/** A file is plain as a whole, nearly always; where it is not, only those of its documents that are not are read with care. */
function* textRoots(text: string, reading: Reading): Generator<DocumentNode> {
  const isLines = isJsonLines(text);
  if (!isLines && reading.pass === 'plain-first') {
    const whole = readPlainYaml(text, 0, reading.budget.valuesLeft);
    if (whole.kind === 'read') return yield* documentsOf(whole.roots);
    if (whole.kind === 'too-many') return reading.found.add(tooManyValues(whole.at));
  }
  for (const part of isLines ? linesOf(text) : partsOf(text)) yield* documentsOf(partRoots(part, reading));
}

/** A list at the top of a file is a list of documents. */
function* documentsOf(roots: readonly DocumentNode[]): Generator<DocumentNode> {
  for (const root of roots) {
    if (root.kind === 'list') yield* root.items;
    else yield root;
  }
}

function partRoots(part: Part, reading: Reading): readonly DocumentNode[] {
  if (reading.pass === 'careful') return carefulRoots(part, { ...reading, plainUpTo: 0 });
  const plain = readPlainYaml(part.text, part.base, reading.budget.valuesLeft);
  if (plain.kind === 'read') return plain.roots;
  if (plain.kind === 'not-plain') return carefulRoots(part, { ...reading, plainUpTo: plain.at });
  reading.found.add(tooManyValues(part.base + plain.at));
  return [];
}

/**
 * Documents with the line of dashes before each, which ends a document whatever stands before it. Directives, and lines of dots, say
 * more than that: then the text stays whole.
 */
function partsOf(text: string): readonly Part[] {
  if (/^(?:%|\.\.\.)/m.test(text)) return [{ text, base: 0 }];
  const parts: Part[] = [];
  let base = 0;
  for (const { index } of text.matchAll(/^---(?:[ \t]|$)/gm)) {
    if (index > base) parts.push({ text: text.slice(base, index), base });
    base = index;
  }
  parts.push({ text: text.slice(base), base });
  return parts;
}

/** A stretch of a file that is YAML by itself; `base` is where it begins. */
interface Part {
  readonly text: string;
  readonly base: number;
}

/** One JSON object a line, which YAML knows no separator for; told by the first two lines. */
function isJsonLines(text: string): boolean {
  return /^\s*\{[^\n]*\}[ \t]*\n\s*\{/.test(text);
}

function linesOf(text: string): readonly Part[] {
  const parts: Part[] = [];
  let base = 0;
  for (const line of text.split('\n')) {
    if (line.trim() !== '') parts.push({ text: line, base });
    base += line.length + 1;
  }
  return parts;
}

function tooManyValues(at: number): Finding {
  return {
    code: 'file-too-large',
    at,
    message: 'the file has more values up to here than any policy of its size',
    suggestion: 'split it into several files',
  };
}

/** Told at the first thing that kept the quick reader away. */
function tooMuchCare(at: number): Finding {
  return {
    code: 'file-too-large',
    at,
    message: `what stands here is wrong, or is not plain YAML; of files that hold such things, ${mostCarefulLexemes} words, marks and line ends are read at most`,
    suggestion: 'write one value a line, without anchors and tags, or split the file',
  };
}

/** What is left for one file. */
interface Budget {
  readonly valuesLeft: number;
  lexemesLeft: number;
  aliasedLeft: number;
}

interface CarefulReading extends Reading {
  /** Of the part's text the quick reader found nothing odd before this. */
  readonly plainUpTo: number;
}

function carefulRoots({ text, base }: Part, { found, budget, plainUpTo }: CarefulReading): readonly DocumentNode[] {
  const add = (finding: Finding) => found.add({ ...finding, at: base + finding.at });
  budget.lexemesLeft -= costOfDocument;
  if (budget.lexemesLeft < 0) {
    add(tooMuchCare(plainUpTo));
    return [];
  }
  const tokens = boundedTokens(text, { found: { ...found, add }, budget, plainUpTo });
  if (tokens === undefined) return [];
  const roots: DocumentNode[] = [];
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', version: '1.2' });
  for (const composed of composer.compose(tokens, true, text.length)) {
    const root = documentRoot(composed, { text, base, found, aliases: createAliases(budget, maxDepth) });
    if (root !== undefined) roots.push(root);
  }
  return roots;
}

/** Empty where every document of the file could be read. */
function namesIn(text: string, found: Findings): ReadonlySet<string> {
  if (
    !found.problems.some(
      ({ code }) =>
        code === 'yaml-syntax' ||
        code === 'nested-too-deep' ||
        code === 'control-character' ||
        code === 'file-too-large',
    )
  )
    return new Set();
  return new Set([...text.matchAll(/\bname: *["']?([a-z0-9-]{1,63})/g)].map((match) => match[1] ?? ''));
}

interface Findings {
  readonly problems: Problem[];
  add(finding: Finding): void;
}

/** Keeps the first findings of each code: after a hundred of one kind in one file the rest says nothing new. */
function createFindings(file: SourceFile): Findings {
  const problems: Problem[] = [];
  const counts = new Map<string, number>();
  function add(finding: Finding): void {
    const count = (counts.get(finding.code) ?? 0) + 1;
    counts.set(finding.code, count);
    if (count <= maxFindingsOfOneCode) problems.push(file.problem(finding));
  }
  return { problems, add };
}

/** The text as YAML is to see it, of the same length; undefined where it is no text to go on with. */
function acceptableText(text: string, found: Findings): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase();
    found.add({
      code: 'control-character',
      at: control.index,
      message: `the file holds the control character U+${code}; line feed and tab are the only ones allowed`,
      suggestion: 'remove the character, or check that this is a text file',
    });
    return undefined;
  }
  const carriageReturn = text.indexOf('\r');
  if (carriageReturn >= 0) {
    found.add({
      code: 'carriage-return',
      at: carriageReturn,
      message: 'the file has a carriage return; lines end in a line feed alone',
      suggestion: 'convert the file to LF line ends (in Git: "* text eol=lf" in .gitattributes)',
    });
    return text.replaceAll('\r', ' ');
  }
  return text;
}

/** Tokens of the concrete syntax, or undefined if something was found that would cost too much to go on with. */
function boundedTokens(
  text: string,
  { found, budget, plainUpTo }: Pick<CarefulReading, 'found' | 'budget' | 'plainUpTo'>,
): CST.Token[] | undefined {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let isScalarNext = false;
  let misplaced = 0;
  for (const lexeme of new Lexer().lex(text)) {
    const at = parser.offset;
    budget.lexemesLeft -= 1;
    if (budget.lexemesLeft < 0) {
      found.add(tooMuchCare(plainUpTo));
      return undefined;
    }
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === 'error') misplaced += 1;
    }
    if (misplaced > mostMisplacedTokens) break;
    if (parser.stack.length > maxDepth) {
      found.add({ code: 'nested-too-deep', at, message: `nested deeper than ${maxDepth}; no policy document is` });
      return undefined;
    }
    if (!isScalarNext) refuseLexeme(lexeme, at, found);
    isScalarNext = lexeme === CST.SCALAR;
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

function refuseLexeme(lexeme: string, at: number, found: Findings): void {
  switch (CST.tokenType(lexeme)) {
    case 'tag':
      found.add({
        code: 'yaml-tag',
        at,
        message: `found the YAML tag "${shortened(lexeme)}"; values are written without tags`,
        suggestion: 'put the value in quotes if a string is meant',
      });
      break;
    case 'directive-line':
      if (/^%YAML\s+1\.2\s*$/.test(lexeme)) break;
      found.add({
        code: 'yaml-directive',
        at,
        message: `found the YAML directive "${shortened(lexeme)}"; only %YAML 1.2 is allowed`,
        suggestion: 'remove the line',
      });
      break;
    default:
      break;
  }
}

function documentRoot(composed: Document.Parsed, conversion: Conversion): DocumentNode | undefined {
  const { text, base, found } = conversion;
  const lines = new Set<number>();
  for (const error of composed.errors.slice(0, maxFindingsOfOneCode)) {
    const at = Math.min(error.pos[0], text.length);
    const start = text.lastIndexOf('\n', at - 1);
    if (lines.has(start)) continue;
    lines.add(start);
    found.add({ code: 'yaml-syntax', at: base + at, message: syntaxMessage(error.message) });
  }
  if (composed.errors.length > 0 || composed.contents === null) return undefined;
  const root = convert(composed.contents, conversion);
  return root.kind === 'scalar' && root.value === null ? undefined : root;
}

function syntaxMessage(message: string): string {
  return `not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

/** Nodes and findings carry offsets in the file, which begins `base` before the text. */
interface Conversion {
  readonly text: string;
  readonly base: number;
  readonly found: Findings;
  readonly aliases: Aliases;
}

function convert(node: Node | null, conversion: Conversion): DocumentNode {
  const converted = convertContent(node, conversion);
  if (node !== null && !isAlias(node) && node.anchor !== undefined) conversion.aliases.anchor(node.anchor, converted);
  return converted;
}

function aliased(alias: string, at: number, { aliases, found }: Conversion): DocumentNode {
  const resolved = aliases.resolve(alias);
  if (resolved.kind === 'known') return resolved.node;
  const text = shortened(`*${alias}`);
  found.add(
    resolved.kind === 'unknown'
      ? {
          code: 'yaml-alias',
          at,
          message: `found the YAML alias "${text}", and nothing before it in the document is anchored as "${shortened(`&${alias}`)}"`,
          suggestion: `if the text ${text} is meant, put it in quotes`,
        }
      : {
          code: 'yaml-alias',
          at,
          message: `found the YAML alias "${text}", with which the file's aliases stand for more than ${mostAliasedValues} values, or nest too deep`,
          suggestion: 'write the values out',
        },
  );
  return { kind: 'refused', at };
}

/** Recursion is bounded: no deeper than maxDepth came through boundedTokens. */
function convertContent(node: Node | null, conversion: Conversion): DocumentNode {
  const offset = node?.range?.[0] ?? 0;
  const at = conversion.base + offset;
  if (isMap(node)) {
    const entries: MapEntry[] = [];
    const keys = new Set<string>();
    for (const pair of node.items) {
      const entry = convertPair(pair.key as Node | null, pair.value as Node | null, conversion);
      if (entry === undefined) continue;
      if (keys.has(entry.key)) {
        conversion.found.add({
          code: 'duplicate-key',
          at: entry.keyAt,
          message: `the key "${shortened(entry.key)}" stands here a second time; a mapping has each key once`,
        });
        continue;
      }
      keys.add(entry.key);
      entries.push(entry);
    }
    return { kind: 'map', at, entries };
  }
  if (isSeq(node)) return { kind: 'list', at, items: node.items.map((item) => convert(item as Node, conversion)) };
  if (isAlias(node)) return aliased(node.source, at, conversion);
  if (!isScalar(node)) return { kind: 'scalar', at, value: null, source: '' };
  const source = conversion.text.slice(offset, node.range?.[1] ?? offset);
  const value = node.value;
  if (typeof value === 'string') {
    const isQuoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
    const indent = isQuoted ? 1 : 0;
    const isVerbatim = conversion.text.startsWith(value, offset + indent);
    return { kind: 'scalar', at, value, source, ...(isVerbatim ? { textAt: at + indent } : {}) };
  }
  const isPlain =
    typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' || value === null;
  if (isPlain) return { kind: 'scalar', at, value, source };
  return { kind: 'refused', at };
}

function convertPair(key: Node | null, value: Node | null, conversion: Conversion): MapEntry | undefined {
  const keyAt = conversion.base + (key?.range?.[0] ?? 0);
  if (isScalar(key) && typeof key.value === 'string') {
    const converted =
      value === null ? ({ kind: 'scalar', at: keyAt, value: null, source: '' } as const) : convert(value, conversion);
    const isBare = /^\s*[,}]/.test(conversion.text.slice(key.range?.[1] ?? 0, (key.range?.[1] ?? 0) + 80));
    return { key: key.value, keyAt, value: converted, ...(isBare ? { isBare } : {}) };
  }
  const written = isScalar(key) ? `"${shortened(String(key.value))}"` : 'a collection';
  conversion.found.add({
    code: 'wrong-type',
    at: keyAt,
    message: `found ${written} as a key; a key is a string`,
    suggestion: isScalar(key) ? `put it in quotes: "${shortened(String(key.value))}"` : undefined,
  });
  return undefined;
}
