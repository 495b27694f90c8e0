// Reads the label selector of docs/reference/policy.md from text, in one pass and bounded: a text over 64 KiB or nested
// deeper than 64 is refused at once. Errors say what was found, what is allowed, and where, as an offset in UTF-16 code
// units.

import { labelKeyPattern, reservedKeys } from './label.ts';
import { err, ok, type Result } from './result.ts';
import type { Selector } from './selector.ts';

export interface SelectorError {
  readonly message: string;
  /** Where in the text, from 0; the text's length where it ends too soon. */
  readonly offset: number;
}

export const maxSelectorLength = 65_536;
export const maxSelectorDepth = 64;

const termForms = 'KEY == "value", KEY != "value", KEY in {"a", "b"}, KEY not in {"a"}, has(KEY), all(), !TERM or (…)';

type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly at: number }
  | { readonly kind: 'mark'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number };

/** Thrown inside this file only, and caught by parseSelector. */
class SelectorFault extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** A selector's tree, or the first thing wrong with its text. `==` and `!=` become sets of one value. */
export function parseSelector(text: string): Result<Selector, SelectorError> {
  if (text.length > maxSelectorLength) {
    return err({
      message: `the selector has ${text.length} characters; at most ${maxSelectorLength} are allowed`,
      offset: maxSelectorLength,
    });
  }
  try {
    return ok(createParser(text).whole());
  } catch (fault) {
    if (fault instanceof SelectorFault) return err({ message: fault.message, offset: fault.at });
    throw fault;
  }
}

