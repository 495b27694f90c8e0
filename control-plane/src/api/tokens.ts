// Join tokens: made, listed, revoked. A token's text is in the answer that makes it and nowhere else.

import { z } from 'zod';
import { newJoinToken, newTokenId, tokenHash } from '#control-plane/fleet/tokens.ts';
import { readRanges } from '#control-plane/inventory/allowed-ranges.ts';
import { millis } from '#model/time.ts';
import { ApiError } from '../answers/api-error.ts';
import { isoTime } from '../answers/iso-time.ts';
import { type JoinTokenView, joinToken, tokenAnswer, tokenRequest } from '../answers/schemas.ts';
import type { JoinToken } from '../store/tokens.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { assertLabelKeys } from './label-keys.ts';

export interface TokenContext extends ApiContext {
  readonly enrol: () => { readonly controlPlane: string; readonly caFingerprint: string };
}

export function tokenRoutes(app: Api, { fleet, store, tenant, now, enrol }: TokenContext): void {
  app.post(
    '/api/v1/tokens',
    {
      config: { access: 'operator' },
      schema: { summary: 'Create a join token', tags: ['tokens'], body: tokenRequest, response: { 200: tokenAnswer } },
    },
    async (request) => {
      const { labels, uses, ttlSeconds, addresses, ephemeralMinutes, renews } = request.body;
      assertLabelKeys(Object.keys(labels));
      const ranges = addresses === undefined ? undefined : readRanges(addresses);
      if (ranges?.ok === false) throw new ApiError('addresses-invalid', ranges.error);
      const token = newJoinToken();
      const id = newTokenId();
      const expiresAt = await fleet.inTurn(request.operator, async (actor) => {
        assertRenewable(fleet, request.body);
        const at = now();
        const endsAt = millis(at + ttlSeconds * 1000);
        await store.createJoinToken({
          tenant,
          id,
          hash: tokenHash(token),
          labels,
          uses,
          expiresAt: endsAt,
          ...(ranges === undefined ? {} : { ranges: ranges.value }),
          ...(ephemeralMinutes === undefined ? {} : { ephemeralMs: ephemeralMinutes * 60_000 }),
          ...(renews === undefined ? {} : { renews }),
          note: {
            at,
            actor,
            action: 'token-created',
            target: id,
            details: {
              ...{ labels, uses, expiresAt: endsAt },
              ...(ranges === undefined ? {} : { addresses: ranges.value }),
              ...(ephemeralMinutes === undefined ? {} : { ephemeralMinutes }),
              ...(renews === undefined ? {} : { renews }),
            },
          },
        });
        return endsAt;
      });
      return { token: token.reveal(), id, expiresAt: isoTime(expiresAt), enrol: enrol() };
    },
  );

  app.get(
    '/api/v1/tokens',
    {
      config: { access: 'operator' },
      schema: { summary: 'List join tokens', tags: ['tokens'], response: { 200: z.array(joinToken) } },
    },
    async () => (await store.listJoinTokens({ tenant })).map((token) => tokenView(token, now())),
  );

  app.delete(
    '/api/v1/tokens/:id',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Revoke a join token; hosts that joined with it stay',
        tags: ['tokens'],
        params: z.object({ id: z.string().max(128) }),
        response: { 200: z.object({ id: z.string() }) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const revoke = (actor: string) =>
        store.revokeJoinToken({ tenant, id, note: { at: now(), actor, action: 'token-revoked', target: id } });
      if (!(await fleet.inTurn(request.operator, revoke, 'containment')))
        throw new ApiError('not-found', `there is no token ${id} to revoke`);
      return { id };
    },
  );
}

/** The host keeps what it has: such a token gives nothing more, to nobody else. */
function assertRenewable(fleet: ApiContext['fleet'], asked: z.infer<typeof tokenRequest>): void {
  const { renews, labels, uses, addresses, ephemeralMinutes } = asked;
  if (renews === undefined) return;
  if (fleet.hostEntry(renews) === undefined) throw new ApiError('not-found', `no host is enrolled as ${renews}`);
  if (uses !== 1 || Object.keys(labels).length > 0 || addresses !== undefined || ephemeralMinutes !== undefined)
    throw new ApiError(
      'bad-request',
      'a token that renews a host has one use, and no labels or addresses: the host keeps its own',
    );
}

function tokenView(token: JoinToken, now: number): JoinTokenView {
  const { id, labels, createdBy } = token;
  return {
    id,
    labels: { ...labels },
    uses: token.usesAllowed,
    spent: token.usesSpent,
    createdAt: isoTime(token.createdAt),
    createdBy,
    expiresAt: isoTime(token.expiresAt),
    ...(token.ranges === undefined ? {} : { addresses: token.ranges }),
    ...(token.ephemeralMs === undefined ? {} : { ephemeralMinutes: token.ephemeralMs / 60_000 }),
    ...(token.renews === undefined ? {} : { renews: token.renews }),
    state: stateOf(token, now),
  };
}

function stateOf(token: JoinToken, now: number): JoinTokenView['state'] {
  if (token.revokedAt !== undefined) return 'revoked';
  if (token.usesSpent >= token.usesAllowed) return 'spent';
  return now >= token.expiresAt ? 'expired' : 'open';
}
