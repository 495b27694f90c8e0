// A page of the audit log is bounded by its bytes as well as by its entries: what hosts have written into it keeps nobody from reading on.

import { expect, test } from 'vitest';
import type { ApiClient } from '#cli/server/api-client.ts';
import { readEntries } from '#cli/server/audit-log.ts';
import { mostAuditBytes } from '#control-plane/store/audit.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, tenant } from '#test/server/fleet-under-test.ts';

test('large entries make a page short, one that is larger than a page is a page, and the command reads on over both', async () => {
  const { store } = await fleetUnderTest();
  const third = Math.floor(mostAuditBytes / 3);
  const sizes = [third, third, third + 1000, 10, mostAuditBytes + 1, 10, 10];
  for (const size of sizes) {
    const note = {
      at: millis(1),
      actor: 'agent/a',
      action: 'agent-event',
      target: 'a',
      details: { t: 'x'.repeat(size) },
    };
    await store.appendAudit({ tenant, note });
  }
  const pages: number[] = [];
  const call = async <Answer>(_method: string, path: string) => {
    const query = new URL(path, 'http://localhost').searchParams;
    const given = { afterSeq: Number(query.get('after')), limit: Number(query.get('limit')) };
    const entries = await store.listAudit({ tenant, ...given });
    pages.push(entries.length);
    return entries as Answer;
  };
  const client: ApiClient = { controlPlane: 'test', call };
  const seqs: number[] = [];
  for await (const { seq } of readEntries(client, 0)) seqs.push(seq);
  expect(seqs).toEqual(sizes.map((_, at) => at + 1));
  expect(pages).toEqual([2, 2, 1, 2, 0]);
  expect(await store.listAudit({ tenant, afterSeq: 5, limit: 1 })).toHaveLength(1);
});
