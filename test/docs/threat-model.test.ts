// SECURITY.md promises: each thing that an attacker is said not to be able to do names the tests that try it, and those are there.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';
import { cells, doings, people } from '#test/hostile/support/who-and-what.ts';

interface Claim {
  readonly attacker: string;
  readonly text: string;
}

/** `- …` under "Cannot:" of each `###`, with the lines that go on. */
function claimsOf(page: string): readonly Claim[] {
  const [, model = ''] = page.split('## What is protected, against whom');
  const [protectedPart = ''] = model.split('\n## ');
  return protectedPart
    .split('\n### ')
    .slice(1)
    .flatMap((section) => {
      const [attacker = ''] = section.split('\n');
      const [, cannot = ''] = section.split('\nCannot:\n');
      const [list = ''] = cannot.split('\nCan:');
      return list
        .split(/\n- /)
        .map((text) => text.replaceAll(/\s+/g, ' ').trim())
        .filter((text) => text !== '')
        .map((text) => ({ attacker, text }));
    });
}

interface Named {
  readonly file: string;
  readonly title: string;
}

const named = (text: string): readonly Named[] =>
  [...text.matchAll(/`(test\/[\w./-]+\.test\.ts)` "([^"]+)"/g)].map(([, file = '', title = '']) => ({ file, title }));

function isThere({ file, title }: Named): boolean {
  return existsSync(join(root, file)) && readText(file).replaceAll("\\'", "'").includes(title);
}

const claims = claimsOf(readText('SECURITY.md'));

test('the threat model names attackers, and what each of them cannot do', () => {
  expect(new Set(claims.map(({ attacker }) => attacker)).size).toBeGreaterThan(8);
});

test.each(claims)('$attacker cannot $text', ({ text }) => {
  const tests = named(text);
  expect(tests.length, 'it names a test').toBeGreaterThan(0);
  expect(tests.filter((one) => !isThere(one))).toEqual([]);
});

describe('who × what', () => {
  test.each(doings.flatMap((what) => people.map((who) => ({ who, what }))))('$who × $what', ({ who, what }) => {
    const cell = cells[what][who];
    if ('none' in cell) expect(cell.none.length, 'it says why there is nothing to try').toBeGreaterThan(10);
    else expect(isThere(cell), `${cell.file} has "${cell.title}"`).toBe(true);
  });
});
