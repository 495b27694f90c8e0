// The control plane's CA: which it is, and its replacement by another, step by step. See ca-rotation.ts.

import type { CaRotation, CaStanding } from '#control-plane/fleet/ca-rotation.ts';
import { ApiError } from '../answers/api-error.ts';
import { caRetirement, caRetirementAnswer, caRotationAnswer, caStanding } from '../answers/ca-schemas.ts';
import { isoTime } from '../answers/iso-time.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { someOf } from './some-names.ts';

const namesTold = 100;

export function caRoutes(app: Api, { fleet, rotation }: ApiContext & { readonly rotation: CaRotation }): void {
  app.get(
    '/api/v1/ca',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'The CA that hosts trust, and how far they have come on their way to the next one',
        tags: ['fleet'],
        response: { 200: caStanding },
      },
    },
    async () => viewOf(rotation.standing()),
  );

  app.post(
    '/api/v1/ca/rotate',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Make the next CA and tell hosts of it; where there is one, nothing is changed',
        tags: ['fleet'],
        response: { 200: caRotationAnswer },
      },
    },
    async (request) => {
      const hasBegun = await fleet.inTurn(request.operator, (actor) => rotation.rotate(actor));
      return { began: hasBegun ? ('now' as const) : ('before' as const), ...viewOf(rotation.standing()) };
    },
  );

  app.post(
    '/api/v1/ca/retire',
    {
      config: { access: 'operator' },
      schema: {
        summary:
          'Put the next CA in the place of the old one, whose certificates hold no more; refused where hosts would be lost',
        tags: ['fleet'],
        body: caRetirement,
        response: { 200: caRetirementAnswer },
      },
    },
    async (request) => {
      const { losing } = request.body;
      const retired = await fleet.inTurn(request.operator, (actor) => rotation.retire(actor, losing));
      if (retired === undefined)
        throw new ApiError('not-rotating', 'the CA is not being replaced; begin with segwall ca rotate');
      if (!retired.ok)
        throw new ApiError(
          'not-moved',
          `${retired.error}: they would be lost; nothing was changed. Wait for hosts (segwall ca), replace tokens (segwall operators rotate NAME), remove hosts that are gone (segwall agents remove), or accept it: segwall ca retire --yes`,
        );
      const { left, operators } = retired.value;
      return { ...viewOf(rotation.standing()), lost: someOf(left, namesTold), operators: [...operators] };
    },
  );
}

function viewOf({ present, next }: CaStanding) {
  return {
    present: certificateOf(present),
    ...(next === undefined
      ? {}
      : {
          next: {
            ...certificateOf(next),
            ...{ hosts: next.hosts, trusting: next.trusting, moved: next.moved },
            ...{ left: someOf(next.left, namesTold), operators: [...next.operators] },
          },
        }),
  };
}

function certificateOf({ fingerprint, endsAt }: CaStanding['present']) {
  return { fingerprint, endsAt: isoTime(endsAt) };
}
