// A control plane and hosts that turned, in one namespace with several addresses: a host that connects to one of them is seen talking from it.
// Prints what operators see of each host's addresses, a line for each step.

import { type Address, parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { waitFor } from '#test/support/wait.ts';
import { startApiServer } from './support/api-server.ts';
import { enrolFakeAgent, type FakeAgent, type FakeStream } from './support/fake-agent.ts';
import { operatorOf } from './support/operator.ts';

interface Seen {
  readonly host: string;
  readonly addresses: readonly string[];
  readonly seenFrom?: { readonly address: string; readonly shared: string };
  readonly pendingClaims: { readonly claims: readonly { readonly address: string; readonly reason: string }[] };
}

const [own = '', shared = ''] = process.argv.slice(2);
const addressOf = (text: string): Address => assertOk(parseAddress(text));
const server = await startApiServer({ settings: { agents: own.includes(':') ? '[::]:0' : '0.0.0.0:0' } });
const operator = operatorOf(server);
const token = await operator.joinToken({ app: 'shop' });
const { agents: listening, caFingerprint } = server.controlPlane;
const agentsPort = listening.slice(listening.lastIndexOf(':') + 1);
const agents: FakeAgent[] = [];

async function connect(name: string, at: string, claims: readonly string[] = []): Promise<FakeStream> {
  const options = {
    controlPlane: `${at.includes(':') ? `[${at}]` : at}:${agentsPort}`,
    caFingerprint,
    token,
    name,
    directory: server.directory,
  };
  const agent = await enrolFakeAgent(options);
  agents.push(agent);
  return agent.greeted({ host: { addresses: claims.map(addressOf) } });
}

async function seen(): Promise<readonly Seen[]> {
  return (await operator.call('GET', '/api/v1/agents')).body as readonly Seen[];
}

async function tell(step: string): Promise<void> {
  const hosts = (await seen()).map(({ host, addresses, seenFrom, pendingClaims }) => {
    const pending = pendingClaims.claims.map(({ address, reason }) => `${address} ${reason}`);
    return [host, { addresses, seenFrom: `${seenFrom?.address} shared ${seenFrom?.shared}`, pending }];
  });
  process.stdout.write(`${JSON.stringify({ step, hosts: Object.fromEntries(hosts) })}\n`);
}

const status = { revision: 0, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' } as const;
const streams = [await connect('alone', own), await connect('first', shared)];
// A host is greeted before what it says of itself is taken.
await waitFor(async () => (await seen()).filter(({ addresses }) => addresses.length === 1).length === 2, {
  what: 'the control plane has seen where both talk from',
  timeoutMs: 60_000,
});
await tell('one from each address');
streams.push(await connect('second', shared, [own]));
await waitFor(
  async () => {
    for (const stream of streams) stream.send({ kind: 'status', status });
    const both = (await seen()).filter(({ seenFrom }) => seenFrom?.shared === 'yes');
    // What follows from it takes a turn of its own.
    const isSettled = both.every(({ addresses }) => addresses.length === 0);
    return (
      isSettled &&
      both.filter(({ pendingClaims }) => pendingClaims.claims[0]?.address === own).length === 1 &&
      both.length === 2
    );
  },
  { what: 'the control plane has seen that two hosts talk from one address', timeoutMs: 60_000 },
);
await tell('two from one address');
for (const stream of streams) stream.close();
for (const agent of agents) agent.close();
await server.close();
process.exit(0);
