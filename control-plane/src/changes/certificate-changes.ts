// Which certificates of hosts are good.

import type { CertificateRecord } from '#control-plane/pki/agent-identity.ts';
import type { StoredEnrolment } from '#control-plane/pki/enrolments.ts';
import type { Millis } from '#model/time.ts';
import type { ChangeKind, Refused } from './change-kind.ts';

export interface CertificateIssued {
  readonly kind: 'certificate-issued';
  readonly certificate: CertificateRecord;
  readonly at: Millis;
}

export const certificateIssued: ChangeKind<
  CertificateIssued,
  CertificateIssued,
  CertificateIssued | Refused<'enrolment-ended'>
> = {
  async write({ store }, change) {
    const { certificate, at } = change;
    const isRecorded = await store.recordCertificate({ certificate, at });
    return isRecorded ? change : { kind: 'refused', refusal: 'enrolment-ended' };
  },
  apply(state, { certificate }) {
    state.enrolments.issued(certificate.host, certificate);
    return {};
  },
};

/** The newest that a host ever used: older ones die. So it is at once; it is written when its turn comes. */
export interface CertificateUsed {
  readonly kind: 'certificate-used';
  readonly enrolment: StoredEnrolment;
}

export const certificateUsed: ChangeKind<CertificateUsed> = {
  async write({ store, tenant }, change) {
    await store.useCertificate({ tenant, enrolment: change.enrolment });
    return change;
  },
  apply(state, { enrolment }) {
    state.enrolments.take(enrolment);
    return {};
  },
};