function createParser(text: string) {
  let position = 0;
  let current = scan();

  function scan(): Token {
    while (position < text.length && ' \t\r\n'.includes(text.charAt(position))) position += 1;
    const at = position;
    if (at >= text.length) return { kind: 'end', text: '', at };
    const char = text.charAt(at);
    if (char === '"' || char === "'") return scanString(char, at);
    const word = wordAt(text, at);
    if (word !== '') {
      position += word.length;
      return { kind: 'word', text: word, at };
    }
    const two = text.slice(at, at + 2);
    const mark = ['==', '!=', '&&', '||'].includes(two) ? two : char;
    if (!['==', '!=', '&&', '||', '!', '(', ')', '{', '}', ','].includes(mark)) {
      throw new SelectorFault(strayCharacter(mark), at);
    }
    position += mark.length;
    return { kind: 'mark', text: mark, at };
  }

  function scanString(quote: string, at: number): Token {
    for (let end = at + 1; end < text.length; end += 1) {
      const char = text.charAt(end);
      if (char === quote) {
        position = end + 1;
        return { kind: 'string', text: text.slice(at + 1, end), at };
      }
      if (char === '"' || char === "'") throw new SelectorFault('a value may not hold a quote of either kind', end);
      if (char === '\n' || char === '\r') throw new SelectorFault('a value may not hold a line end', end);
    }
    throw new SelectorFault(`the value that starts here has no closing ${quote}`, at);
  }

  function next(): Token {
    const token = current;
    current = scan();
    return token;
  }

  function isMark(mark: string): boolean {
    return current.kind === 'mark' && current.text === mark;
  }

  function isEnd(): boolean {
    return current.kind === 'end';
  }

  function expectMark(mark: string, after: string): void {
    if (!isMark(mark)) throw new SelectorFault(`found ${tokenText(current)}, expected "${mark}" ${after}`, current.at);
    next();
  }

  function expression(depth: number): Selector {
    const terms = [conjunction(depth)];
    while (isMark('||')) {
      next();
      terms.push(conjunction(depth));
    }
    return terms.length === 1 && terms[0] !== undefined ? terms[0] : { kind: 'or', terms };
  }

  function conjunction(depth: number): Selector {
    const terms = [unary(depth)];
    while (isMark('&&')) {
      next();
      terms.push(unary(depth));
    }
    return terms.length === 1 && terms[0] !== undefined ? terms[0] : { kind: 'and', terms };
  }

  function unary(depth: number): Selector {
    if (depth > maxSelectorDepth) {
      throw new SelectorFault(`nested deeper than ${maxSelectorDepth}, which is the most allowed`, current.at);
    }
    if (isMark('!')) {
      next();
      return { kind: 'not', term: unary(depth + 1) };
    }
    if (isMark('(')) {
      next();
      const inner = expression(depth + 1);
      expectMark(')', 'to close the parenthesis');
      return inner;
    }
    return term();
  }

  function term(): Selector {
    const token = current;
    if (token.kind !== 'word') throw new SelectorFault(`found ${tokenText(token)}, expected ${termForms}`, token.at);
    next();
    if (token.text === 'all' || token.text === 'has') return call(token.text, token.at);
    const key = labelKey(token);
    const operator = next();
    if (operator.kind === 'mark' && operator.text === '==') return { kind: 'in', key, values: new Set([value('==')]) };
    if (operator.kind === 'mark' && operator.text === '!=')
      return { kind: 'not-in', key, values: new Set([value('!=')]) };
    if (operator.kind === 'word' && operator.text === 'in') return { kind: 'in', key, values: values() };
    if (operator.kind === 'word' && operator.text === 'not') {
      if (current.kind !== 'word' || current.text !== 'in') {
        throw new SelectorFault(`found ${tokenText(current)} after "not", expected "in"`, current.at);
      }
      next();
      return { kind: 'not-in', key, values: values() };
    }
    throw new SelectorFault(`found ${tokenText(operator)} after "${key}", expected ==, !=, in or not in`, operator.at);
  }

  function call(name: 'all' | 'has', at: number): Selector {
    if (!isMark('(')) throw new SelectorFault(reservedWord(name), at);
    next();
    if (name === 'all') {
      expectMark(')', 'after "all("');
      return { kind: 'all' };
    }
    const token = next();
    if (token.kind !== 'word')
      throw new SelectorFault(`found ${tokenText(token)} in has(…), expected a label key`, token.at);
    const key = labelKey(token);
    expectMark(')', `after "has(${key}"`);
    return { kind: 'has', key };
  }

  function values(): ReadonlySet<string> {
    expectMark('{', 'and values, as in {"a", "b"}');
    if (isMark('}')) throw new SelectorFault('{} names no value; at least one is needed', current.at);
    const found = new Set([value('{')]);
    while (isMark(',')) {
      next();
      found.add(value(','));
    }
    expectMark('}', 'or "," after a value');
    return found;
  }

  function value(after: string): string {
    const token = next();
    if (token.kind === 'string') return token.text;
    throw new SelectorFault(
      `found ${tokenText(token)} after "${after}", expected a value in quotes, as in "web"`,
      token.at,
    );
  }

  function whole(): Selector {
    if (isEnd()) throw new SelectorFault(`the selector is empty; expected ${termForms}`, 0);
    const selector = expression(0);
    if (!isEnd()) {
      throw new SelectorFault(`found ${tokenText(current)} after the end of a term, expected && or ||`, current.at);
    }
    return selector;
  }

  return { whole };
}

/** The run of key characters at an offset; what it is too long or too odd for is said by labelKey. */
function wordAt(text: string, at: number): string {
  let end = at;
  while (end < text.length && /[A-Za-z0-9._/-]/.test(text.charAt(end))) end += 1;
  return text.slice(at, end);
}

function labelKey(token: Token): string {
  if (reservedKeys.has(token.text)) throw new SelectorFault(reservedWord(token.text), token.at);
  if (!labelKeyPattern.test(token.text)) {
    throw new SelectorFault(
      `${tokenText(token)} is not a label key: 1 to 63 of A-Z a-z 0-9 . _ / - beginning with a letter or digit`,
      token.at,
    );
  }
  return token.text;
}

function reservedWord(word: string): string {
  return `"${word}" is a word of the selector language and no label key; allowed are ${termForms}`;
}

function strayCharacter(char: string): string {
  if (char === '=') return 'found a single "="; equality is "=="';
  if (char === '&' || char === '|') return `found a single "${char}"; the operators are "&&" and "||"`;
  return `found ${JSON.stringify(char)}, which no selector holds outside of quotes`;
}

function tokenText(token: Token): string {
  if (token.kind === 'end') return 'the end of the selector';
  const text = token.text.length > 40 ? `${token.text.slice(0, 40)}…` : token.text;
  return token.kind === 'string' ? `the value "${text}"` : `"${text}"`;
}
