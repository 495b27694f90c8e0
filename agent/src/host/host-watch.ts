// What this host is at the moment: its addresses and facts, looked at again when the kernel says that an address or interface
// changed, and every half minute in case it could not say so.

import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import type { AgentSettings } from '#agent/settings/settings.ts';
import type { Result } from '#model/result.ts';
import { openAddressWatch } from './address-watch.ts';
import { type HostAddresses, readHostAddresses } from './addresses.ts';
import { readHostFacts } from './host-facts.ts';
import { askHostInventory } from './host-inventory.ts';

export interface HostWatch {
  readonly reader: Result<NetlinkReader>;
  addresses(): HostAddresses;
  facts(): ReadonlyMap<string, string>;
  close(): void;
}

/** Addresses come in bursts: an interface that comes up gets several. */
const settleMs = 100;
const lookAgainMs = 30_000;
const inventoryAfterMs = 20_000;

/** `changed` is called after the addresses, local or published, or the facts became others; `looked` whenever there was reason to look. */
export function createHostWatch(settings: AgentSettings, changed: () => void, looked?: () => void): HostWatch {
  let addresses = readHostAddresses(settings.interfaces);
  let settling: NodeJS.Timeout | undefined;
  let facts = readHostFacts(settings.facts);
  const stopping = new AbortController();

  let holding: NodeJS.Timeout | undefined;
  const look = () => {
    settling = undefined;
    clearTimeout(holding);
    const now = readHostAddresses(settings.interfaces, addresses);
    const isSame = textOf(now) === textOf(addresses);
    addresses = now;
    const untilMs = Math.min(...now.held.map((held) => held.untilMs ?? Number.POSITIVE_INFINITY));
    if (untilMs < Number.POSITIVE_INFINITY) {
      holding = setTimeout(look, Math.max(0, untilMs - performance.now())).unref();
    }
    if (!isSame) changed();
    looked?.();
  };
  const opened = openAddressWatch(() => {
    settling ??= setTimeout(look, settleMs);
  });
  const timer = setInterval(look, lookAgainMs);
  timer.unref();
  // Once, and not while the agent is busy starting: the answer takes a second of another process's time.
  const inventoryTimer = setTimeout(async () => {
    const inventory = await askHostInventory(stopping.signal);
    if (!inventory.ok || inventory.value.cloud === undefined || settings.facts.cloud !== undefined) return;
    facts = readHostFacts(settings.facts, inventory.value.cloud);
    changed();
  }, inventoryAfterMs);
  inventoryTimer.unref();

  return {
    reader: opened.ok ? { ok: true, value: opened.value.reader } : opened,
    addresses: () => addresses,
    facts: () => facts,
    close() {
      clearInterval(timer);
      clearTimeout(inventoryTimer);
      stopping.abort();
      clearTimeout(settling);
      clearTimeout(holding);
      if (opened.ok) opened.value.close();
    },
  };
}

function textOf({ published, beyond, all }: HostAddresses): string {
  return `${published.join()} ${beyond} ${[...all].sort().join()}`;
}
