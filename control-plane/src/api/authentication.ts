// The door of the operator API: whether a request came to the right host, whether its route is public, and else whose token it has.
// Asked once the headers are read; no byte of a body is, of anybody who does not pass. A body may take minutes, and what is asked for longer:
// so it is asked again once the body is there, and by whatever changes something, in its turn (asker.ts).

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Asker } from '#control-plane/fleet/asker.ts';
import { type FoundOperator, type OperatorTokens, tokenStateText } from '#control-plane/fleet/operator-tokens.ts';
import { Secret } from '#model/secret.ts';
import { ApiError } from '../answers/api-error.ts';
import type { HostCheck } from './answered-hosts.ts';
import type { CallRefusal, FailedCalls } from './failed-calls.ts';

/** The name alone: that for the audit log is given where a change is carried out. */
export type Operator = Asker;

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on public routes. */
    operator: Operator;
  }
}

export interface Door {
  readonly operators: OperatorTokens;
  readonly isAnsweredHost: HostCheck;
  readonly failures: FailedCalls;
}

/** Throws an ApiError unless the request may go on; a path without a route is told to operators only. */
export function admit(door: Door, request: FastifyRequest): void {
  const verdict = door.isAnsweredHost({
    hosts: request.raw.headersDistinct['host'] ?? [],
    target: request.raw.url ?? '',
    localAddress: request.raw.socket.localAddress,
  });
  if (verdict.kind === 'refused') {
    const host = JSON.stringify(verdict.host);
    throw refusal(door, request, {
      reason: 'host-unknown',
      error: new ApiError(
        'misdirected',
        `this control plane does not answer for the host ${host}; call it by the address it listens on, or add the name to its setting apiNames`,
      ),
    });
  }
  if (request.routeOptions.config.access === 'public') return;
  request.operator = authenticate(door, request);
  if (request.is404) throw notFound(request);
}

/** The request as it came, for operators only. */
export function notFound({ method, url }: FastifyRequest): ApiError {
  return new ApiError('not-found', `there is no ${method} ${(url.split('?')[0] ?? '').slice(0, 1000)}`);
}

/** Who asks that the body be sent only when it is wanted is told so here. */
export function invite(request: FastifyRequest, reply: FastifyReply): void {
  if (/^100-continue$/i.test(request.headers.expect ?? '')) reply.raw.writeContinue();
}

function authenticate(door: Door, request: FastifyRequest): Operator {
  const values = request.raw.headersDistinct['authorization'] ?? [];
  if (values.length === 0) throw unauthorised(door, request, { reason: 'no-token' });
  const [, token] = /^bearer ([\x21-\x7e]+)$/i.exec(values[0] ?? '') ?? [];
  if (values.length > 1 || token === undefined) throw unauthorised(door, request, { reason: 'token-malformed' });
  const found = door.operators.find(new Secret(token));
  if (found.kind !== 'holds') throw unauthorised(door, request, { reason: `token-${found.kind}`, found });
  return door.operators.asker(found);
}

/** Throws an ApiError where the token has ended since the request was admitted. */
export function admitAgain(door: Door, request: FastifyRequest): void {
  if (request.operator !== null) request.operator = authenticate(door, request);
}

interface Unauthorised {
  readonly reason: CallRefusal;
  readonly found?: FoundOperator;
}

/** Only who had the token whole hears that it held once. */
function unauthorised(door: Door, request: FastifyRequest, { reason, found }: Unauthorised): ApiError {
  const why = found === undefined ? undefined : tokenStateText(found);
  const message =
    why === undefined ? 'this needs an operator token: Authorization: Bearer TOKEN' : `${why}; use another one`;
  const error = new ApiError('unauthorised', message, { ...(why === undefined ? {} : { reason }) });
  const name = found !== undefined && found.kind !== 'unknown' ? found.name : undefined;
  return refusal(door, request, { reason, error, ...(name === undefined ? {} : { name }) });
}

interface Refusal {
  readonly reason: CallRefusal;
  readonly error: ApiError;
  readonly name?: string;
}

function refusal(door: Door, request: FastifyRequest, { reason, error, name }: Refusal): ApiError {
  const address = request.raw.socket.remoteAddress ?? '';
  const { retryAfterSeconds } = door.failures.take({ address, reason, ...(name === undefined ? {} : { name }) });
  if (retryAfterSeconds === undefined) return error;
  const message = `too many calls without a token that holds came from ${address}, or from everywhere; those with one still pass`;
  return new ApiError('too-many-failures', message, { retryAfterSeconds });
}
