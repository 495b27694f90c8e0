// Root on one enrolled host, with the host's own key: whatever it says of itself, it is sent the policy of its own workloads alone, and its
// labels stay those that operators gave.

import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Address } from '#model/address.ts';
import type { DownMessage } from '#wire/policy-sync-messages.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { enrolFakeAgent, type FakeAgent, type FakeStream } from './support/fake-agent.ts';
import { type Operator, operatorOf } from './support/operator.ts';

const policy = `apiVersion: segwall/v1
kind: Segment
metadata: { name: vault }
spec:
  selector: app == "vault"
  inbound: enforce
  rules:
    - { name: keys-to-vault, from: [{ workloads: 'role == "keys"' }], to: [{ workloads: 'role == "store"' }], services: [tcp/8200] }
---
apiVersion: segwall/v1
kind: Segment
metadata: { name: mail }
spec:
  selector: app == "mail"
  inbound: enforce
  rules:
    - { name: relay, from: [{ cidr: 0.0.0.0/0 }], to: [{ workloads: 'role == "relay"' }], services: [tcp/25] }
`;

let server: ApiServer;
let operator: Operator;
let bad: FakeAgent;
const streams: FakeStream[] = [];

beforeAll(async () => {
  server = await startApiServer();
  operator = operatorOf(server);
  const { agents: controlPlane, caFingerprint } = server.controlPlane;
  const enrol = async (name: string, labels: Readonly<Record<string, string>>) => {
    const token = await operator.joinToken(labels);
    return enrolFakeAgent({ controlPlane, caFingerprint, token, name, directory: server.directory });
  };
  const store = await enrol('store-1', { app: 'vault', role: 'store' });
  const keys = await enrol('keys-1', { app: 'vault', role: 'keys' });
  bad = await enrol('bad-1', { app: 'mail', role: 'relay' });
  const applied = await operator.call('POST', '/api/v1/policy/apply', { files: [{ path: 'p.yaml', text: policy }] });
  expect(applied.status).toBe(200);
  streams.push(await store.greeted({ host: { addresses: ['10.9.0.1' as Address] } }));
  streams.push(await keys.greeted({ host: { addresses: ['10.9.0.2' as Address] } }));
});
afterAll(async () => {
  for (const stream of streams) stream.close();
  bad.close();
  await server.close();
});

/** What a host is sent after it said so, up to the answer to an operator's next change. */
async function sentTo(said: Parameters<FakeAgent['greeted']>[0]): Promise<readonly DownMessage[]> {
  const stream = await bad.greeted(said);
  await stream.until(({ kind }) => kind === 'snapshot' || kind === 'delta');
  const { body } = await operator.call('PATCH', '/api/v1/workloads/bad-1/labels', { set: { turn: `t${Date.now()}` } });
  expect(body).toMatchObject({ revision: expect.any(Number) });
  stream.close();
  await stream.ended;
  return stream.heard;
}

const facts = (entries: Readonly<Record<string, string>>) => new Map(Object.entries(entries));
const lies: readonly (readonly [string, Parameters<FakeAgent['greeted']>[0]])[] = [
  ['nothing', {}],
  ['another’s address', { host: { addresses: ['10.9.0.1' as Address] } }],
  ['facts that are spelled like labels', { host: { facts: facts({ app: 'vault', role: 'store' }) } }],
  ['units of the others’ names', { host: { units: ['store-1.service', 'keys.service'] } }],
  [
    'containers of the others’ names',
    { host: { containers: [{ name: 'store-1', addresses: ['10.9.0.1' as Address], reachable: [] }] } },
  ],
  ['that it holds what the others do', { held: { revision: 3, digest: '0'.repeat(64) } }],
];

test.each(lies)('is sent nothing of other hosts’ policy, having said %s', async (_what, said) => {
  const sent = await sentTo(said);
  const text = inspect(sent, { depth: Infinity, maxArrayLength: Infinity });
  expect(text).toContain('relay');
  // What it said itself is told back to it; none of this was.
  expect(text).not.toMatch(/vault|keys-to-vault|keys-1|\b8200\b|10\.9\.0\.2/);
  for (const message of sent) {
    if (message.kind !== 'snapshot') continue;
    expect(message.ruleSet.workloads.map(({ workload }) => workload.split(/[-.]/)[0])).toEqual(
      message.ruleSet.workloads.map(() => 'bad'),
    );
  }
});

test.each(lies)(
  'has the labels that operators gave and its facts, and is in no segment of others, having said %s',
  async (_what, said) => {
    await sentTo(said);
    const { body } = await operator.call('GET', '/api/v1/workloads?limit=1000');
    const workloads = body as readonly {
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly segments: readonly string[];
    }[];
    const own = workloads.filter(({ name }) => name.startsWith('bad-1'));
    expect(own.length).toBeGreaterThan(0);
    for (const { name, labels, segments } of own) {
      // What is inside the host has no more than the host has.
      const { app = 'mail', role = 'relay' } = name === 'bad-1' ? { app: '', role: '', ...labels } : labels;
      expect({ app, role }).toEqual({ app: 'mail', role: 'relay' });
      expect(segments).not.toContain('vault');
    }
    // And no other name is anybody's but who had it.
    expect(workloads.find(({ name }) => name === 'store-1')?.labels).toMatchObject({ app: 'vault', role: 'store' });
  },
);
