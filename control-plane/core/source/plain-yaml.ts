// The YAML that policies and inventories are nearly always made of, read in one pass into the same trees that yaml-documents.ts makes
// of it, at a tenth of the cost: mappings and lists by indentation or in brackets, values on one line, plain or in quotes, texts of
// several lines under | and >, comments. It never says that something is wrong: at anything else, wrong or only rare, it gives up on
// the whole text, and the careful reader takes it. So a text that it takes has no fault in its YAML, and both readers agree on it (a
// property).

import type { DocumentNode, ListNode, MapEntry, MapNode, ScalarNode, ScalarValue } from './document-node.ts';

/** `at` is the offset in the text behind which what is not plain stands, the same line or near it. */
export type PlainReading =
  | { readonly kind: 'read'; readonly roots: readonly DocumentNode[] }
  | { readonly kind: 'not-plain'; readonly at: number }
  | { readonly kind: 'too-many'; readonly at: number };

/**
 * The roots of the documents in order, empty ones left out, a list at the top as it is. Positions are offsets in the text, to which
 * `base` is added.
 */
export function readPlainYaml(text: string, base: number, mostValues = Number.POSITIVE_INFINITY): PlainReading {
  const rare = text.search(rareCharacter);
  if (rare >= 0) return { kind: 'not-plain', at: rare };
  const reader = new PlainReader({ text, base, mostValues });
  try {
    return { kind: 'read', roots: reader.documents() };
  } catch (cause) {
    if (cause === notPlain) return { kind: 'not-plain', at: reader.at };
    if (cause === tooMany) return { kind: 'too-many', at: reader.at };
    throw cause;
  }
}

/** Thrown inside this file only. One object for all: they are no errors, and their stack is of no use. */
const notPlain = new Error('this is not plain YAML');
const tooMany = new Error('these are too many values');

function giveUp(): never {
  throw notPlain;
}

