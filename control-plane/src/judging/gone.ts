// Why nobody waits for a job any more: whoever asked has hung up, or may ask no more.

import { AuthorityEnded } from '#control-plane/fleet/asker.ts';
import { ApiError } from '../answers/api-error.ts';

export function goneError({ reason }: AbortSignal): Error {
  return reason instanceof AuthorityEnded ? reason : new ApiError('busy', 'whoever asked is gone; nothing was changed');
}
