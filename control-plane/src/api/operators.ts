// Operators and their tokens: made, listed, replaced, revoked. A token's text is in the answer that makes it and nowhere else; the name
// is what the audit log says of whoever uses it. What is answered holds at once, without a restart.

import type { OperatorTokens } from '#control-plane/fleet/operator-tokens.ts';
import { newOperatorToken, newTokenId, tokenHash } from '#control-plane/fleet/tokens.ts';
import { ApiError } from '../answers/api-error.ts';
import { isoTime } from '../answers/iso-time.ts';
import {
  operatorAnswer,
  operatorList,
  operatorParams,
  operatorRequest,
  operatorRevocation,
  operatorRotation,
} from '../answers/operator-schemas.ts';
import type { OperatorToken, OperatorTokenChange } from '../store/operator-tokens.ts';
import type { Api } from './app.ts';
import type { Operator } from './authentication.ts';
import type { ApiContext } from './context.ts';

export interface OperatorRoutesParts extends ApiContext {
  readonly operators: OperatorTokens;
  /** Of the CA that new tokens name. */
  readonly caFingerprint: () => string;
}

export function operatorRoutes(
  app: Api,
  { fleet, store, tenant, now, operators, caFingerprint }: OperatorRoutesParts,
): void {
  const create = () => {
    const ca = caFingerprint();
    const token = newOperatorToken(ca);
    return { token, made: { hash: tokenHash(token), id: newTokenId(), ca } };
  };

  /** What is known of tokens here changes in the same turn: the next one asks by it. */
  const inTurn = <Refusal extends string>(
    by: Operator,
    lane: 'operators' | 'containment',
    change: (actor: string) => Promise<OperatorTokenChange<Refusal>>,
  ) =>
    fleet.inTurn(
      by,
      async (actor) => {
        const done = await change(actor);
        if (done.kind === 'done') operators.put(done.changed);
        return done;
      },
      lane,
    );

  app.get(
    '/api/v1/operators',
    {
      config: { access: 'operator' },
      schema: { summary: 'Tokens of operators', tags: ['operators'], response: { 200: operatorList } },
    },
    async () => operators.list().map((token) => ({ ...viewOf(token), state: token.state })),
  );

  app.post(
    '/api/v1/operators',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Create an operator and a token',
        tags: ['operators'],
        body: operatorRequest,
        response: { 200: operatorAnswer },
      },
    },
    async (request) => {
      const { name, ttlSeconds } = request.body;
      const { token, made: kept } = create();
      const ttl = ttlSeconds === undefined ? {} : { ttlMs: ttlSeconds * 1000 };
      const made = await inTurn(request.operator, 'operators', (actor) => {
        const note = { at: operators.now(), actor, action: 'operator-created', target: name };
        return store.createOperatorToken({ ...kept, tenant, name, ...ttl, note });
      });
      if (made.kind === 'refused') {
        throw new ApiError(
          'operator-exists',
          `operator ${name} has a token that holds; replace it with segwall operators rotate ${name}, or choose another name`,
        );
      }
      return { token: token.reveal(), ...answerOf(made.changed, kept.id), replaced: [] };
    },
  );

  app.post(
    '/api/v1/operators/:name/rotate',
    {
      config: { access: 'operator' },
      schema: {
        summary: "Replace an operator's token; the one before ends now or after an overlap",
        tags: ['operators'],
        params: operatorParams,
        body: operatorRotation,
        response: { 200: operatorAnswer },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { ttlSeconds, overlapSeconds } = request.body;
      const { token, made: kept } = create();
      const ttl = ttlSeconds === undefined ? {} : { ttlMs: ttlSeconds * 1000 };
      const overlapMs = overlapSeconds * 1000;
      const made = await inTurn(request.operator, 'containment', (actor) => {
        const note = { at: operators.now(), actor, action: 'operator-rotated', target: name };
        return store.rotateOperatorToken({ ...kept, tenant, name, ...ttl, overlapMs, note });
      });
      if (made.kind === 'refused') {
        throw new ApiError(
          'not-found',
          `no operator ${name} has a token that holds; make one with segwall operators create ${name}`,
        );
      }
      const replaced = made.changed
        .filter((one) => one.id !== kept.id)
        .map((one) => ({ id: one.id, endsAt: isoTime(one.revokedAt ?? one.expiresAt ?? now()) }));
      return { token: token.reveal(), ...answerOf(made.changed, kept.id), replaced };
    },
  );

  app.delete(
    '/api/v1/operators/:name',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Revoke all tokens of an operator, by name, or one, by its id',
        tags: ['operators'],
        params: operatorParams,
        response: { 200: operatorRevocation },
      },
    },
    async (request) => {
      const which = request.params.name;
      const done = await inTurn(request.operator, 'containment', (actor) => {
        const note = { at: now(), actor, action: 'operator-revoked' };
        return store.revokeOperatorTokens({ tenant, which, note });
      });
      if (done.kind === 'refused' && done.refusal === 'unknown')
        throw new ApiError('not-found', `no operator or token "${which}" holds; see segwall operators list`);
      if (done.kind === 'refused') {
        throw new ApiError(
          'operator-last',
          'nobody would have a token that holds; make another first (segwall operators create NAME), or replace this one (segwall operators rotate NAME)',
        );
      }
      return { name: done.changed[0]?.name ?? which, ids: done.changed.map(({ id }) => id) };
    },
  );
}

function viewOf({ id, name, createdAt, createdBy, expiresAt, revokedAt, lastUsedAt }: OperatorToken) {
  return {
    id,
    name,
    createdAt: isoTime(createdAt),
    createdBy,
    ...(expiresAt === undefined ? {} : { expiresAt: isoTime(expiresAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: isoTime(revokedAt) }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt: isoTime(lastUsedAt) }),
  };
}

function answerOf(changed: readonly OperatorToken[], id: string) {
  const made = changed.find((one) => one.id === id);
  if (made === undefined) throw new Error(`the store does not know token ${id} that it made`);
  const { name, expiresAt } = made;
  return { id, name, ...(expiresAt === undefined ? {} : { expiresAt: isoTime(expiresAt) }) };
}
