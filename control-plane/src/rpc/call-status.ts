// How a call ends: a gRPC status, with when to come back where it makes sense to.

import { status } from '@grpc/grpc-js';

export interface CallStatus {
  readonly code: status;
  readonly details: string;
  /** The caller is asked not to come back before; it adds some chance of its own. */
  readonly retryAfterMs?: number;
}

/** The name that gRPC gives to it in trailers. */
export const pushbackHeader = 'grpc-retry-pushback-ms';

export function violation(details: string): CallStatus {
  return { code: status.INVALID_ARGUMENT, details };
}

/** No room or no turn now; `details` say of what. */
export function comeBack(details: string, retryAfterMs: number): CallStatus {
  return { code: status.RESOURCE_EXHAUSTED, details, retryAfterMs };
}

export function statusHeaders({ code, details, retryAfterMs }: CallStatus): Record<string, string> {
  return {
    'grpc-status': String(code),
    'grpc-message': encodeURI(details.toWellFormed()),
    ...(retryAfterMs === undefined ? {} : { [pushbackHeader]: String(Math.ceil(retryAfterMs)) }),
  };
}
