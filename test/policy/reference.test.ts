// The reference pages against the program: the code catalogue both ways, and every example of the language page checked.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { policySchema } from '#policy/check/policy-schema.ts';
import { runPolicyTests } from '#policy/judge/policy-tests.ts';
import { problemCatalogue } from '#policy/source/problem-catalogue.ts';
import { noon } from './world.ts';

const page = (name: string) => readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');

describe('policy-errors.md', () => {
  const text = page('policy-errors.md');
  const [errors = '', warnings = ''] = text.split('\n## Warnings\n');
  const sections = (part: string) =>
    new Map(
      part
        .split('\n### ')
        .slice(1)
        .map((section) => [section.split('\n')[0] ?? '', section]),
    );
  const documented = { error: sections(errors), warning: sections(warnings) };

  test('explains every code, under its severity, and no other', () => {
    for (const severity of ['error', 'warning'] as const) {
      const codes = Object.entries(problemCatalogue).filter(([, entry]) => entry.severity === severity);
      expect([...documented[severity].keys()].sort()).toEqual(codes.map(([code]) => code).sort());
    }
  });

  test.each(Object.entries(problemCatalogue))(
    'says of %s what the program says, with an example and what to do',
    (code, entry) => {
      const section = documented[entry.severity].get(code) ?? '';
      expect(section).toContain(entry.title);
      expect(section).toMatch(/\n- For example: .+(?:\n {2}.+)*\n- What to do: .+/);
    },
  );

  test('every code is given by a golden document, but for those of files as a whole', () => {
    const folder = new URL('../fixtures/policy/wrong/', import.meta.url);
    const goldens = readdirSync(folder).filter((file) => file.endsWith('.golden'));
    const given = new Set(
      goldens.flatMap((file) =>
        [...readFileSync(new URL(file, folder), 'utf8').matchAll(/ \[([a-z-]+)\]$/gm)].map((found) => found[1]),
      ),
    );
    const ofFiles = [
      'file-too-large',
      'file-unreadable',
      'link-leaves-directory',
      'byte-order-mark',
      'carriage-return',
      'control-character',
    ];
    const elsewhere = [
      ...ofFiles,
      'nested-too-deep',
      'too-many-memberships',
      'too-many-problems',
      'empty-policy',
      'kind-not-here',
      'comparison-stopped',
      'test-not-run',
      'name-yielded',
      'name-of-host',
      'test-names-discovered',
      'tests-too-wide',
    ];
    expect(
      Object.keys(problemCatalogue)
        .filter((code) => !given.has(code))
        .sort(),
    ).toEqual(elsewhere.sort());
  });
});

describe('policy.md', () => {
  const blocks = [...page('policy.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map((found) => found[1] ?? '');

  test('its examples are one policy without errors, and its tests hold', () => {
    const { problems, policy, inventory } = checkPolicy({
      files: [{ path: 'policy.md', text: blocks.join('---\n') }],
      now: noon,
      mode: 'offline',
    });
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    if (policy === undefined || inventory === undefined) throw new Error('no policy');
    const results = runPolicyTests({ policy, inventory, now: noon });
    expect(results.map(({ text }) => text.split(': ').at(-1))).toEqual(['holds', 'holds', 'holds']);
  });

  test('it shows every key that the schema knows', () => {
    const text = page('policy.md');
    const keys = new Set<string>();
    const collect = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        if (key === 'properties') for (const name of Object.keys(inner)) keys.add(name);
        collect(inner);
      }
    };
    collect(policySchema());
    expect(keys.size).toBeGreaterThan(30);
    for (const key of keys) expect(text, key).toMatch(new RegExp(`\\b${key}\\b`));
  });
});