/** What some readers take for a line's end. */
const rareCharacter = /[\r\u0085\u2028\u2029\uFEFF]/;
const keyPattern = /[A-Za-z_][A-Za-z0-9_./-]{0,99}/y;
const firstOfPlain = /^(?:[A-Za-z0-9_./(~]|[-+][0-9A-Za-z.])/;
/** What YAML does not read as a text, and some texts. */
const maybeNotText = /^(?:[-+]?\.?[0-9]|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$|\.\.\.|~$|[TtFfNn])/;
const wholeNumber = /^[-+]?[0-9]+$/;
const otherNumber = /^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+)$/;
const word = /^(?:~|[Nn]ull|NULL|[Tt]rue|TRUE|[Ff]alse|FALSE)$/;
const separatorRest = /^ *(?: #.*)?$/;
const blockHeader = /^[|>]-? *(?: #.*)?$/;
const mostDepth = 12;
/** YAML has 1,024 for a key and what stands before it. */
const mostKeyLength = 100;
/** From so many keys of a mapping on they are remembered in a set. */
const manyKeys = 16;

const tab = 9;
const lineFeed = 10;
const space = 32;
const hash = 35;
const dash = 45;
const colon = 58;

interface PlainText {
  readonly text: string;
  readonly base: number;
  readonly mostValues: number;
}

class PlainReader {
  readonly #text: string;
  readonly #base: number;
  #valuesLeft: number;
  #flow: FlowReader | undefined;
  /** The line to read next that is neither empty nor a comment: where it starts, where its text does, where it ends. */
  #lineStart = 0;
  #lineText = 0;
  #lineEnd = -1;
  #depth = 0;

  constructor({ text, base, mostValues }: PlainText) {
    this.#text = text;
    this.#base = base;
    this.#valuesLeft = mostValues;
  }

  /** How far this has come. */
  get at(): number {
    return Math.max(this.#lineText, this.#flow?.at ?? 0);
  }

  documents(): readonly DocumentNode[] {
    const roots: DocumentNode[] = [];
    this.#nextLine();
    while (!this.#isOver()) {
      if (this.#isSeparator()) {
        this.#nextLine();
        continue;
      }
      if (this.#indent() !== 0) giveUp();
      roots.push(this.#root());
      if (!this.#isOver() && !this.#isSeparator()) giveUp();
    }
    return roots;
  }

  /** JSON, in brackets as a whole, may stand as far out as it likes. */
  #root(): DocumentNode {
    const first = this.#text.charAt(this.#lineText);
    return first === '{' || first === '[' ? this.#inline(-1, this.#lineText) : this.#block(0);
  }

  #isOver(): boolean {
    return this.#lineStart >= this.#text.length;
  }

  /** A line of three dashes ends the document. What else begins so, or with dots or %, is rare. */
  #isSeparator(): boolean {
    if (this.#lineText !== this.#lineStart) return false;
    if (this.#text.startsWith('---', this.#lineStart)) {
      return separatorRest.test(this.#text.slice(this.#lineStart + 3, this.#lineEnd)) || giveUp();
    }
    return this.#text.startsWith('...', this.#lineStart) || this.#text.startsWith('%', this.#lineStart)
      ? giveUp()
      : false;
  }

  #indent(): number {
    return this.#lineText - this.#lineStart;
  }

  #nextLine(): void {
    this.#lineFrom(this.#lineEnd + 1);
  }

  /** Goes to the first line at or after `start` that says something. */
  #lineFrom(start: number): void {
    const text = this.#text;
    let from = start;
    while (from < text.length) {
      let at = from;
      while (text.charCodeAt(at) === space) at += 1;
      const found = text.indexOf('\n', at);
      const end = found < 0 ? text.length : found;
      if (at < end && text.charCodeAt(at) !== hash) {
        this.#lineStart = from;
        this.#lineText = at;
        this.#lineEnd = end;
        return;
      }
      from = end + 1;
    }
    this.#lineStart = text.length;
    this.#lineText = text.length;
    this.#lineEnd = text.length;
  }

  #block(indent: number): DocumentNode {
    this.#deeper();
    const node = this.#isItem() ? this.#list(indent) : this.#map(indent, this.#lineText);
    this.#depth -= 1;
    return node;
  }

  #deeper(): void {
    this.#depth += 1;
    if (this.#depth > mostDepth) giveUp();
  }

  #countValue(): void {
    this.#valuesLeft -= 1;
    if (this.#valuesLeft < 0) throw tooMany;
  }

  /** Whether the line begins with "- ", or is a dash alone. */
  #isItem(): boolean {
    const at = this.#lineText;
    return this.#text.charCodeAt(at) === dash && (at + 1 === this.#lineEnd || this.#text.charCodeAt(at + 1) === space);
  }

  /** Whether the next line is of the collection at this indent; one further in is nobody's. */
  #goesOn(indent: number): boolean {
    if (this.#isOver() || this.#indent() < indent || this.#isSeparator()) return false;
    return this.#indent() === indent || giveUp();
  }

  /** The first key stands at `first`, perhaps behind a dash; the others begin their lines. */
  #map(indent: number, first: number): MapNode {
    const entries: MapEntry[] = [];
    const keys = new Keys(entries);
    let keyAt = first;
    for (;;) {
      const { key, length } = this.#key(keyAt);
      keys.add(key);
      const afterColon = keyAt + length + 1;
      if (this.#text.charCodeAt(afterColon - 1) !== colon) giveUp();
      if (afterColon < this.#lineEnd && this.#text.charCodeAt(afterColon) !== space) giveUp();
      entries.push({ key, keyAt: this.#base + keyAt, value: this.#valueOf(indent, afterColon) });
      if (!this.#goesOn(indent)) return { kind: 'map', at: this.#base + first, entries };
      if (this.#isItem()) giveUp();
      keyAt = this.#lineText;
    }
  }

  /** `length` is what it takes in the text, up to its colon. */
  #key(at: number): { readonly key: string; readonly length: number } {
    const first = this.#text.charAt(at);
    if (first === '"' || first === "'") {
      const { value, source } = quoted(this.#text, at, this.#base);
      const end = this.#skipSpaces(at + source.length);
      return typeof value === 'string' && end - at <= mostKeyLength ? { key: value, length: end - at } : giveUp();
    }
    keyPattern.lastIndex = at;
    const key = keyPattern.exec(this.#text)?.[0] ?? giveUp();
    return word.test(key) ? giveUp() : { key, length: key.length };
  }

  #valueOf(indent: number, from: number): DocumentNode {
    const at = this.#skipSpaces(from);
    if (at < this.#lineEnd && this.#text.charCodeAt(at) !== hash) return this.#inline(indent, at);
    this.#nextLine();
    const isInside =
      !this.#isOver() &&
      (this.#indent() > indent || (this.#indent() === indent && this.#isItem())) &&
      !this.#isSeparator();
    return isInside ? this.#block(this.#indent()) : { kind: 'scalar', at: this.#base + at, value: null, source: '' };
  }

  #list(indent: number): ListNode {
    const at = this.#base + this.#lineText;
    const items: DocumentNode[] = [];
    do {
      if (!this.#isItem()) {
        // A list may stand as far out as the key it belongs to, and the next key then ends it.
        break;
      }
      this.#countValue();
      const content = this.#skipSpaces(this.#lineText + 1);
      const first = this.#text.charCodeAt(content);
      if (content >= this.#lineEnd || first === hash) {
        this.#nextLine();
        if (this.#isOver() || this.#indent() <= indent) giveUp();
        items.push(this.#block(this.#indent()));
      } else if (this.#isKeyAt(content)) {
        this.#deeper();
        items.push(this.#map(content - this.#lineStart, content));
        this.#depth -= 1;
      } else {
        items.push(this.#inline(indent, content));
      }
    } while (this.#goesOn(indent));
    return { kind: 'list', at, items };
  }

  #isKeyAt(at: number): boolean {
    const first = this.#text.charAt(at);
    let after = at;
    if (first === '"' || first === "'") {
      after = this.#skipSpaces(at + quoted(this.#text, at, this.#base).source.length);
    } else {
      keyPattern.lastIndex = at;
      const key = keyPattern.exec(this.#text)?.[0];
      if (key === undefined) return false;
      after += key.length;
    }
    return (
      this.#text.charCodeAt(after) === colon &&
      (after + 1 === this.#lineEnd || this.#text.charCodeAt(after + 1) === space)
    );
  }

  /** A value that begins on a key's or a dash's line; goes on to the line after it. */
  #inline(indent: number, at: number): DocumentNode {
    this.#countValue();
    const first = this.#text.charAt(at);
    if (first === '{' || first === '[') {
      const flow = new FlowReader({ text: this.#text, base: this.#base, indent, at, mostValues: this.#valuesLeft });
      this.#flow = flow;
      const node = flow.node();
      this.#valuesLeft = flow.valuesLeft;
      this.#endLine(flow.at);
      return node;
    }
    if (first === '|' || first === '>') return this.#blockText(indent, at);
    if (first === '"' || first === "'") {
      const node = quoted(this.#text, at, this.#base);
      this.#endLine(at + node.source.length);
      return node;
    }
    const line = this.#text.slice(at, this.#lineEnd);
    const comment = line.indexOf(' #');
    const source = withoutSpaces(comment < 0 ? line : line.slice(0, comment));
    if (source.includes(': ') || source.endsWith(':') || source.includes('\t')) giveUp();
    const node = plain(source, this.#base + at);
    this.#nextLine();
    return node;
  }

  /** | or >, the text of the lines below, which stand further in. Blank lines before the first and behind the last are rare. */
  #blockText(indent: number, at: number): ScalarNode {
    if (!blockHeader.test(this.#text.slice(at, this.#lineEnd))) giveUp();
    const isFolded = this.#text.charAt(at) === '>';
    const isStripped = this.#text.charAt(at + 1) === '-';
    let value = '';
    let own = -1;
    let blank = 0;
    let start = this.#lineEnd + 1;
    let end = start;
    while (start < this.#text.length) {
      const first = this.#skipSpaces(start);
      const found = this.#text.indexOf('\n', first);
      const lineEnd = found < 0 ? this.#text.length : found;
      if (first === lineEnd) {
        if (own < 0 || first - start > own) giveUp();
        blank += 1;
      } else {
        if (own < 0) own = first - start;
        if (own <= indent) giveUp();
        if (first - start < own) break;
        if (isFolded && (first - start > own || this.#text.charCodeAt(first) === tab)) giveUp();
        if (end > this.#lineEnd + 1)
          value += blank > 0 ? '\n'.repeat(isFolded ? blank : blank + 1) : isFolded ? ' ' : '\n';
        value += this.#text.slice(start + own, lineEnd);
        blank = 0;
        end = lineEnd + 1;
      }
      start = lineEnd + 1;
    }
    if (own < 0) giveUp();
    if (!isStripped) value += '\n';
    this.#lineFrom(end);
    return textNode(this.#text, { at, base: this.#base, value, source: this.#text.slice(at, end), textAt: at });
  }

  /** Nothing but white space and a comment may follow on the line of `at`. */
  #endLine(at: number): void {
    const found = this.#text.indexOf('\n', at);
    const end = found < 0 ? this.#text.length : found;
    let rest = at;
    while (rest < end && (this.#text.charCodeAt(rest) === space || this.#text.charCodeAt(rest) === tab)) rest += 1;
    if (rest < end && (this.#text.charCodeAt(rest) !== hash || rest === at)) giveUp();
    this.#lineFrom(end + 1);
  }

  #skipSpaces(from: number): number {
    let at = from;
    while (this.#text.charCodeAt(at) === space) at += 1;
    return at;
  }
}

interface FlowStart {
  readonly text: string;
  readonly base: number;
  /** Of the block around it: lines of the collection stand further in. */
  readonly indent: number;
  readonly at: number;
  readonly mostValues: number;
}

/** { … } and [ … ], over one line or several. */
class FlowReader {
  readonly #text: string;
  readonly #base: number;
  readonly #indent: number;
  #depth = 0;
  at: number;
  valuesLeft: number;

  constructor({ text, base, indent, at, mostValues }: FlowStart) {
    this.#text = text;
    this.#base = base;
    this.#indent = indent;
    this.at = at;
    this.valuesLeft = mostValues;
  }

  node(): DocumentNode {
    this.valuesLeft -= 1;
    if (this.valuesLeft < 0) throw tooMany;
    const first = this.#text.charAt(this.at);
    if (first === '{' || first === '[') {
      this.#depth += 1;
      if (this.#depth > mostDepth) giveUp();
      const node = first === '{' ? this.#map() : this.#list();
      this.#depth -= 1;
      return node;
    }
    const node = first === '"' || first === "'" ? quoted(this.#text, this.at, this.#base) : this.#plain();
    this.at += node.source.length;
    return node;
  }

  #map(): MapNode {
    const at = this.#base + this.at;
    const entries: MapEntry[] = [];
    const keys = new Keys(entries);
    if (this.#opens('}')) return { kind: 'map', at, entries };
    do {
      const keyAt = this.#base + this.at;
      const key = this.#key();
      keys.add(key);
      this.#skip();
      entries.push({ key, keyAt, value: this.node() });
    } while (this.#goesOn('}'));
    return { kind: 'map', at, entries };
  }

  #list(): ListNode {
    const at = this.#base + this.at;
    const items: DocumentNode[] = [];
    if (this.#opens(']')) return { kind: 'list', at, items };
    do items.push(this.node());
    while (this.#goesOn(']'));
    return { kind: 'list', at, items };
  }

  /** Past the opening bracket; whether the closing one follows at once. */
  #opens(close: string): boolean {
    this.at += 1;
    this.#skip();
    if (this.#text.charAt(this.at) !== close) return false;
    this.at += 1;
    return true;
  }

  /** Past a comma, to the next entry; or past the closing bracket, which may follow a last comma. */
  #goesOn(close: string): boolean {
    this.#skip();
    if (this.#text.charAt(this.at) === ',') {
      this.at += 1;
      this.#skip();
      if (this.#text.charAt(this.at) !== close) return true;
    }
    if (this.#text.charAt(this.at) !== close) giveUp();
    this.at += 1;
    return false;
  }

  /** A key with its colon, on one line. */
  #key(): string {
    const first = this.#text.charAt(this.at);
    if (first === '"' || first === "'") {
      const { value, source } = quoted(this.#text, this.at, this.#base);
      if (typeof value !== 'string' || source.length > mostKeyLength) giveUp();
      this.at += source.length;
      while (this.#text.charCodeAt(this.at) === space) this.at += 1;
      if (this.#text.charCodeAt(this.at) !== colon) giveUp();
      this.at += 1;
      return value;
    }
    keyPattern.lastIndex = this.at;
    const key = keyPattern.exec(this.#text)?.[0] ?? giveUp();
    if (word.test(key)) giveUp();
    this.at += key.length;
    if (this.#text.charCodeAt(this.at) !== colon) giveUp();
    this.at += 1;
    const after = this.#text.charCodeAt(this.at);
    if (after !== space && after !== lineFeed) giveUp();
    return key;
  }

  #plain(): ScalarNode {
    let end = this.at;
    for (; end < this.#text.length; end += 1) {
      const character = this.#text.charAt(end);
      if (',[]{}\n'.includes(character)) break;
      if (character === ':' && ' ,[]{}\n'.includes(this.#text.charAt(end + 1))) giveUp();
      if (character === '\t') giveUp();
      if (character === '#' && this.#text.charAt(end - 1) === ' ') break;
    }
    return plain(withoutSpaces(this.#text.slice(this.at, end)), this.#base + this.at);
  }

  /** Past white space and comments. */
  #skip(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.at);
      if (code === space) {
        this.at += 1;
      } else if (code === lineFeed) {
        this.at += 1;
        const start = this.at;
        while (this.#text.charCodeAt(this.at) === space) this.at += 1;
        if (this.at - start <= this.#indent && !this.#mayStandOut(this.at - start)) giveUp();
      } else if (code === hash) {
        const before = this.#text.charCodeAt(this.at - 1);
        if (before !== space && before !== lineFeed) giveUp();
        const end = this.#text.indexOf('\n', this.at);
        this.at = end < 0 ? this.#text.length : end;
      } else {
        return;
      }
    }
  }

  /** A blank line; and the bracket that closes it all, which may stand as far out as the key. */
  #mayStandOut(indent: number): boolean {
    const first = this.#text.charAt(this.at);
    return first === '\n' || (indent === this.#indent && this.#depth === 1 && (first === ']' || first === '}'));
  }
}

/** Keys of one mapping, of which none may come twice. */
class Keys {
  readonly #entries: readonly MapEntry[];
  #many: Set<string> | undefined;

  constructor(entries: readonly MapEntry[]) {
    this.#entries = entries;
  }

  /** Before the entry is there. */
  add(key: string): void {
    if (this.#entries.length < manyKeys) {
      for (const entry of this.#entries) if (entry.key === key) giveUp();
      return;
    }
    this.#many ??= new Set(this.#entries.map((entry) => entry.key));
    if (this.#many.has(key)) giveUp();
    this.#many.add(key);
  }
}

function plain(source: string, at: number): ScalarNode {
  if (!firstOfPlain.test(source)) giveUp();
  const value = maybeNotText.test(source) ? plainValue(source) : source;
  return typeof value === 'string'
    ? { kind: 'scalar', at, value, source, textAt: at }
    : { kind: 'scalar', at, value, source };
}

function plainValue(source: string): ScalarValue {
  if (wholeNumber.test(source)) return Number.parseInt(source, 10);
  if (otherNumber.test(source)) return Number.parseFloat(source);
  if (word.test(source)) return source === '~' || /^n/i.test(source) ? null : /^t/i.test(source);
  // Other bases, .inf and .nan, and what may be the end of a document.
  return /^[-+]?(?:0[xo]|\.(?:inf|nan)$|\.\.\.)/i.test(source) ? giveUp() : source;
}

/** On one line. */
function quoted(text: string, start: number, base: number): ScalarNode {
  const quote = text.charAt(start);
  let end = text.indexOf(quote, start + 1);
  let isEscaped = false;
  if (quote === "'") {
    for (; end >= 0 && text.charAt(end + 1) === quote; end = text.indexOf(quote, end + 2)) isEscaped = true;
  } else {
    for (; end >= 0 && isBehindBackslash(text, end, start); end = text.indexOf(quote, end + 1)) isEscaped = true;
  }
  if (end < 0) giveUp();
  const source = text.slice(start, end + 1);
  if (source.includes('\n')) giveUp();
  const own = { at: start, base, source, textAt: start + 1 };
  if (quote === "'") {
    const value = source.slice(1, -1);
    return textNode(text, { ...own, value: isEscaped ? value.replaceAll("''", "'") : value });
  }
  if (!source.includes('\\')) return textNode(text, { ...own, value: source.slice(1, -1) });
  return textNode(text, { ...own, value: fromJson(source) });
}

/** JSON's escapes are YAML's too; of the others there are few. */
function fromJson(source: string): string {
  if (source.includes('\t')) giveUp();
  try {
    return String(JSON.parse(source));
  } catch {
    return giveUp();
  }
}

function isBehindBackslash(text: string, at: number, start: number): boolean {
  let count = 0;
  while (at - 1 - count > start && text.charAt(at - 1 - count) === '\\') count += 1;
  return count % 2 === 1;
}

interface WrittenText {
  readonly at: number;
  readonly base: number;
  readonly value: string;
  readonly source: string;
  /** Where its characters begin, if they stand there one to one. */
  readonly textAt: number;
}

function textNode(text: string, { at, base, value, source, textAt }: WrittenText): ScalarNode {
  const isVerbatim = text.startsWith(value, textAt);
  return { kind: 'scalar', at: base + at, value, source, ...(isVerbatim ? { textAt: base + textAt } : {}) };
}

/** Only spaces: what else is white to JavaScript is text to YAML. */
function withoutSpaces(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === space) end -= 1;
  return text.slice(0, end);
}
