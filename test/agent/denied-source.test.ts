// A table that someone took away (panic) has no denials to read, and none are missing; one that stands and cannot be read is told.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';

const reader = fileURLToPath(new URL('denied-reader.ts', import.meta.url));
const none = { inbound: 0, outbound: 0 };
let lab: Lab;
let host: LabHost;

beforeAll(async () => {
  lab = await createLab({ name: 'denied' });
  host = await lab.addHost({ name: 'h1', ipv4: '10.77.9.1' });
});

afterAll(() => lab.remove());

test.each([
  ['no table', '', { ok: true, unrecorded: none }],
  [
    'a table where nothing was denied',
    'add table inet segwall; add counter inet segwall n_1',
    { ok: true, unrecorded: none },
  ],
  [
    'a table whose denials cannot be read',
    'add table inet segwall; add counter inet segwall n_1 { packets 3 bytes 9 }',
    { ok: false, error: 'Error: No such file or directory', unrecorded: none },
  ],
  [
    'a table whose sets had no room',
    'add table inet segwall; add counter inet segwall n_unrecorded_in { packets 3 bytes 9 }; add counter inet segwall n_unrecorded_out { packets 5 bytes 9 }',
    { ok: true, unrecorded: { inbound: 3, outbound: 5 } },
  ],
])('%s', async (_, script, outcome) => {
  await host.exec(['nft', 'flush', 'ruleset']);
  if (script !== '') expect((await host.exec(['nft', script])).stderr).toBe('');
  expect(JSON.parse((await host.exec([process.execPath, reader])).stdout)).toEqual(outcome);
});
