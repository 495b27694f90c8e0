// What this host is at the moment: its addresses and facts, looked at again when the kernel says that an address or interface
// changed, and every half minute in case it could not say so.

import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import type { AgentSettings } from '#agent/settings/settings.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
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
  let settling: Timer | undefined;
  let facts = readHostFacts(settings.facts);
  const stopping = new AbortController();

  let holding: Timer | undefined;
  const look = () => {
    settling = undefined;
    holding?.cancel();
    const now = readHostAddresses(settings.interfaces, addresses);
    const isSame = textOf(now) === textOf(addresses);
    addresses = now;
    const untilMs = Math.min(...now.held.map((held) => held.untilMs ?? Number.POSITIVE_INFINITY));
    if (untilMs < Number.POSITIVE_INFINITY) {
      holding = systemClock.after(Math.max(0, untilMs - systemClock.elapsedMs()), look).unref();
    }
    if (!isSame) changed();
    looked?.();
  };
  const opened = openAddressWatch(() => {
    settling ??= systemClock.after(settleMs, look);
  });
  const timer = systemClock.every(lookAgainMs, look);
  timer.unref();
  // Once, and not while the agent is busy starting: the answer takes a second of another process's time.
  const inventoryTimer = systemClock.after(inventoryAfterMs, async () => {
    const inventory = await askHostInventory(stopping.signal);
    if (!inventory.ok || inventory.value.cloud === undefined || settings.facts.cloud !== undefined) return;
    facts = readHostFacts(settings.facts, inventory.value.cloud);
    changed();
  });
  inventoryTimer.unref();

  return {
    reader: opened.ok ? { ok: true, value: opened.value.reader } : opened,
    addresses: () => addresses,
    facts: () => facts,
    close() {
      timer.cancel();
      inventoryTimer.cancel();
      stopping.abort();
      settling?.cancel();
      holding?.cancel();
      if (opened.ok) opened.value.close();
    },
  };
}

function textOf({ published, beyond, all }: HostAddresses): string {
  return `${published.join()} ${beyond} ${[...all].sort().join()}`;
}
