// What always passes is told to the audit when it is another than at the last start, and only then.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseSettings } from '#agent/settings/settings-reader.ts';
import { essentialText, noteEssentials } from '#agent/state/essentials-audit.ts';
import { assertOk } from '#model/result.ts';

let path: string;
const told: (readonly [string, Readonly<Record<string, string>>])[] = [];
const events = {
  record: (kind: string, details: ReadonlyMap<string, string>) => {
    told.push([kind, Object.fromEntries(details)]);
  },
};
const entries = (...essential: readonly object[]) => assertOk(parseSettings({ essential })).essentials;
const ssh = { name: 'ssh-admin', direction: 'inbound', peers: ['10.0.0.0/8'], services: ['tcp/22'] };
const ntp = { name: 'ntp', direction: 'outbound', peers: 'any', services: ['udp/123'] };
const start = (essentials: ReturnType<typeof entries>) => noteEssentials({ statePath: path, essentials, events });

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'segwall-essentials-'));
  told.length = 0;
});
afterEach(() => rmSync(path, { recursive: true }));

test('an entry reads as a sentence', () => {
  expect(entries(ssh, ntp).map(essentialText)).toEqual([
    'ssh-admin: inbound tcp/22 from 10.0.0.0/8',
    'ntp: outbound udp/123 to any',
  ]);
});

test('a first start with none is told of nothing; then each change once, with what came and went', async () => {
  await start([]);
  expect(told).toEqual([]);
  await start(entries(ssh));
  await start(entries(ssh));
  await start(entries(ntp, { ...ssh, peers: ['10.1.0.0/16'] }));
  await start(entries({ ...ssh, peers: ['10.1.0.0/16'] }, ntp));
  await start([]);
  expect(told).toEqual([
    ['essentials-changed', { added: 'ssh-admin: inbound tcp/22 from 10.0.0.0/8', removed: '' }],
    [
      'essentials-changed',
      {
        added: 'ntp: outbound udp/123 to any; ssh-admin: inbound tcp/22 from 10.1.0.0/16',
        removed: 'ssh-admin: inbound tcp/22 from 10.0.0.0/8',
      },
    ],
    [
      'essentials-changed',
      { added: '', removed: 'ntp: outbound udp/123 to any; ssh-admin: inbound tcp/22 from 10.1.0.0/16' },
    ],
  ]);
});
