// Every wrong document of test/fixtures/policy/wrong, against its golden messages, byte for byte. SEGWALL_WRITE_GOLDEN=1 writes them
// anew: read the difference before it is committed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { hasErrors, problemText } from '#policy/source/problem.ts';

const folder = new URL('../fixtures/policy/wrong/', import.meta.url);
const now = millis(Date.UTC(2026, 0, 1));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => file.replace('.yaml', ''));

describe('wrong documents', () => {
  test('there are at least forty of them', () => {
    expect(names.length).toBeGreaterThanOrEqual(40);
  });

  test.each(names)('%s gives its golden messages', (name) => {
    const text = readFileSync(new URL(`${name}.yaml`, folder), 'utf8');
    const { problems, policy } = checkPolicy({ files: [{ path: `${name}.yaml`, text }], now, mode: 'offline' });
    const found = problems.map((problem) => `${problemText(problem)}\n`).join('');
    const golden = new URL(`${name}.golden`, folder);
    if (process.env['SEGWALL_WRITE_GOLDEN'] === '1') writeFileSync(golden, found);
    expect(found).toBe(readFileSync(golden, 'utf8'));
    expect(found).not.toBe('');
    expect(policy === undefined).toBe(hasErrors(problems));
    expect(hasErrors(problems)).toBe(!name.startsWith('warning-'));
  });
});
