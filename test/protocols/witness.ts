// Says which packets a host's rules let pass: a table of its own behind theirs, in the host's namespace, that notes the tag of
// whatever still arrives there. What it does not hold was dropped before, and never lost: a last packet that always passes
// (a neighbour solicitation) was seen after all the others. The host's own stack knows nothing of connections made of raw packets:
// its resets go no further than where they begin.

import type { LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { address, icmp, packet } from './packets.ts';
import { type RawSockets, rawMark } from './raw-sockets.ts';

export interface Witness {
  /** Forgets what it saw: the kernel's own answers have tags of chance. */
  forget(): Promise<void>;
  /** Tags of what passed the input, the output and the forward hook since. */
  passed(): Promise<Readonly<Record<'inbound' | 'outbound' | 'through', ReadonlySet<number>>>>;
}

const table = `table inet witness {
  set in4 { typeof ip id; flags dynamic; size 65535; }
  set out4 { typeof ip id; flags dynamic; size 65535; }
  set in6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
  set out6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
  set through4 { typeof ip id; flags dynamic; size 65535; }
  set through6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
  chain mute {
    type filter hook output priority -300; policy accept;
    meta mark != ${rawMark} tcp flags & rst == rst drop
  }
  chain input {
    type filter hook input priority 300; policy accept;
    add @in4 { ip id }
    add @in6 { ip6 flowlabel }
  }
  chain output {
    type filter hook output priority 300; policy accept;
    add @out4 { ip id }
    add @out6 { ip6 flowlabel }
  }
  chain forward {
    type filter hook forward priority 300; policy accept;
    add @through4 { ip id }
    add @through6 { ip6 flowlabel }
  }
}
`;

let lastMarker = 0xf0000;

export async function installWitness(host: LabHost, sockets: RawSockets): Promise<Witness> {
  const loaded = await host.exec(['nft', '-f', '-'], { input: table });
  if (loaded.exitCode !== 0) throw new Error(`the witness could not be loaded: ${loaded.stderr}`);
  const read = async (names: readonly string[]): Promise<ReadonlySet<number>> => {
    const tags = new Set<number>();
    for (const name of names) {
      const { stdout, exitCode, stderr } = await host.exec(['nft', '-n', 'list', 'set', 'inet', 'witness', name]);
      if (exitCode !== 0) throw new Error(`the witness could not be read: ${stderr}`);
      const elements = /elements = \{([^}]*)\}/.exec(stdout)?.[1] ?? '';
      for (const text of elements.split(',')) if (text.trim() !== '') tags.add(Number(text.trim()));
    }
    return tags;
  };
  return {
    async forget() {
      const sets = ['in4', 'out4', 'in6', 'out6', 'through4', 'through6']
        .map((name) => `flush set inet witness ${name}\n`)
        .join('');
      const flushed = await host.exec(['nft', '-f', '-'], { input: sets });
      if (flushed.exitCode !== 0) throw new Error(`the witness could not be emptied: ${flushed.stderr}`);
    },
    async passed() {
      lastMarker += 1;
      const marker = lastMarker;
      const ends = { source: address('fe80::ffff'), target: address(host.ipv6 ?? 'ff02::1') };
      const about = Buffer.alloc(20);
      about.set(Buffer.from('fe80000000000000000000000000fffe', 'hex'), 4);
      sockets.arrive(packet(ends, icmp('ipv6', 135, 0, about), { tag: marker, hopLimit: 255 }));
      await waitFor(async () => (await read(['in6'])).has(marker), { what: 'the last packet has arrived' });
      const of = (hook: string) => read([`${hook}4`, `${hook}6`]);
      return { inbound: await of('in'), outbound: await of('out'), through: await of('through') };
    },
  };
}
