// Whether the control plane at an address would serve this host: a stream that says hello to be told so, and nothing else. What is there has
// shown a certificate of the trusted CA before it hears a word, knows the host's enrolment, and, where the host has a proof, is of the fleet
// that told it its policy. Nothing follows from it on either side.

import { type ServiceError, status } from '@grpc/grpc-js';
import type { Identity } from '#agent/link/identity.ts';
import { systemClock } from '#clock/system-clock.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { ControlPlaneAddress } from '#wire/control-plane-address.ts';
import { encodeUpMessage } from '#wire/policy-sync-messages.ts';
import { policySyncService } from '#wire/services.ts';

export interface AskOptions {
  readonly identity: Pick<Identity, 'clientTo'>;
  readonly address: ControlPlaneAddress;
  readonly agentVersion: string;
  /** What the host was told, as it shows it. */
  readonly proof?: Uint8Array | undefined;
  /** Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** `away`: nobody answers, or has room now. `wrong`: somebody else is there, or this host is nobody to them. */
export interface NotServed {
  readonly kind: 'away' | 'wrong';
  readonly reason: string;
}

export function askControlPlane(options: AskOptions): Promise<Result<void, NotServed>> {
  const { identity, address, agentVersion, proof, timeoutMs = 10_000, signal } = options;
  const client = identity.clientTo(address);
  const { path, requestSerialize, responseDeserialize } = policySyncService.sync;
  const stream = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(path, requestSerialize, responseDeserialize);
  const limit = AbortSignal.any([signal, systemClock.limit(timeoutMs)]);
  const asked = new Promise<Result<void, NotServed>>((resolve) => {
    const away = (reason: string) => resolve(err({ kind: 'away', reason }));
    const late = () => away(signal.aborted ? 'stopped' : `no answer within ${timeoutMs} ms`);
    if (limit.aborted) late();
    limit.addEventListener('abort', late, { once: true });
    stream.on('data', () => resolve(ok(undefined)));
    stream.on('end', () => away('the stream ended without an answer'));
    stream.on('error', (error: ServiceError) => resolve(err({ kind: kindOf(error), reason: error.details })));
  });
  const host = { addresses: [], facts: new Map<string, string>() };
  const shown = proof === undefined ? {} : { takesProof: true as const, proof };
  stream.write(encodeUpMessage({ kind: 'hello', agentVersion, host, asksOnly: true, ...shown }));
  return asked.finally(() => {
    stream.cancel();
    client.close();
  });
}

/** TLS tells of a certificate that does not hold as of a connection that was not made. */
function kindOf({ code, details }: ServiceError): NotServed['kind'] {
  if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) return 'wrong';
  return /certificate|self.signed|altname|wrong version number|packet length/i.test(details) ? 'wrong' : 'away';
}
