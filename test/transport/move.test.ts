// `segwall-agent move`: a host follows its control plane to another address, and no other control plane.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { moveCommand } from '#agent/commands/move.ts';
import { openControlPlaneReach } from '#agent/link/control-plane-reach.ts';
import { openIdentity } from '#agent/link/identity.ts';
import { assertOk } from '#model/result.ts';
import { parseControlPlaneAddresses } from '#wire/control-plane-address.ts';
import { type Fixture, silent, startFixture } from './control-plane-fixture.ts';

let [fixture, other]: Fixture[] = [];
beforeEach(async () => {
  [fixture, other] = await Promise.all([startFixture(), startFixture()]);
});
afterEach(async () => {
  await Promise.all([fixture?.stop(), other?.stop()]);
});

async function host() {
  if (fixture === undefined || other === undefined) throw new Error('nothing runs');
  await fixture.enrolled();
  const state = join(fixture.folder, 'agent-web-1-0');
  const path = join(state, 'identity', 'agent.json');
  const { address } = fixture.server;
  await writeFile(path, (await readFile(path, 'utf8')).replace(address, '127.0.0.1:1'));
  const at = async () => (JSON.parse(await readFile(path, 'utf8')) as { controlPlane: string }).controlPlane;
  return { state, at, address, elsewhere: other.server.address };
}

describe('a host whose control plane has moved', () => {
  test('finds it at the new address, as the host it was', async () => {
    const { state, at, address } = await host();
    await moveCommand({ controlPlane: address, state, unchecked: false });
    expect(await at()).toBe(address);
    const identity = assertOk(await openIdentity({ stateDirectory: state, log: silent }));
    expect(identity.host).toBe('web-1');
    expect(await identity.renew()).toMatchObject({ ok: true });
    identity.close();
  });

  test('follows no other one, and nowhere that nobody answers', async () => {
    const { state, at, elsewhere } = await host();
    const to = (controlPlane: string) => moveCommand({ controlPlane, state, unchecked: false });
    await expect(to(elsewhere)).rejects.toMatchObject({ code: 'ca-mismatch', exitCode: 3 });
    await expect(to('127.0.0.1:2')).rejects.toMatchObject({ code: 'control-plane-unreachable', exitCode: 3 });
    await expect(to('nowhere')).rejects.toMatchObject({ code: 'control-plane-invalid', exitCode: 2 });
    expect(await at()).toBe('127.0.0.1:1');
  });

  test('lets nothing through any more to what the old name stood for', async () => {
    const { state, address } = await host();
    const open = async (one: string) => {
      const controlPlanes = assertOk(parseControlPlaneAddresses(one));
      const lookUp = async (name: string) =>
        name === 'old.test' ? ['10.0.0.1'] : name === 'new.test' ? ['10.0.0.2'] : [];
      const reach = await openControlPlaneReach({ controlPlanes, stateDirectory: state, owner: { uid: 0 }, lookUp });
      await reach.resolve();
      return reach.way().addresses;
    };
    expect(await open('old.test:7443')).toEqual(['10.0.0.1']);
    await moveCommand({ controlPlane: 'new.test:7443', state, unchecked: true });
    expect(await open('new.test:7443')).toEqual(['10.0.0.2']);
    // A resolver that is away brings back nothing of it either.
    await moveCommand({ controlPlane: address, state, unchecked: false });
    expect(await open('gone.test:7443')).toEqual([]);
  });

  test('is told where it will be, before it is there', async () => {
    const { state, at } = await host();
    await moveCommand({ controlPlane: 'cp.example:7443', state, unchecked: true });
    expect(await at()).toBe('cp.example:7443');
  });
});
