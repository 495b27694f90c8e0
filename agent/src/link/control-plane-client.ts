// A gRPC client of the control plane: TLS 1.3 that trusts the one CA and the one name, whatever address leads there, and
// through no proxy but the one it is given. Waiting and trying again are the callers' to decide: a client that failed is closed and another made.

import { X509Certificate } from 'node:crypto';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import {
  ChannelCredentials,
  Client,
  type ClientReadableStream,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { systemClock } from '#clock/system-clock.ts';
import { authorityOf, serverNameFor } from '#wire/authority.ts';
import { type ControlPlaneAddress, grpcTarget } from '#wire/control-plane-address.ts';
import { limits } from '#wire/limits.ts';
import { controlPlaneName, type MethodDefinition } from '#wire/services.ts';

/** PEM. Without key and certificate only enrolment is open. */
export interface ClientTls {
  readonly ca: string;
  readonly own?: { readonly key: string; readonly certificate: string };
}

export type { Client, ClientReadableStream, ServiceError };

/** `proxy`: an HTTP proxy that takes CONNECT; what the environment says of proxies is not heeded. */
export function openClient(address: ControlPlaneAddress, tls: ClientTls, proxy?: ControlPlaneAddress): Client {
  const context = createSecureContext({
    ca: tls.ca,
    minVersion: 'TLSv1.3',
    ...(tls.own === undefined ? {} : { key: tls.own.key, cert: tls.own.certificate }),
  });
  const credentials = ChannelCredentials.createFromSecureContext(context, {
    checkServerIdentity: (_asked, certificate) => checkServerIdentity(controlPlaneName, certificate),
  });
  return new Client(grpcTarget(proxy ?? address), credentials, {
    // Asks for the certificate of the CA that is trusted here; whose name is checked stands above.
    'grpc.ssl_target_name_override': serverNameFor(authorityOf(new X509Certificate(tls.ca))),
    'grpc.default_authority': controlPlaneName,
    // Otherwise clients share connections, and with them the waiting after a failure.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    ...(proxy !== undefined && { 'grpc.http_connect_target': grpcTarget(address) }),
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': limits.controlPlaneMessageBytes,
    'grpc.max_send_message_length': limits.agentMessageBytes,
  });
}

export interface UnaryCall {
  readonly client: Client;
  readonly method: MethodDefinition;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type UnaryAnswer =
  | { readonly kind: 'answered'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly error: ServiceError };

/** Nobody answered in time, whatever became of the request. */
export function isAway({ code }: ServiceError): boolean {
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
}

export function callUnary({ client, method, request, timeoutMs, signal }: UnaryCall): Promise<UnaryAnswer> {
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest<Uint8Array, Uint8Array>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline: systemClock.wall() + timeoutMs },
      (error, bytes) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null && bytes !== undefined) resolve({ kind: 'answered', bytes });
        else if (error !== null) resolve({ kind: 'failed', error });
      },
    );
    const cancel = () => call.cancel();
    if (signal?.aborted) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}
