// Keeps whose address is whose: tells the inventory who talks from where and that time has passed, and carries what comes of it to the
// store, the audit log and the hosts themselves. Time is the control plane's own up time, summed over its lives, so that neither a clock that
// is set nor an outage ends a lease. What the store does not take now is tried again; until then a restart would forget it.
//
//   streams ─► connected, heard, disconnected ─► inventory.claims ─► keep: audit, told hosts ─► save: store, once for many turns

import type { Logger } from 'pino';
import type { HostHappenings } from '#control-plane/notes/host-happenings.ts';
import type { HolderChange, HostStanding } from '#control-plane/store/address-holders.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { Store } from '#control-plane/store/store.ts';
import { type Address, parseAddress } from '#model/address.ts';
import { pendingText } from '#policy/claims/address-standing.ts';
import type { AddressStanding } from '#wire/policy-sync-messages.ts';
import { ClaimNotes } from './claim-notes.ts';
import type { FleetInventory } from './fleet-inventory.ts';

/** Changes of the fleet that concern whose address is whose. `up` is the control plane's own up time. */
export type AddressChange =
  | {
      readonly kind: 'host-connected';
      readonly host: string;
      /** The other end's address, where it is known. */
      readonly seenFrom: Address | undefined;
      readonly up: number;
    }
  | { readonly kind: 'host-left'; readonly host: string; readonly up: number }
  /** Several hosts talk from it. */
  | { readonly kind: 'address-shared'; readonly address: Address }
  /** Leases end, addresses pass on. */
  | { readonly kind: 'time-passed'; readonly up: number };

export interface AddressKeepingOptions {
  /** Read, and changed by `change` alone. */
  readonly inventory: FleetInventory;
  readonly change: (change: AddressChange) => void;
  readonly store: Pick<Store, 'saveAddressStandings'>;
  readonly tenant: string;
  readonly log: Logger;
  /** Up time of earlier lives. */
  readonly earlierMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsedMs: () => number;
  readonly audit: (note: Omit<AuditNote, 'at'>) => Promise<void>;
  readonly happenings: Pick<HostHappenings, 'holdingsChanged'>;
  readonly tell: (host: string, standing: AddressStanding) => void;
}

/** Up time is written this often where nothing else is: a crash lengthens leases by as much. */
const saveEveryMs = 60_000;
/** In one audit entry, and told to a host. */
const addressesTold = 32;

export class AddressKeeping {
  readonly #options: AddressKeepingOptions;
  readonly #notes: ClaimNotes;
  readonly #startedAt: number;
  readonly #holders = new Map<Address, string | undefined>();
  readonly #standings = new Set<string>();
  /** Hosts that have come since and know nothing of their standing. */
  readonly #untold = new Set<string>();
  readonly #absentSince = new Map<string, number>();
  /** As the audit log was told last. */
  readonly #heldBefore = new Map<string, ReadonlySet<string>>();
  #savedAt: number;
  #isBehind = false;
  #isFirst = true;

  constructor(options: AddressKeepingOptions) {
    this.#options = options;
    this.#startedAt = options.elapsedMs();
    this.#savedAt = this.upMs();
    this.#notes = new ClaimNotes((host) => options.inventory.pendingOf(host));
  }

