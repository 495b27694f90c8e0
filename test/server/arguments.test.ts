// What people type: durations, instants, labels, numbers, and where the control plane is.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { counted } from '#cli/output/counted.ts';
import { durationMs, sinceMs } from '#cli/output/durations.ts';
import { resolveConnection } from '#cli/server/connection.ts';
import { parseLabelEdits, parseLabelList } from '#cli/server/labels.ts';
import { renderTextDiff } from '#cli/server/text-diff.ts';
import { scratchDirectory } from './scratch-directory.ts';

describe('durations', () => {
  const cases = [
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
  ] as const;
  test.each(cases)('%s', (text, expected) => expect(durationMs(text, '--timeout')).toBe(expected));
  test.each(['', '30', 's', '-1s', '1.5h', '1 h', '1y'])('"%s" is none', (text) => {
    expect(() => durationMs(text, '--timeout')).toThrow(/--timeout is "/);
  });
});

describe('since', () => {
  const now = Date.parse('2027-01-02T00:00:00Z');
  const cases = [
    ['1d', '2027-01-01T00:00:00Z'],
    ['2027-01-01T12:00:00Z', '2027-01-01T12:00:00Z'],
    ['2027-01-01', '2027-01-01T00:00:00Z'],
  ] as const;
  test.each(cases)('%s', (text, instant) => expect(sinceMs(text, now)).toBe(Date.parse(instant)));
  test('nonsense is none', () => expect(() => sinceMs('yesterday', now)).toThrow(/--since is "yesterday"/));
});

describe('labels', () => {
  test('a list', () =>
    expect(parseLabelList('app=shop,env=prod,empty=')).toEqual({ app: 'shop', env: 'prod', empty: '' }));
  test('no list', () => expect(parseLabelList('')).toEqual({}));
  test.each(['app', '=x', 'app=shop,env'])('"%s" is none', (text) =>
    expect(() => parseLabelList(text)).toThrow(/allowed is KEY=VALUE/),
  );
  test('edits', () => {
    expect(parseLabelEdits(['role=web', 'zone-', 'url=a=b-'])).toEqual({
      set: { role: 'web', url: 'a=b-' },
      remove: ['zone'],
    });
  });
  test.each([
    ['x=1', 'x=2'],
    ['x=1', 'x-'],
    ['x-', 'x='],
  ])('"%s" and "%s" exclude each other', (...texts) => expect(() => parseLabelEdits(texts)).toThrow(/named twice/));
  test('a list with one label twice is none', () =>
    expect(() => parseLabelList('app=shop,app=shop')).toThrow(/"app" twice/));
  test.each(['role', '-', '=web'])('"%s" is no edit', (text) =>
    expect(() => parseLabelEdits([text])).toThrow(/neither/),
  );
});

describe('where and as whom', () => {
  const env = { SEGWALL_SERVER: 'http://127.0.0.1:1', SEGWALL_TOKEN: 'from-environment' };

  test('the environment is enough', async () => {
    expect((await resolveConnection({}, env)).token.reveal()).toBe('from-environment');
  });

  test('options win over the environment, and a first-start.json names the server too', async () => {
    const path = join(await scratchDirectory(), 'first-start.json');
    await writeFile(path, JSON.stringify({ apiUrl: 'http://127.0.0.1:2', adminToken: 'from-file' }));
    const { server, token } = await resolveConnection({ tokenFile: path }, {});
    expect([server.href, token.reveal()]).toEqual(['http://127.0.0.1:2/', 'from-file']);
    expect((await resolveConnection({ tokenFile: path, server: 'http://127.0.0.1:3' }, env)).server.port).toBe('3');
  });

  test('a variable set to nothing is not set', async () => {
    const path = join(await scratchDirectory(), 'first-start.json');
    await writeFile(path, JSON.stringify({ apiUrl: 'http://127.0.0.1:2', adminToken: 'from-file' }));
    const empty = { SEGWALL_SERVER: '', SEGWALL_TOKEN: '' };
    expect((await resolveConnection({ tokenFile: path }, empty)).server.port).toBe('2');
    await expect(resolveConnection({ server: 'http://h' }, empty)).rejects.toMatchObject({ code: 'no-token' });
  });

  const bad = [
    { name: 'no server', options: {}, env: { SEGWALL_TOKEN: 't' }, text: /SEGWALL_SERVER/ },
    { name: 'no token', options: {}, env: { SEGWALL_SERVER: 'http://h' }, text: /SEGWALL_TOKEN/ },
    { name: 'no URL', options: { server: 'host:1' }, env: { SEGWALL_TOKEN: 't' }, text: /not a URL/ },
    {
      name: 'a token in two lines',
      options: { server: 'http://h' },
      env: { SEGWALL_TOKEN: 'a\nb' },
      text: /white space/,
    },
    {
      name: 'a token that is prose',
      options: { server: 'http://h' },
      env: { SEGWALL_TOKEN: 'schlüssel' },
      text: /no token has/,
    },
    { name: 'a file that is not there', options: { tokenFile: '/nowhere' }, env, text: /cannot read \/nowhere/ },
  ];
  test.each(bad)('$name is wrong use', async ({ options, env, text }) => {
    await expect(resolveConnection(options, env)).rejects.toMatchObject({
      exit: 2,
      message: expect.stringMatching(text),
    });
  });
});

test('one thing is not told of as many', () => {
  expect([0, 1, 2].map((count) => counted(count, 'workload'))).toEqual(['0 workloads', '1 workload', '2 workloads']);
});

describe('the difference of two texts', () => {
  const cases = [
    { name: 'none', before: 'a\n', after: 'a\n', diff: '' },
    { name: 'from nothing', before: '', after: 'a\nb\n', diff: '+ a\n+ b' },
    { name: 'one line', before: 'a\nb\nc\n', after: 'a\nx\nc\n', diff: '  a\n- b\n+ x\n  c' },
    { name: 'far from the start', before: '1\n2\n3\n4\n5\n', after: '1\n2\n3\n4\n', diff: '  …\n  3\n  4\n- 5' },
  ];
  test.each(cases)('$name', ({ before, after, diff }) => expect(renderTextDiff(before, after)).toBe(diff));
});
