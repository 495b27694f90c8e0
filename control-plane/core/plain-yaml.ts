// The YAML that policies and inventories are nearly always made of, read in one pass into the same trees that yaml-documents.ts makes
// of it, at a tenth of the cost: mappings and lists by indentation or in brackets, texts on one line, plain or in quotes without
// escapes, comments. It never says that something is wrong: at anything else, wrong or only rare, it gives up on the whole text, and
// the careful reader takes it. So a text that it takes has no fault in its YAML, and both readers agree on it (a property).

import type { DocumentNode, ListNode, MapEntry, MapNode, ScalarNode } from './document-node.ts';

/** The roots of the documents in order, empty ones left out, a list at the top as it is; undefined where this is not for us. */
export function readPlainYaml(text: string, base: number): readonly DocumentNode[] | undefined {
  if (rareCharacter.test(text)) return undefined;
  try {
    return new PlainReader(text, base).documents();
  } catch (cause) {
    if (cause instanceof NotPlain) return undefined;
    throw cause;
  }
}

/** Thrown inside this file only. */
class NotPlain extends Error {}

/** One object for all: it is no error, and its stack is of no use. */
const notPlain = new NotPlain();

function giveUp(): never {
  throw notPlain;
}

/** Tabs, whose meaning hangs on where they stand, and what some readers take for a line's end. */
const rareCharacter = /[\t\r\u0085\u2028\u2029\uFEFF]/;
const keyPattern = /[A-Za-z_][A-Za-z0-9_./-]{0,99}/y;
const firstOfPlain = /[A-Za-z0-9_./(]/;
/** What YAML would not read as a text. Some of these are texts after all, and go the careful way for nothing. */
const notText =
  /^(?:[0-9]+(?:\.[0-9]*)?(?:[eE].*)?|\.[0-9]+(?:[eE].*)?|\.\.\..*|0[xo].*|\.inf|\.Inf|\.INF|\.nan|\.NaN|\.NAN|true|True|TRUE|false|False|FALSE|null|Null|NULL)$/;
const mostDepth = 12;

const lineFeed = 10;
const space = 32;
const hash = 35;
const dash = 45;
const colon = 58;

class PlainReader {
  readonly #text: string;
  readonly #base: number;
  /** The line to read next that is neither empty nor a comment: where it starts, where its text does, where it ends. */
  #lineStart = 0;
  #lineText = 0;
  #lineEnd = -1;
  #depth = 0;

  constructor(text: string, base: number) {
    this.#text = text;
    this.#base = base;
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
      return this.#lineEnd === this.#lineStart + 3 || giveUp();
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

  /** Whether the line begins with "- ". */
  #isItem(): boolean {
    return this.#text.charCodeAt(this.#lineText) === dash && this.#text.charCodeAt(this.#lineText + 1) === space;
  }

  /** Whether the next line is of the collection at this indent; one further in is nobody's. */
  #goesOn(indent: number): boolean {
    if (this.#isOver() || this.#indent() < indent || this.#isSeparator()) return false;
    return this.#indent() === indent || giveUp();
  }

  /** The first key stands at `first`, perhaps behind a dash; the others begin their lines. */
  #map(indent: number, first: number): MapNode {
    const entries: MapEntry[] = [];
    let keyAt = first;
    for (;;) {
      const key = this.#key(keyAt);
      if (entries.some((entry) => entry.key === key)) giveUp();
      const afterColon = keyAt + key.length + 1;
      if (this.#text.charCodeAt(afterColon - 1) !== colon) giveUp();
      if (afterColon < this.#lineEnd && this.#text.charCodeAt(afterColon) !== space) giveUp();
      entries.push({ key, keyAt: this.#base + keyAt, value: this.#valueOf(indent, afterColon) });
      if (!this.#goesOn(indent)) return { kind: 'map', at: this.#base + first, entries };
      if (this.#isItem()) giveUp();
      keyAt = this.#lineText;
    }
  }

  #key(at: number): string {
    keyPattern.lastIndex = at;
    const key = keyPattern.exec(this.#text)?.[0] ?? giveUp();
    return notText.test(key) ? giveUp() : key;
  }

  #valueOf(indent: number, from: number): DocumentNode {
    const at = this.#skipSpaces(from);
    if (at < this.#lineEnd && this.#text.charCodeAt(at) !== hash) return this.#inline(indent, at);
    this.#nextLine();
    if (this.#isOver()) giveUp();
    const isList = this.#isItem();
    if (this.#indent() < indent || (this.#indent() === indent && !isList)) giveUp();
    return this.#block(this.#indent());
  }

  #list(indent: number): ListNode {
    const at = this.#base + this.#lineText;
    const items: DocumentNode[] = [];
    do {
      if (!this.#isItem()) {
        // A list may stand as far out as the key it belongs to, and the next key then ends it.
        break;
      }
      const content = this.#skipSpaces(this.#lineText + 1);
      const first = this.#text.charCodeAt(content);
      if (content >= this.#lineEnd || first === hash || first === dash) giveUp();
      if (this.#isKeyAt(content)) {
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
    keyPattern.lastIndex = at;
    const key = keyPattern.exec(this.#text)?.[0];
    if (key === undefined) return false;
    const after = at + key.length;
    return (
      this.#text.charCodeAt(after) === colon &&
      (after + 1 === this.#lineEnd || this.#text.charCodeAt(after + 1) === space)
    );
  }

  /** A value that begins on a key's or a dash's line; goes on to the line after it. */
  #inline(indent: number, at: number): DocumentNode {
    const first = this.#text.charAt(at);
    if (first === '{' || first === '[') {
      const flow = new FlowReader({ text: this.#text, base: this.#base, indent, at });
      const node = flow.node();
      this.#endLine(flow.at);
      return node;
    }
    if (first === '"' || first === "'") {
      const node = quoted(this.#text, at, this.#base);
      this.#endLine(at + node.source.length);
      return node;
    }
    const line = this.#text.slice(at, this.#lineEnd);
    const comment = line.indexOf(' #');
    const source = withoutSpaces(comment < 0 ? line : line.slice(0, comment));
    if (source.includes(': ') || source.endsWith(':')) giveUp();
    this.#nextLine();
    return plain(source, this.#base + at);
  }

  /** Nothing but spaces and a comment may follow on the line of `at`. */
  #endLine(at: number): void {
    const found = this.#text.indexOf('\n', at);
    const end = found < 0 ? this.#text.length : found;
    let rest = at;
    while (rest < end && this.#text.charCodeAt(rest) === space) rest += 1;
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
}

/** { … } and [ … ], over one line or several. */
class FlowReader {
  readonly #text: string;
  readonly #base: number;
  readonly #indent: number;
  #depth = 0;
  at: number;

  constructor({ text, base, indent, at }: FlowStart) {
    this.#text = text;
    this.#base = base;
    this.#indent = indent;
    this.at = at;
  }

  node(): DocumentNode {
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
    if (this.#opens('}')) return { kind: 'map', at, entries };
    do {
      const keyAt = this.#base + this.at;
      const key = this.#key();
      if (entries.some((entry) => entry.key === key)) giveUp();
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

  /** Past a comma, to the next entry; or past the closing bracket. */
  #goesOn(close: string): boolean {
    this.#skip();
    const found = this.#text.charAt(this.at);
    this.at += 1;
    if (found === close) return false;
    if (found !== ',') giveUp();
    this.#skip();
    return true;
  }

  /** A key with its colon, on one line. */
  #key(): string {
    const isQuoted = this.#text.charAt(this.at) === '"';
    keyPattern.lastIndex = this.at;
    const key = isQuoted ? String(quoted(this.#text, this.at, this.#base).value) : keyPattern.exec(this.#text)?.[0];
    if (key === undefined || key.length > 100 || (!isQuoted && notText.test(key))) giveUp();
    this.at += key.length + (isQuoted ? 2 : 0);
    while (isQuoted && this.#text.charCodeAt(this.at) === space) this.at += 1;
    if (this.#text.charCodeAt(this.at) !== colon) giveUp();
    this.at += 1;
    const after = this.#text.charCodeAt(this.at);
    if (!isQuoted && after !== space && after !== lineFeed) giveUp();
    return key;
  }

  #plain(): ScalarNode {
    let end = this.at;
    for (; end < this.#text.length; end += 1) {
      const character = this.#text.charAt(end);
      if (',[]{}\n'.includes(character)) break;
      if (character === ':' && ' ,[]{}\n'.includes(this.#text.charAt(end + 1))) giveUp();
      if (character === '#' && this.#text.charAt(end - 1) === ' ') giveUp();
    }
    return plain(withoutSpaces(this.#text.slice(this.at, end)), this.#base + this.at);
  }

  /** Past white space. A comment is rare here. */
  #skip(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.at);
      if (code === space) {
        this.at += 1;
      } else if (code === lineFeed) {
        this.at += 1;
        const start = this.at;
        while (this.#text.charCodeAt(this.at) === space) this.at += 1;
        if (this.at - start <= this.#indent && this.#text.charCodeAt(this.at) !== lineFeed) giveUp();
      } else {
        if (code === hash) giveUp();
        return;
      }
    }
  }
}

function plain(source: string, at: number): ScalarNode {
  if (!firstOfPlain.test(source.charAt(0)) || notText.test(source)) giveUp();
  return { kind: 'scalar', at, value: source, source, textAt: at };
}

/** On one line, with nothing in it that YAML would read as something else. */
function quoted(text: string, start: number, base: number): ScalarNode {
  const quote = text.charAt(start);
  const end = text.indexOf(quote, start + 1);
  if (end < 0 || (quote === "'" && text.charAt(end + 1) === "'")) giveUp();
  const source = text.slice(start, end + 1);
  if (source.includes('\n') || (quote === '"' && source.includes('\\'))) giveUp();
  return { kind: 'scalar', at: base + start, value: source.slice(1, -1), source, textAt: base + start + 1 };
}

/** Only spaces: what else is white to JavaScript is text to YAML. */
function withoutSpaces(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === space) end -= 1;
  return text.slice(0, end);
}
