// What operators are shown of a virtual workload, over the API, with a holder that came over a real connection.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { waitFor } from '#test/support/wait.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { enrolFakeAgent, type FakeAgent } from '../hostile/support/fake-agent.ts';
import { type Operator, operatorOf } from '../hostile/support/operator.ts';

let server: ApiServer;
let operator: Operator;
let agent: FakeAgent;

const policy = `apiVersion: segwall/v1
kind: Workload
metadata: { name: shop-vip, labels: { app: shop, role: vip } }
spec: { kind: virtual, addresses: [10.0.0.100, "fd00::100"], holders: role == "lb" && app == "shop" }
`;

beforeAll(async () => {
  server = await startApiServer();
  operator = operatorOf(server);
  const applied = await operator.call('POST', '/api/v1/policy/apply', {
    files: [{ path: 'policy.yaml', text: policy }],
  });
  expect(applied.status).toBe(200);
  const { agents: controlPlane, caFingerprint } = server.controlPlane;
  const token = await operator.joinToken({ app: 'shop', role: 'lb' });
  agent = await enrolFakeAgent({ controlPlane, caFingerprint, token, name: 'lb-1', directory: server.directory });
  const addresses = ['10.0.0.2', '10.0.0.100'].map((text) => assertOk(parseAddress(text)));
  await agent.greeted({ host: { addresses } });
  await waitFor(
    async () => {
      const { body } = await operator.call('GET', '/api/v1/agents');
      return (body as readonly { readonly virtualAddresses: readonly unknown[] }[])[0]?.virtualAddresses.length === 1;
    },
    { what: 'the report of the holder is taken', timeoutMs: 60_000 },
  );
});
afterAll(async () => {
  agent.close();
  await server.close();
});

test('the workloads say who may hold it and who does, the hosts which addresses are its', async () => {
  const { body } = await operator.call('GET', '/api/v1/workloads');
  expect(body).toMatchObject([
    { name: 'lb-1', kind: 'host', addresses: ['10.0.0.2'], conflicting: [] },
    {
      name: 'shop-vip',
      kind: 'virtual',
      addresses: ['10.0.0.100', 'fd00::100'],
      holders: 'role == "lb" && app == "shop"',
      heldBy: ['lb-1'],
      labels: { app: 'shop', role: 'vip' },
    },
  ]);
  expect((await operator.call('GET', '/api/v1/agents')).body).toMatchObject([
    { host: 'lb-1', addresses: ['10.0.0.2'], virtualAddresses: [{ address: '10.0.0.100', workload: 'shop-vip' }] },
  ]);
});

test.each([
  ['PUT', '/api/v1/workloads/shop-vip/quarantine', {}],
  ['PATCH', '/api/v1/workloads/shop-vip/labels', { set: { role: 'x' } }],
])('%s %s says where it is known and who holds it', async (method, path, given) => {
  const { status, body } = await operator.call(method, path, given);
  expect([status, body]).toMatchObject([
    404,
    {
      error: {
        code: 'not-found',
        message:
          '"shop-vip" is virtual: what is known of it stands in the policy, and the hosts that hold it enforce it (now lb-1)',
      },
    },
  ]);
});
