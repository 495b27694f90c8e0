// The selector language of docs/reference/policy.md: what each form matches, what is refused and where, and that
// hostile text costs little.

import { describe, expect, test } from 'vitest';
import { maxSelectorLength, parseSelector } from '#model/parse-selector.ts';
import { assertOk } from '#model/result.ts';
import { selectorMatches } from '#model/selector.ts';
import { leastReferencesOf } from '#test/support/thread-time.ts';

const labels = new Map([
  ['app', 'shop'],
  ['role', 'web'],
  ['empty', ''],
  ['a.b/c-d_e', 'x'],
  ['9', 'nine'],
]);

/** The labels above, asked. */
const matching: readonly (readonly [selector: string, matches: boolean])[] = [
  // terms
  ['app == "shop"', true],
  ["app == 'shop'", true],
  ['app == "Shop"', false],
  ['nope == "shop"', false],
  ['app != "shop"', false],
  ['app != "x"', true],
  ['nope != "x"', true],
  ['app in {"a", "shop"}', true],
  ['app in {"a", "b"}', false],
  ['nope in {"a"}', false],
  ['app not in {"shop"}', false],
  ['app not in {"a", "b"}', true],
  ['nope not in {"a"}', true],
  ['has(app)', true],
  ['has(nope)', false],
  ['all()', true],
  ['empty == ""', true],
  ['nope == ""', false],
  ['a.b/c-d_e == "x"', true],
  ['9 == "nine"', true],
  // white space is free between tokens
  ['app=="shop"', true],
  ['  app  ==\n\t"shop"\r\n ', true],
  ['app in{"shop"}', true],
  ['app not\n in {"shop"}', false],
  ['has ( app )', true],
  ['all ( )', true],
  ['! has(app)', false],
  // words of the language inside longer keys are keys
  ['notin == "x" || allowed == "x" || has2 == "x" || inside == "x"', false],
  ['has/x != "y"', true],
  // && binds more tightly than ||, ! most tightly
  ['app == "x" && role == "x" || role == "web"', true],
  ['role == "web" || app == "x" && role == "x"', true],
  ['(role == "web" || app == "x") && app == "x"', false],
  ['!app == "x" && role == "web"', true],
  ['!(app == "shop" && role == "web")', false],
  ['!!has(app)', true],
  ['((((app == "shop"))))', true],
];

test.each(matching)('%s', (text, matches) => {
  expect(selectorMatches(assertOk(parseSelector(text)), labels)).toBe(matches);
});

const refused: readonly (readonly [selector: string, offset: number, message: RegExp])[] = [
  ['', 0, /empty/],
  ['   ', 0, /empty/],
  ['app', 3, /expected ==, !=, in or not in/],
  ['app = "x"', 4, /"=="/],
  ['app == x', 7, /in quotes/],
  ['app == "x', 7, /no closing "/],
  ['app == "x\'"', 9, /quote of either kind/],
  ["app == 'x\"'", 9, /quote of either kind/],
  ['app == "x\ny"', 9, /line end/],
  ['app in {}', 8, /at least one/],
  ['app in {"a",}', 12, /in quotes/],
  ['app in {"a" "b"}', 12, /expected "}"/],
  ['app in ["a"]', 7, /"\["/],
  ['app not {"a"}', 8, /expected "in"/],
  ['app notin {"a"}', 4, /expected ==/],
  ['in == "a"', 0, /word of the selector language/],
  ['not == "a"', 0, /word of the selector language/],
  ['has == "a"', 0, /word of the selector language/],
  ['all == "a"', 0, /word of the selector language/],
  ['has(in)', 4, /word of the selector language/],
  ['has("a")', 4, /label key/],
  ['has()', 4, /label key/],
  ['all(x)', 4, /expected "\)"/],
  ['.app == "a"', 0, /no(t a)? label key/],
  [`${'k'.repeat(64)} == "a"`, 0, /1 to 63/],
  ['app == "a" & x == "b"', 11, /"&&"/],
  ['app == "a" and x == "b"', 11, /expected && or/],
  ['app == "a" &&', 13, /the end of the selector/],
  ['(app == "a"', 11, /to close the parenthesis/],
  ['app == "a")', 10, /expected && or/],
  ['app == "a" x == "b"', 11, /expected && or/],
  ['!', 1, /the end of the selector/],
  ['ключ == "a"', 0, /which no selector holds/],
];

test.each(refused)('%j is refused at %i', (text, offset, message) => {
  const result = parseSelector(text);
  expect(result.ok).toBe(false);
  if (result.ok) return;
  expect(result.error.offset).toBe(offset);
  expect(result.error.message).toMatch(message);
});

describe('hostile selectors', () => {
  const hostile: readonly (readonly [name: string, text: string])[] = [
    ['a megabyte of terms', 'a == "b" && '.repeat(90_000)],
    ['a megabyte in one value', `a == "${'x'.repeat(1_000_000)}"`],
    ['100,000 parentheses', '('.repeat(100_000)],
    ['60,000 parentheses, within the length', '('.repeat(60_000)],
    ['60,000 negations, within the length', '!'.repeat(60_000)],
  ];
  test.each(hostile)('%s is refused at once', (_name, text) => {
    const cost = leastReferencesOf(() => expect(parseSelector(text).ok).toBe(false), 50);
    expect(cost).toBeLessThan(50);
  });

  test('the longest selector is read', () => {
    const text = `a in {${'"b",'.repeat(16_000)}"b"}`;
    expect(text.length).toBeLessThan(maxSelectorLength);
    expect(parseSelector(text).ok).toBe(true);
  });

  test('labels called as members of objects are only labels', () => {
    expect(
      selectorMatches(assertOk(parseSelector('has(constructor) || has(toString) || hasOwnProperty == "x"')), new Map()),
    ).toBe(false);
  });
});
