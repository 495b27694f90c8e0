// What agents ask before they have a stream: to be enrolled, and whether a certificate is good.

import { randomUUID } from 'node:crypto';
import type { EnrolmentRefusal, EnrolmentRequest, RefusedEnrolment } from '#control-plane/agents/agent-backend.ts';
import type { AgentCertificate, AgentIdentity, CertificateRecord } from '#control-plane/pki/agent-identity.ts';
import { parseAddress } from '#model/address.ts';
import { namePattern } from '#model/label.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import type { JoinedParts } from './joined-parts.ts';
import { tokenHash } from './tokens.ts';

export class EnrolmentPort {
  readonly #parts: JoinedParts;

  constructor(parts: JoinedParts) {
    this.#parts = parts;
  }

  async redeemToken(
    request: EnrolmentRequest,
  ): Promise<Result<{ readonly tenant: string; readonly host: string; readonly enrolment: string }, EnrolmentRefusal>> {
    const { turns, names, runner, now, state } = this.#parts;
    const { host, renewal } = request;
    if (!namePattern.test(host)) return err('name-invalid');
    return turns.run(async () => {
      const yielding = names.yielding([host], `agent/${host}`);
      const enrolment = randomUUID().replaceAll('-', '');
      const outcome = await runner.run({
        kind: 'enrolled',
        hash: tokenHash(request.token),
        host,
        at: now(),
        enrolment,
        isOfPolicy: names.isOfPolicy(host),
        ...(renewal === undefined ? {} : { renewal }),
        yielding,
        revision: state.revision + 1,
      });
      return outcome.kind === 'refused' ? err(outcome.refusal) : ok({ tenant: outcome.tenant, host, enrolment });
    }, 'hosts');
  }

  async grantHolds(granted: {
    readonly token: Secret;
    readonly host: string;
    readonly enrolment: string;
  }): Promise<boolean> {
    const { store, state } = this.#parts;
    const isKept = await store.isJoinTokenKept({ hash: tokenHash(granted.token) });
    return isKept && state.enrolments.isPresent(granted);
  }

  async recordCertificate(certificate: CertificateRecord): Promise<boolean> {
    const { runner, now } = this.#parts;
    const outcome = await runner.run({ kind: 'certificate-issued', certificate, at: now() });
    return outcome.kind !== 'refused';
  }

  refusalOf(certificate: AgentCertificate, from?: string): string | undefined {
    const { holding, state, presences, now, happenings } = this.#parts;
    const refusal = this.#certificateRefusal(certificate);
    const { host, serial } = certificate.identity;
    const isGoodName = namePattern.test(host);
    if (refusal !== undefined && isGoodName && holding.isHeld && state.enrolments.isUnknown(certificate))
      holding.noteUnknown(host, from);
    if (refusal !== undefined && state.inventory.host(host) !== undefined) presences.turnedAway(host, now(), refusal);
    if (refusal !== undefined && from !== undefined && isGoodName)
      happenings.take('certificate-refused', host, { from, serial, reason: refusal });
    return refusal;
  }

  #certificateRefusal(certificate: AgentCertificate): string | undefined {
    const { state, runner, turns } = this.#parts;
    const { tenant, host } = certificate.identity;
    if (tenant !== this.#parts.tenant) return `host ${host} is of tenant ${tenant}, which is not here`;
    const refusal = state.enrolments.refusalOf(certificate);
    if (refusal !== undefined) return refusal;
    const enrolment = state.enrolments.newlyUsed(certificate);
    if (enrolment !== undefined) {
      const change = { kind: 'certificate-used', enrolment } as const;
      runner.apply(change);
      turns.soon(`certificate/${host}`, async () => void (await runner.write(change)));
    }
    return undefined;
  }

  isHome(text: string): boolean {
    const address = parseAddress(text);
    return address.ok && this.#parts.state.inventory.holderOf(address.value) !== undefined;
  }

  helloRefused({ host, serial }: AgentIdentity, refused: { readonly from: string; readonly reason: string }): void {
    const { state, happenings } = this.#parts;
    if (state.inventory.host(host) !== undefined) happenings.take('agent-refused', host, { ...refused, serial });
  }

  renewedExpired(
    { host, serial }: AgentIdentity,
    renewed: { readonly from: string; readonly expiredAt: Millis },
  ): void {
    this.#parts.happenings.take('certificate-renewed-late', host, { ...renewed, serial });
  }

  enrolmentRefused(refused: RefusedEnrolment): void {
    const { address, host, reason } = refused;
    this.#parts.refusals.take({ address, name: host, reason });
  }
}
