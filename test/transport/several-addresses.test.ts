// A host that knows several addresses of its control plane: tried in order, the first again where what was there is lost, and nothing said to
// whoever is not the control plane.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { moveCommand } from '#agent/commands/move.ts';
import type { ControlPlaneStanding } from '#agent/link/control-plane-list.ts';
import { enroll } from '#agent/link/enroll.ts';
import { type Identity, openIdentity } from '#agent/link/identity.ts';
import { createPolicySync } from '#agent/policy/policy-sync.ts';
import { startAgentServer } from '#control-plane/agents/agent-service.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { parseControlPlaneAddresses } from '#wire/control-plane-address.ts';
import { eventually, type Fixture, silent, startFixture } from './control-plane-fixture.ts';

let [fixture, stranger]: Fixture[] = [];
const stops: (() => Promise<void> | void)[] = [];
beforeEach(async () => {
  [fixture, stranger] = await Promise.all([startFixture(), startFixture()]);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await Promise.all([fixture?.stop(), stranger?.stop()]);
});

/** An address at which nobody is. */
async function nobody(): Promise<string> {
  const gone = await startFixture();
  const { address } = gone.server;
  await gone.stop();
  return address;
}

async function hostOf(controlPlane: string): Promise<{ readonly identity: Identity; readonly state: string }> {
  if (fixture === undefined) throw new Error('nothing runs');
  const state = join(fixture.folder, 'web-1');
  const { caFingerprint } = fixture.pki;
  const request = { controlPlane, caFingerprint, token: new Secret('good'), stateDirectory: state, name: 'web-1' };
  assertOk(await enroll(request));
  const identity = assertOk(await openIdentity({ stateDirectory: state, log: silent }));
  stops.push(() => identity.close());
  return { identity, state };
}

function keepConnected(identity: Identity): void {
  const stop = new AbortController();
  const sync = createPolicySync({
    identity,
    enforcer: { held: () => undefined, apply: async () => ({ kind: 'applied', revision: 1 }) },
    agentVersion: '0.1.0',
    hostReport: () => ({ addresses: [], facts: new Map() }),
    status: () => ({ revision: 0, enforcing: false, lost: 0, spooledBatches: 0, repairs: 0, problem: '' }),
    signal: stop.signal,
    log: silent,
    onState: () => undefined,
    times: { backoffLeastMs: 10, backoffMostMs: 50 },
  });
  stops.push(async () => {
    stop.abort();
    await sync.done;
  });
}

const inUse = (identity: Identity) => (one: string) =>
  eventually(`the stream is with ${one}`, () =>
    identity.addresses.standing().some(({ address, state }) => address === one && state === 'in-use'),
  );
const problemOf = (standings: readonly ControlPlaneStanding[], one: string) =>
  standings.find(({ address }) => address === one)?.problem?.reason;

test('a host enrols at the first that is there, keeps them all, and says why the others are not in use', async () => {
  const away = await nobody();
  const here = fixture?.server.address ?? '';
  const { identity, state } = await hostOf(`${away},${here}`);
  const { controlPlane } = JSON.parse(await readFile(join(state, 'identity', 'agent.json'), 'utf8'));
  expect(controlPlane).toBe(`${away},${here}`);
  keepConnected(identity);
  await inUse(identity)(here);
  expect(problemOf(identity.addresses.standing(), away)).toMatch(/ECONNREFUSED/);
  expect(await identity.renew()).toMatchObject({ ok: true });
});

test('what comes first is taken again when it is there and the other is lost', async () => {
  const first = await nobody();
  const here = fixture?.server.address ?? '';
  const { identity } = await hostOf(`${first},${here}`);
  keepConnected(identity);
  await inUse(identity)(here);
  if (fixture === undefined) throw new Error('nothing runs');
  const { pki, backend } = fixture;
  const server = await startAgentServer({ address: first, pki, backend, log: silent });
  stops.push(() => server.stop(100));
  await fixture.server.stop(100);
  await inUse(identity)(first);
});

test('whoever shows another CA is told nothing, and the next is tried', async () => {
  const other = stranger?.server.address ?? '';
  const here = fixture?.server.address ?? '';
  const { identity, state } = await hostOf(here);
  await moveCommand({ controlPlane: `${other},${here}`, state, unchecked: true });
  await expect(moveCommand({ controlPlane: `${here},${other}`, state, unchecked: false })).rejects.toMatchObject({
    code: 'ca-mismatch',
  });
  identity.close();
  const moved = assertOk(await openIdentity({ stateDirectory: state, log: silent }));
  stops.push(() => moved.close());
  keepConnected(moved);
  await inUse(moved)(here);
  expect(problemOf(moved.addresses.standing(), other)).toMatch(/self.signed|certificate/i);
  expect(stranger?.backend.streams).toEqual([]);
});

test.each([
  ['a:1,b:2', 'a:1 b:2'],
  ['a:1, [fd00::1]:2', 'a:1 fd00::1:2'],
  ['a:1,a:1', /"a:1" is there twice/],
  ['a:1,', /"" is not HOST:PORT/],
  [Array.from({ length: 8 }, (_, at) => `a:${at + 1}`).join(), /a:8/],
  [
    Array.from({ length: 9 }, (_, at) => `a:${at + 1}`).join(),
    /there are 9 addresses of the control plane; allowed are 8/,
  ],
] as const)('addresses with commas between: %s', (text, expected) => {
  const read = parseControlPlaneAddresses(text);
  expect(read.ok ? read.value.map(({ host, port }) => `${host}:${port}`).join(' ') : read.error).toMatch(expected);
});
