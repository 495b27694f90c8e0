// Long listings, a page at a time: every entry once, in order, whatever comes meanwhile, and no page beyond its bound.

import { describe, expect, test } from 'vitest';
import { nextPath, openApiClient } from '#cli/server/api-client.ts';
import type { FlowView } from '#control-plane/answers/schemas.ts';
import { millis } from '#model/time.ts';
import { tenant } from '#test/server/fleet-under-test.ts';
import { flowRecord, nothingLost } from '#test/server/flow-records.ts';
import { type ApiUnderTest, apiUnderTest } from './support/api-under-test.ts';

const at = Date.now() - 60_000;

/** `count` flows, the newest last; every two of them were seen at one time. */
async function report(
  { fleet }: ApiUnderTest,
  { from = 0, count }: { readonly from?: number; readonly count: number },
) {
  const records = Array.from({ length: count }, (_, one) => {
    const seenAt = millis(at + Math.floor((from + one) / 2));
    return flowRecord({ port: 1000 + from + one, firstSeenAt: seenAt, lastSeenAt: seenAt });
  });
  const batch = { sequence: from + 1, startedAt: millis(at), endedAt: millis(at), records, lost: nothingLost };
  await fleet.ingestFlows({ tenant, host: 'api-1', serial: 'serial-api-1' }, batch);
}

async function withHosts(hosts: readonly string[]): Promise<ApiUnderTest> {
  const under = await apiUnderTest();
  for (const [at, host] of hosts.entries()) await under.connect(host, { addresses: [`10.0.0.${at + 2}`] });
  return under;
}

/** Every page's entries; `between` runs after the first. */
async function pagesOf<Entry>(under: ApiUnderTest, url: string, between = async () => {}): Promise<readonly Entry[][]> {
  const pages: Entry[][] = [];
  let next: string | undefined = url;
  while (next !== undefined) {
    const { status, body, link }: Awaited<ReturnType<ApiUnderTest['ask']>> = await under.ask(next);
    expect(status, body).toBe(200);
    pages.push(JSON.parse(body) as Entry[]);
    if (pages.length === 1) await between();
    next = /^<([^>]+)>; rel="next"$/.exec(link)?.[1];
  }
  return pages;
}

describe('flows', () => {
  test('come once each, newest first, also where some were seen at one time and others come meanwhile', async () => {
    const under = await withHosts(['api-1']);
    await report(under, { count: 7 });
    const pages = await pagesOf<FlowView>(under, '/api/v1/flows?limit=3&to=api-1', () =>
      report(under, { from: 7, count: 4 }),
    );
    expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
    const ports = pages.flat().map(({ port }) => port);
    expect([...ports].sort()).toEqual([1000, 1001, 1002, 1003, 1004, 1005, 1006]);
    const times = pages.flat().map(({ lastSeenAt }) => lastSeenAt);
    expect(times).toEqual([...times].sort().reverse());
  });

  test('that no page holds are refused: a limit out of bounds, a cursor that none gave', async () => {
    const under = await apiUnderTest();
    const cursor = (text: string) => `cursor=${Buffer.from(text).toString('base64url')}`;
    const wrong = ['["agents","a"]', '["flows",{"lastSeenAt":"x","key":""}]', '["flows"]', '[]', 'flows'].map(cursor);
    const statuses = await Promise.all(
      ['limit=1001', 'limit=0', 'cursor=%00', ...wrong].map(async (query) => {
        const { status } = await under.ask(`/api/v1/flows?${query}`);
        return `${query} ${status}`;
      }),
    );
    expect(statuses.filter((text) => !text.endsWith(' 400'))).toEqual([]);
  });
});

test.each(['agents', 'workloads'])('%s come once each, by name, whatever comes or goes meanwhile', async (listing) => {
  const hosts = ['a', 'b', 'd', 'e', 'f'];
  const under = await withHosts(hosts);
  const pages = await pagesOf<{ host?: string; name?: string }>(under, `/api/v1/${listing}?limit=2`, async () => {
    await under.enrol('c');
    await under.enrol('0');
    await under.fleet.removeAgent('b', 'operator/test');
  });
  const names = pages.flat().map(({ host, name }) => name ?? host);
  expect(names).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('the command’s client follows them', async () => {
  const under = await withHosts(['a', 'b', 'c']);
  const environment = { SEGWALL_SERVER: await under.listen(), SEGWALL_TOKEN: 'x' };
  const client = await openApiClient({}, environment);
  const pages = await Array.fromAsync(client.pages<{ readonly host: string }>('/agents?limit=2'));
  expect(pages.map(({ entries }) => entries.map(({ host }) => host))).toEqual([['a', 'b'], ['c']]);
});

test.each([
  ['</api/v1/flows?limit=2&cursor=x>; rel="next"', '/flows?limit=2&cursor=x'],
  ['</api/v1/flows?cursor=x>; rel="prev"', undefined],
  ['<https://elsewhere.example/api/v1/flows>; rel="next"', undefined],
  ['<//elsewhere.example/api/v1/flows>; rel="next"', undefined],
  [undefined, undefined],
])('the client follows the link %s to %s', (link, path) => {
  expect(nextPath(link)).toBe(path);
});
