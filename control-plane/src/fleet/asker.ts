// Who asks for a change, from when it is asked for to when it is carried out. In between lie a body that comes slowly, a judging and a queue:
// so the right to it is asked again in the turn that carries it out, and only there is the name given that the audit log has.

export interface Asker {
  /** For turns and budgets. */
  readonly name: string;
  /** Aborts when the right ends, with an AuthorityEnded. */
  readonly ended: AbortSignal;
  /** The name for the audit log. Throws an AuthorityEnded where the right has ended. */
  holding(): string;
}

/** A name alone is somebody whose right does not end: the control plane itself. */
export type Actor = string | Asker;

/** Nothing is changed from here on; turns of the same call before this one are done. */
export class AuthorityEnded extends Error {
  override readonly name = 'AuthorityEnded';
  readonly reason: 'token-expired' | 'token-revoked' | 'token-unknown';

  constructor(message: string, reason: AuthorityEnded['reason']) {
    super(message);
    this.reason = reason;
  }
}

export function holdingName(by: Actor): string {
  return typeof by === 'string' ? by : by.holding();
}

/** Whose turn it is. */
export function turnName(by: Actor): string {
  return typeof by === 'string' ? by : by.name;
}

/** Undefined where the right does not end. */
export function endOf(by: Actor): AbortSignal | undefined {
  return typeof by === 'string' ? undefined : by.ended;
}
