// Enrolment requests and replies as values.

import type { Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';
import { createEnumCodec } from './enum-codec.ts';
import type { segwall } from './generated.js';
import { limits } from './limits.ts';
import { v1 } from './protobuf.ts';
import { boundedCount, boundedNumber, checkedName, parseMessage, refuse, refusing, safeCount } from './refusal.ts';

export type WireEnrolmentRefusal =
  | 'token-unknown'
  | 'token-spent'
  | 'token-expired'
  | 'name-taken'
  | 'name-invalid'
  | 'csr-invalid'
  | 'clock-skew';

/** `csr` is PKCS #10 in DER; `clientClock` the host's time as it asks. */
export interface EnrolRequest {
  readonly token: string;
  readonly host: string;
  readonly csr: Uint8Array;
  readonly clientClock: Millis;
  /** The host of that name is this one, and is to keep what belongs to the name. */
  readonly renewsIdentity?: true;
}

export type RenewRequest = Pick<EnrolRequest, 'csr' | 'clientClock'>;

/** Certificates in DER. `detail` is a sentence for the operator. */
export type EnrolReply =
  | {
      readonly kind: 'issued';
      readonly tenant: string;
      readonly host: string;
      readonly certificate: Uint8Array;
      readonly caCertificate: Uint8Array;
    }
  | {
      readonly kind: 'refused';
      readonly code: WireEnrolmentRefusal;
      readonly detail: string;
      readonly serverClock: Millis;
    };

const refusals = createEnumCodec<WireEnrolmentRefusal, segwall.v1.EnrolmentRefusal>('enrolment refusal', {
  'token-unknown': v1.EnrolmentRefusal.TOKEN_UNKNOWN,
  'token-spent': v1.EnrolmentRefusal.TOKEN_SPENT,
  'token-expired': v1.EnrolmentRefusal.TOKEN_EXPIRED,
  'name-taken': v1.EnrolmentRefusal.NAME_TAKEN,
  'name-invalid': v1.EnrolmentRefusal.NAME_INVALID,
  'csr-invalid': v1.EnrolmentRefusal.CSR_INVALID,
  'clock-skew': v1.EnrolmentRefusal.CLOCK_SKEW,
});

export function encodeEnrolRequest(request: EnrolRequest): Uint8Array {
  return v1.EnrolRequest.encode(request).finish();
}

export function decodeEnrolRequest(bytes: Uint8Array): Result<EnrolRequest> {
  return refusing(() => {
    const message = parseMessage('enrol request', () => v1.EnrolRequest.decode(bytes));
    return {
      token: checkedName(message.token ?? '', limits.tokenCharacters, 'enrol request, token'),
      // Whether it is a good name is the control plane's to say, with an error of its own.
      host: checkedName(message.host ?? '', limits.factCharacters, 'enrol request, host'),
      ...readRequest(message, 'enrol request'),
      ...(message.renewsIdentity === true ? { renewsIdentity: true as const } : {}),
    };
  });
}

export function encodeRenewRequest(request: RenewRequest): Uint8Array {
  return v1.RenewRequest.encode(request).finish();
}

export function decodeRenewRequest(bytes: Uint8Array): Result<RenewRequest> {
  return refusing(() =>
    readRequest(
      parseMessage('renew request', () => v1.RenewRequest.decode(bytes)),
      'renew request',
    ),
  );
}

export function encodeEnrolReply(reply: EnrolReply): Uint8Array {
  if (reply.kind === 'issued') return v1.EnrolReply.encode({ issued: reply }).finish();
  return v1.EnrolReply.encode({ refused: { ...reply, code: refusals.encode(reply.code) } }).finish();
}

export function decodeEnrolReply(bytes: Uint8Array): Result<EnrolReply> {
  return refusing(() => {
    const { issued, refused } = parseMessage('enrol reply', () => v1.EnrolReply.decode(bytes));
    if (issued) {
      return {
        kind: 'issued',
        tenant: checkedName(issued.tenant ?? '', limits.factCharacters, 'enrol reply, tenant'),
        host: checkedName(issued.host ?? '', limits.factCharacters, 'enrol reply, host'),
        certificate: issued.certificate ?? new Uint8Array(0),
        caCertificate: issued.caCertificate ?? new Uint8Array(0),
      };
    }
    if (!refused) return refuse('enrol reply', 'none of its kinds', 'issued, refused');
    return {
      kind: 'refused',
      code: refusals.decode(refused.code ?? 0, 'enrol reply'),
      detail: refused.detail ?? '',
      serverClock: millis(safeCount(refused.serverClock ?? 0, 'enrol reply, server clock')),
    };
  });
}

function readRequest(message: segwall.v1.RenewRequest.$Properties, where: string): RenewRequest {
  const csr = message.csr ?? new Uint8Array(0);
  boundedCount(csr.length, limits.csrBytes, `${where}, bytes of the CSR`);
  return {
    csr,
    clientClock: millis(boundedNumber(message.clientClock, 'EnrolRequest.client_clock', `${where}, clock`)),
  };
}
