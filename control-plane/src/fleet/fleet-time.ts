// What time brings: leases that end, hosts that are silent, rules that begin and end, certificates that end soon.

import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { RevisionAdvanced } from '#control-plane/changes/time-changes.ts';
import type { CertificatePort } from './certificates-ending.ts';
import type { FleetHold } from './fleet-hold.ts';
import type { FleetParts } from './fleet-parts.ts';
import { removeSilent } from './host-removal.ts';

/** Between looks at leases and at holders that are away. */
const claimsTickMs = 5000;
const writeProbeMs = 30_000;
/** Between looks at whose certificate ends soon. */
const certificatesTickMs = 3_600_000;

export class FleetTime {
  readonly #timers: Timer[] = [];
  #probe: Timer | undefined;
  readonly #parts: FleetParts;
  readonly #hold: FleetHold;

  constructor(parts: FleetParts, hold: FleetHold) {
    this.#parts = parts;
    this.#hold = hold;
  }

  async claimsChanged(): Promise<void> {
    const { addresses, told } = this.#parts;
    addresses.passTime();
    if (!told.isLooking) this.#hold.welcomeWaiting();
    await this.keepAddresses();
    await addresses.note();
    await removeSilent(this.#parts);
  }

  async hostLeft(host: string): Promise<void> {
    const { sessions, state, addresses } = this.#parts;
    if (sessions.of(host) !== undefined || state.inventory.host(host) === undefined) return;
    addresses.disconnected(host);
    await this.keepAddresses();
  }

  /** Carries on what has come of claims; a revision only where some workload has other addresses for it. */
  async keepAddresses(): Promise<void> {
    if ((await this.#parts.addresses.keep()) === 'changed') await this.advance('addresses');
  }

  /** The next revision, for a change that is not numbered itself. */
  async advance(why: RevisionAdvanced['why']): Promise<void> {
    const { runner, state } = this.#parts;
    await runner.run({ kind: 'revision-advanced', revision: state.revision + 1, why });
  }

  async policyTimePassed(): Promise<void> {
    const { publication } = this.#parts;
    if (publication.isTimeChangeDue()) await this.advance('policy-time');
    else publication.mark('changed');
  }

  /** Looks from now on, every so often. */
  start(certificates: Pick<CertificatePort, 'look'>): void {
    const { turns, owed, state } = this.#parts;
    certificates.look();
    this.#timers.push(
      systemClock.every(claimsTickMs, () => {
        turns.soon('claims', () => this.claimsChanged());
        this.#hold.prove();
      }),
      systemClock.every(certificatesTickMs, () => certificates.look()),
    );
    // A store that nobody writes to looks well until somebody must.
    this.#probe = systemClock.every(writeProbeMs, () => {
      owed.revision(state.revision);
      turns.soon('owed', () => owed.pay());
    });
    for (const timer of [...this.#timers, this.#probe]) timer.unref();
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  stopProbing(): void {
    this.#probe?.cancel();
  }
}
