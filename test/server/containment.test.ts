// What operators are told of a host that they contain: by the API, and by the commands, whose exit says whether the others cut it off.

import { expect, test } from 'vitest';
import {
  containedOutcome,
  quarantineLines,
  removeLines,
  revokeLines,
  type Told,
} from '#cli/server/containment-text.ts';
import { exitCodeOf } from '#cli/server/waiting.ts';
import type {
  Progress,
  QuarantineAnswer,
  RemoveAnswer,
  RevokeAnswer,
  Status,
  WorkloadView,
} from '#control-plane/answers/schemas.ts';
import { apiUnderTest } from '#test/hostile/support/api-under-test.ts';
import { shopPolicy } from './fleet-under-test.ts';

const nobody: Progress = { revision: 7, acked: [], nacked: [], pending: [], offline: [], open: [] };

test.each<readonly [string, Partial<Progress>, Told, readonly string[], 0 | 1]>([
  [
    'all have',
    { acked: ['a', 'b', 'lost'] },
    'done-and-own-word',
    ['cut off by 2 hosts: a, b', 'lost says that it enforces it too'],
    0,
  ],
  [
    'the lost one is away',
    { acked: ['a'], pending: ['lost'], offline: ['lost'] },
    'done-and-own-word',
    ['cut off by 1 host: a', 'lost itself is offline; the others hold all the same'],
    0,
  ],
  [
    'the lost one refuses',
    { acked: ['a'], nacked: [{ host: 'lost', reason: 'no' }] },
    'done-and-own-word',
    ['cut off by 1 host: a', 'lost itself refused it; the others hold all the same'],
    0,
  ],
  [
    'the lost one is silent',
    { acked: ['a'], pending: ['lost'] },
    'done-and-own-word',
    ['cut off by 1 host: a', 'lost itself has not answered; the others hold all the same'],
    0,
  ],
  [
    'another one is away',
    { acked: ['lost'], pending: ['b'], offline: ['b'] },
    'done-and-own-word',
    ['cut off by 0 hosts', 'lost says that it enforces it too'],
    1,
  ],
  [
    'another one was opened at its console',
    { acked: ['a', 'b'], open: ['b'] },
    'done-and-own-word',
    ['cut off by 1 host: a', 'lost itself has not answered; the others hold all the same'],
    1,
  ],
  ['a container’s own host counts', { acked: ['a'], pending: ['lost'] }, 'done', ['cut off by 1 host: a'], 1],
  ['a release tells troubles only', { acked: ['a'] }, 'troubles', [], 0],
])('where %s', (_, progress, told, lines, code) => {
  const outcome = containedOutcome({ ...nobody, ...progress }, { told, host: 'lost' });
  expect(outcome.lines).toEqual(lines);
  expect(exitCodeOf(outcome.judged, { timeout: '1s' })).toBe(code);
});

test('the API and the commands say what is cut off, what still holds after a release, and what a removal ends', async () => {
  const { call, fleet, apply, connect } = await apiUnderTest();
  await apply(shopPolicy());
  const labels = { app: 'shop' };
  const { connection } = await connect('lost', { labels, addresses: ['10.0.0.1', 'fd00::1'], seenFrom: '10.0.0.1' });
  await connect('other', { labels, addresses: ['10.0.0.2'] });
  connection.hostReported({ addresses: ['10.0.0.1', 'fd00::1'], facts: new Map(), units: ['nginx.service'] });
  await fleet.quiet();
  const quarantine = (name: string) =>
    call<QuarantineAnswer>('PUT', `/api/v1/workloads/${name}/quarantine`, { allow: [] });
  const release = (name: string) => call<QuarantineAnswer>('DELETE', `/api/v1/workloads/${name}/quarantine`);

  const unit = await quarantine('lost-nginx');
  expect(quarantineLines(unit)[1]).toMatch(
    /known? .* by the addresses of lost: it is held there alone.*quarantine lost$/,
  );
  const held = await quarantine('lost');
  expect(held).toMatchObject({ host: 'lost', cutOff: { count: 2, addresses: ['10.0.0.1', 'fd00::1'] } });
  expect(quarantineLines(held)).toEqual([
    `lost is quarantined, as of revision ${held.revision}`,
    'all other hosts cut off 10.0.0.1, fd00::1',
  ]);
  expect(quarantineLines(await release('lost-nginx'))[1]).toMatch(/^it is cut off all the same, with lost: /);
  await release('lost');

  const revoked = await call<RevokeAnswer>('POST', '/api/v1/agents/lost/revoke');
  expect(revokeLines(revoked)[1]).toBe(
    `all other hosts cut off 10.0.0.1, fd00::1, as of revision ${revoked.revision}, until segwall agents remove lost`,
  );
  await expect(release('lost')).rejects.toThrow(/lost is not quarantined: it is revoked/);
  await expect(release('lost-nginx')).rejects.toThrow(/lost-nginx is not quarantined: its host lost is, or is revoked/);
  expect(await call<Status>('GET', '/api/v1/status')).toMatchObject({
    quarantined: { count: 0, names: [] },
    revoked: { count: 1, names: ['lost'] },
  });
  const views = await call<readonly WorkloadView[]>('GET', '/api/v1/workloads');
  expect(views.map(({ name, quarantinedBy }) => [name, quarantinedBy])).toEqual([
    ['lost', 'lost'],
    ['lost-nginx', 'lost'],
    ['other', undefined],
  ]);
  const removed = await call<RemoveAnswer>('DELETE', '/api/v1/agents/lost');
  expect(removeLines(removed)).toHaveLength(2);
  expect(removeLines(await call<RemoveAnswer>('DELETE', '/api/v1/agents/other'))).toHaveLength(1);
});
