// Which addresses a host may claim, by an operator's word: added, replaced, or taken away.

import { ApiError } from '../answers/api-error.ts';
import { allowAddressesAnswer, allowAddressesRequest, nameParams } from '../answers/schemas.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { noSuchHost } from './fleet.ts';

export function allowAddressesRoutes(app: Api, { fleet }: ApiContext): void {
  app.put(
    '/api/v1/agents/:name/addresses',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Say which addresses a host may claim; answered when what follows is on its way to the agents',
        tags: ['fleet'],
        params: nameParams,
        body: allowAddressesRequest,
        response: { 200: allowAddressesAnswer },
      },
    },
    async (request) => {
      const host = request.params.name;
      const { body } = request;
      const change =
        body.change === 'clear' ? { kind: 'clear' as const } : { kind: body.change, ranges: body.addresses };
      const result = await fleet.allowAddresses({ host, change, actor: request.operator });
      if (result === undefined) throw noSuchHost(fleet, host);
      if (!result.ok) throw new ApiError('addresses-invalid', result.error);
      const { revision, ranges } = result.value;
      return { revision, host, addresses: ranges };
    },
  );
}
