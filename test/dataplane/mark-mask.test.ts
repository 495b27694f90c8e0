// Which bits of the connection mark are ours is changed under open connections: what was revoked stays cut, what is allowed loses
// no packet, no stamp of the old mask is left to be misread, and what others keep in their bits stays there.

import { describe, expect, test } from 'vitest';
import { complement, defaultMarks, type MarkLayout, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { type DeniedCount, parseDeniedSets } from '#agent-core/table/denied-listing.ts';
import { deniedSets } from '#agent-core/table/denied-sets.ts';
import { parseTableState } from '#agent-core/table/table-listing.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import { assertOk } from '#model/result.ts';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { programPath } from '#test/support/programs.ts';
import { waitFor } from '#test/support/wait.ts';

const addresses = { h1: { ipv4: '10.86.0.1', ipv6: 'fd86::1' }, peer: { ipv4: '10.86.0.2', ipv6: 'fd86::2' } } as const;
const agent = programPath('segwall-agent');
const ports = { kept: 7001, revoked: 7002 } as const;
const held = (['kept', 'revoked'] as const).flatMap((fate) =>
  (['tcp', 'udp'] as const).flatMap((transport) =>
    (['ipv4', 'ipv6'] as const).map((family) => ({ id: `${fate}-${transport}-${family}`, fate, transport, family })),
  ),
);
const [kept, revoked] = (['kept', 'revoked'] as const).map((fate) =>
  held.filter((connection) => connection.fate === fate).map(({ id }) => id),
) as [string[], string[]];

interface Scene {
  readonly host: LabHost;
  readonly client: HostProbe;
  readonly driven: DrivenHost;
  apply(policy: HostPolicy): Promise<void>;
  state(): Promise<TableState>;
  /** Both ends of each receive more. */
  goOn(ids: readonly string[]): Promise<void>;
  /** Lets the second pass that a change may take, then another in which both ends try in vain. */
  areSilent(ids: readonly string[]): Promise<void>;
  marked(): Promise<readonly Marked[]>;
  denied(marks: MarkLayout): Promise<readonly DeniedCount[]>;
}

interface Marked {
  readonly port: number;
  readonly mark: number;
}

/** `markMask`: the agent's at first. */
async function onScene(markMask: number, act: (scene: Scene) => Promise<void>): Promise<void> {
  const lab = await createLab({ name: 'marks' });
  let driven: DrivenHost | undefined;
  try {
    const host = await lab.addHost({ name: 'h1', ...addresses.h1 });
    const peer = await lab.addHost({ name: 'peer', ...addresses.peer });
    const [client, server] = [await startProbe(peer), await startProbe(host)];
    await server.listen(
      Object.values(ports).flatMap((port) => (['tcp', 'udp'] as const).map((transport) => ({ transport, port }))),
    );
    driven = driveHost(host, { markMask });
    const { ask } = driven;
    expect(await ask({ do: 'start' })).toEqual({ kind: 'open' });
    const received = async (id: string) => {
      const [atClient, atServer] = [(await client.held('client'))[id], (await server.held('server'))[id]];
      if (atClient === undefined || atServer === undefined) throw new Error(`nothing is known of ${id}`);
      return [atClient.received, atServer.received] as const;
    };
    await act({
      host,
      client,
      driven,
      async apply(given) {
        expect(await ask({ do: 'apply', policy: given })).toEqual({ kind: 'applied', revision: given.revision });
      },
      async state() {
        const { stdout } = await host.exec(['nft', 'list', 'chain', 'inet', 'segwall', 'state']);
        const read = parseTableState(stdout);
        if (read === undefined) throw new Error(`no state in ${stdout}`);
        return read;
      },
      async goOn(ids) {
        for (const id of ids) {
          const before = await received(id);
          await waitFor(async () => (await received(id)).every((count, at) => count > (before[at] ?? 0) + 2), {
            what: `both ends of ${id} receive more`,
            timeoutMs: 20_000,
          });
        }
      },
      async areSilent(ids) {
        const startedAt = performance.now();
        await waitFor(() => performance.now() > startedAt + 1000, { what: 'the limit has passed' });
        const before = await Promise.all(ids.map(received));
        await waitFor(() => performance.now() > startedAt + 2000, { what: 'both ends have tried for a while' });
        expect(await Promise.all(ids.map(async (id) => [id, ...(await received(id))]))).toEqual(
          ids.map((id, at) => [id, ...(before[at] ?? [])]),
        );
      },
      async marked() {
        const found: Marked[] = [];
        for (const family of ['ipv4', 'ipv6']) {
          const { stdout } = await host.exec(['conntrack', '-L', '-f', family]);
          for (const [, port = '', mark] of stdout.matchAll(/sport=\d+ dport=(700\d|53) .* mark=(\d+)/g))
            found.push({ port: Number(port), mark: Number(mark) });
        }
        return found;
      },
      async denied(marks) {
        const counts: DeniedCount[] = [];
        for (const name of deniedSets.keys()) {
          const { stdout } = await host.exec(['nft', '-n', 'list', 'set', 'inet', 'segwall', name]);
          counts.push(...parseDeniedSets(stdout, marks));
        }
        return counts;
      },
    });
  } finally {
    driven?.stop();
    await lab.remove();
  }
}

/** `extra`: an address more; to take it away again begins a new epoch. */
function policy(
  revision: number,
  fates: readonly (keyof typeof ports)[],
  extra: readonly string[] = [],
): HostPolicy & { readonly revision: number } {
  const services = fates.flatMap((fate) => [`tcp/${ports[fate]}`, `udp/${ports[fate]}`]);
  const spare = Array.from({ length: 12 }, (_, index) => `spare: tcp/${9000 + index}`);
  return {
    revision,
    addresses: Object.values(addresses.h1),
    inbound: 'enforce',
    outbound: 'observe',
    allowIn: [...spare, `peer: ${services.join(', ')}`],
    peers: { peer: Object.values(addresses.peer), spare: ['10.86.0.9', ...extra] },
  };
}

/** An idle connection that no packet will ever have judged. */
async function enterIdle(host: LabHost, mark: number): Promise<void> {
  const tuple = ['-p', 'udp', '-s', '10.86.0.8', '-d', addresses.h1.ipv4, '--sport', '5353', '--dport', '53'];
  const made = await host.exec(['conntrack', '-I', ...tuple, '--timeout', '300', '--mark', `0x${mark.toString(16)}`]);
  expect(made.exitCode, made.stderr).toBe(0);
}

const hex = (mask: number) => `0x${mask.toString(16).padStart(8, '0')}`;

describe.concurrent('open connections, when the mask is changed', () => {
  test.each(
    [
      // Its epoch stands where the default mask has its numbers: a denial reads as an epoch.
      [0x0fff_ffff, 0xffff_f000],
      [0xff00_ffff, 0xffff_ffff],
      [0xa5a5_fff0, 0x0fff_ffff],
    ].map(([from = 0, to = 0]) => [hex(from), hex(to), from, to] as const),
  )('from %s to %s: the revoked stay cut, the allowed lose nothing', { timeout: 120_000 }, async (_, __, from, to) => {
    const [before, after] = [assertOk(markLayoutOf(from)), assertOk(markLayoutOf(to))];
    const others = complement(from | to);
    await onScene(from, async (scene) => {
      const { host, client, driven, apply, goOn, areSilent, state, marked, denied } = scene;
      if (others !== 0) {
        const input = `table inet other {
  chain input { type filter hook input priority -10; ct state new ct mark set ct mark or ${hex(others)}
  }
}
`;
        expect((await host.exec(['nft', '-f', '-'], { input })).exitCode).toBe(0);
      }
      // Uses up small numbers: that of the denial is to be beyond the epochs so far.
      await apply({ ...policy(1, ['kept', 'revoked']), segment: 'earlier' });
      await apply(policy(2, ['kept', 'revoked']));
      for (const { id, fate, transport, family } of held)
        await client.hold({ id, transport, address: addresses.h1[family], port: ports[fate], intervalMs: 20 });
      await goOn([...kept, ...revoked]);
      await apply(policy(3, ['kept']));
      await areSilent(revoked);

      // The new mask's first epochs are to be what the old denials would read as, if they can be.
      const denial = (await marked()).find(({ port }) => port === ports.revoked)?.mark ?? 0;
      expect([before.epochOf(denial), before.numberOf(denial) > 10]).toEqual([0, true]);
      const wanted = after.epochOf(denial) - 2;
      const epochs = wanted - (await state()).epoch;
      let revision = 3;
      for (let left = epochs < 40 ? epochs : 0; left > 0; left -= 1) {
        await apply(policy(revision + 1, ['kept'], ['10.86.0.10']));
        await apply(policy(revision + 2, ['kept']));
        revision += 2;
      }
      const { epoch } = await state();
      if (to === 0xffff_f000) expect(epoch).toBe(wanted);
      await enterIdle(host, (before.stamp(before.numberOf(denial), epoch) | others) >>> 0);
      await goOn(kept);
      expect(new Set((await denied(before)).map(({ port }) => port))).toEqual(new Set([ports.revoked]));

      // Ended in the midst: marks are in doubt, no packet passes by one.
      driven.restart({ markMask: to, sweep: 'fails' });
      expect(await driven.ask({ do: 'start' })).toMatchObject({ kind: 'failed' });
      expect(await state()).toMatchObject({ unswept: (from | to) >>> 0 });
      await goOn(kept);

      driven.restart({ markMask: to });
      expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'loaded', revision });
      await goOn(kept);
      await areSilent(revoked);
      const now = await state();
      expect([now.markMask ?? defaultMarks.mask, now.unswept]).toEqual([to, undefined]);
      expect(new Set((await denied(after)).map(({ port }) => port))).toEqual(new Set([ports.revoked]));
      for (const { port, mark } of await marked()) {
        const seen = {
          port,
          others: (mark & others) >>> 0,
          left: (mark & from & complement(to)) >>> 0,
          epoch: after.epochOf(mark),
        };
        expect(seen).toEqual({ port, others, left: 0, epoch: port === ports.kept ? now.epoch : 0 });
        if (port === 53) expect((mark & complement(others)) >>> 0).toBe(0);
      }

      await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', {
        what: 'the agent has looked at what it loaded',
      });
      driven.restart({ markMask: to });
      expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'adopted', revision });
      await apply(policy(revision + 1, ['revoked']));
      await areSilent(kept);

      // As after a reboot: nothing but the disk knows the mask.
      driven.restart({ markMask: to });
      expect((await host.exec(['nft', 'delete', 'table', 'inet', 'segwall'])).exitCode).toBe(0);
      const restored = await host.exec([process.execPath, agent, 'restore', '--state', driven.directory]);
      expect(restored.stdout).toBe(`revision ${revision + 1} is in force\n`);
      expect((await state()).markMask ?? defaultMarks.mask).toBe(to);
      await areSilent(kept);
    });
  });

  test('a mask with room for few decisions is used again and again, and what needs more is refused', {
    timeout: 120_000,
  }, async () => {
    await onScene(0xffff, async ({ host, client, driven, apply, goOn, state, denied }) => {
      const peers = { peer: Object.values(addresses.peer) };
      const base = { addresses: Object.values(addresses.h1), inbound: 'enforce', outbound: 'observe', peers } as const;
      const services = `peer: tcp/${ports.kept}, udp/${ports.kept}`;
      // Each segment's decisions are others.
      let epoch = 0;
      for (let revision = 1; revision <= 8; revision += 1) {
        const allowIn = [services, ...Array.from({ length: 6 }, (_, index) => `peer: tcp/${9000 + index}`)];
        await apply({ ...base, revision, segment: `s${revision}`, allowIn });
        const now = await state();
        expect([now.markMask, now.unswept]).toEqual([0xffff, undefined]);
        expect(now.epoch).toBeGreaterThan(epoch);
        epoch = now.epoch;
        if (revision === 1)
          for (const transport of ['tcp', 'udp'] as const)
            await client.hold({
              id: transport,
              transport,
              address: addresses.h1.ipv4,
              port: ports.kept,
              intervalMs: 20,
            });
        await goOn(['tcp', 'udp']);
      }
      expect(await denied(assertOk(markLayoutOf(0xffff)))).toEqual([]);
      const listing = async () =>
        (await host.exec(['nft', '-s', 'list', 'table', 'inet', 'segwall'])).stdout.replaceAll(
          /counter packets.*/g,
          '',
        );
      const before = await listing();
      const many = Array.from({ length: 20 }, (_, index) => `peer: tcp/${9000 + index}`);
      expect(await driven.ask({ do: 'apply', policy: { ...base, revision: 9, allowIn: many } })).toMatchObject({
        kind: 'refused',
        reason: expect.stringMatching(/\(0x0000ffff\) can number, 15: .* connections\.markMask/),
      });
      expect(await listing()).toBe(before);
      await goOn(['tcp', 'udp']);
    });
  });
});