  upMs(): number {
    const { earlierMs, elapsedMs } = this.#options;
    return Math.trunc(earlierMs + elapsedMs() - this.#startedAt);
  }

  /** `seenFrom`: the other end's address, in any spelling a socket gives. */
  connected(host: string, seenFrom: string | undefined): void {
    const { claims } = this.#options.inventory;
    const before = claims.seenOf(host);
    this.#options.change({ kind: 'host-connected', host, seenFrom: readPeer(seenFrom), up: this.upMs() });
    this.#absentSince.delete(host);
    this.#standings.add(host);
    this.#untold.add(host);
    const isUnshared = before?.isShared === true && !claims.isShared(before.address);
    if (isUnshared) for (const other of claims.talkers(before.address)) this.#standings.add(other);
  }

  disconnected(host: string): void {
    this.#absentSince.set(host, this.upMs());
    this.#standings.add(host);
    this.#options.change({ kind: 'host-left', host, up: this.upMs() });
  }

  /** True: several hosts talk from its address, as this shows; `passTime` is due. */
  heard(host: string): boolean {
    const address = this.#options.inventory.claims.overheard(host, this.upMs());
    if (address === undefined) return false;
    this.#options.change({ kind: 'address-shared', address });
    this.#standings.add(host);
    return true;
  }

  passTime(): void {
    this.#options.change({ kind: 'time-passed', up: this.upMs() });
  }

  forget(host: string): void {
    this.#absentSince.delete(host);
    this.#heldBefore.delete(host);
    this.#standings.delete(host);
  }

  /** Never rejects; `save` is due then, once for many. `changed`: some workload has other addresses than before, and a revision is due. */
  async keep(): Promise<'changed' | 'same'> {
    const { inventory, audit, tell } = this.#options;
    const { claims } = inventory;
    const changes = claims.outcome.takeHolderChanges();
    for (const [address, host] of changes) this.#holders.set(address, host);
    for (const event of claims.outcome.takeEvents()) {
      if (event.kind === 'passed') {
        const { address, from, to } = event;
        await audit({ actor: 'control-plane', action: 'address-passed', target: address, details: { from, to } });
      } else {
        const { host, addresses } = event;
        const details = { count: addresses.length, addresses: addresses.slice(0, addressesTold) };
        await audit({ actor: 'control-plane', action: 'address-lease-ended', target: host, details });
      }
    }
    const pending = claims.outcome.takePendingChanges();
    for (const host of pending) this.#notes.changed(host);
    const holdings = inventory.takeHoldingChanges();
    const virtual = claims.outcome.takeVirtualChanges();
    if (this.#isFirst) this.#rememberHoldings();
    for (const host of new Set([...holdings, ...virtual])) this.#noteHoldings(host);
    for (const host of new Set([...pending, ...holdings, ...virtual, ...this.#untold]))
      tell(host, this.standingOf(host));
    this.#untold.clear();
    return holdings.size > 0 ? 'changed' : 'same';
  }

  #noteHoldings(host: string): void {
    const before = this.#heldBefore.get(host) ?? new Set();
    const { claims } = this.#options.inventory;
    const after = new Set([...claims.heldBy(host), ...claims.virtualHeldBy(host)]);
    if (after.size === 0) this.#heldBefore.delete(host);
    else this.#heldBefore.set(host, after);
    this.#options.happenings.holdingsChanged(host, before, after);
  }

  /** What is remembered from before the start is nothing new. */
  #rememberHoldings(): void {
    const { inventory } = this.#options;
    for (const host of inventory.hostNames()) this.#heldBefore.set(host, new Set(inventory.claims.heldBy(host)));
    this.#isFirst = false;
  }

  /** What of pending claims the audit log is to hear by now. */
  async note(): Promise<void> {
    for (const note of this.#notes.due(this.upMs())) await this.#options.audit(note);
  }

  standingOf(host: string): AddressStanding {
    const { claims } = this.#options.inventory;
    const held = [...claims.heldBy(host), ...claims.virtualHeldBy(host)].sort();
    const pending = claims.pendingOf(host);
    return {
      held: held.slice(0, addressesTold),
      heldCount: held.length,
      pending: pending.slice(0, addressesTold).map(({ address, reason }) => ({ address, reason: pendingText(reason) })),
      pendingCount: pending.length,
    };
  }

  /** Writes how long it has been up; who is connected stays so in the store. */
  async close(): Promise<void> {
    this.#savedAt = Number.NEGATIVE_INFINITY;
    await this.save();
  }

  /** Never rejects: what the store does not take is written with the next. */
  async save(): Promise<void> {
    const { store, tenant, log } = this.#options;
    const upMs = this.upMs();
    if (this.#holders.size === 0 && this.#standings.size === 0 && upMs - this.#savedAt < saveEveryMs) return;
    const holders = [...this.#holders].map(
      ([address, host]): HolderChange => ({ address, ...(host === undefined ? {} : { host }) }),
    );
    const hosts = [...this.#standings].map((host) => this.#storedStanding(host));
    try {
      await store.saveAddressStandings({ tenant, upMs, holders, hosts });
    } catch (cause) {
      if (!this.#isBehind) log.error({ err: cause }, 'the holders of addresses could not be stored; trying again');
      this.#isBehind = true;
      return;
    }
    this.#isBehind = false;
    this.#savedAt = upMs;
    for (const { address, host } of holders) {
      if (this.#holders.get(address as Address) === host) this.#holders.delete(address as Address);
    }
    for (const { host } of hosts) this.#standings.delete(host);
  }

  #storedStanding(host: string): HostStanding {
    const seen = this.#options.inventory.claims.seenOf(host);
    const absentSince = this.#absentSince.get(host);
    return { host, ...(seen === undefined ? {} : { seen }), ...(absentSince === undefined ? {} : { absentSince }) };
  }
}

function readPeer(text: string | undefined): Address | undefined {
  const address = parseAddress(text ?? '');
  return address.ok ? address.value : undefined;
}
