// Agents that say hello: each is refused, or has a stream from then on.

import type { AgentConnection, AgentHello, AgentSession, ConnectRefusal } from '#control-plane/agents/agent-backend.ts';
import type { AgentIdentity } from '#control-plane/pki/agent-identity.ts';
import { RateBudget } from '#control-plane/rpc/rate-budget.ts';
import { err, ok, type Result } from '#model/result.ts';
import { AgentStream } from './agent-stream.ts';
import type { JoinedParts } from './joined-parts.ts';

/** How often a host's reports are taken. Who reports more often is heard with the newest of them when the time has come; nothing is refused. */
const reportPace = { burst: 10, everyMs: 1000 };

export class StreamPort {
  readonly #parts: JoinedParts;
  readonly #reportPace = new RateBudget(reportPace);

  constructor(parts: JoinedParts) {
    this.#parts = parts;
  }

  refusalOfAsking(identity: AgentIdentity, { proof }: AgentHello): ConnectRefusal | undefined {
    const { admission, told } = this.#parts;
    const text = admission.notAdmitted(identity) ?? told.strangerText(identity.host, proof);
    return text === undefined ? undefined : { kind: 'not-admitted', text };
  }

  connect(identity: AgentIdentity, hello: AgentHello, session: AgentSession): Result<AgentConnection, ConnectRefusal> {
    const { admission, happenings } = this.#parts;
    const { host, serial } = identity;
    const notAdmitted = admission.notAdmitted(identity);
    if (notAdmitted !== undefined) {
      happenings.take('agent-refused', host, { from: session.seenFrom, serial, reason: notAdmitted });
      return err({ kind: 'not-admitted', text: notAdmitted });
    }
    if (admission.keepsItsPlace(host, { hello, from: session.seenFrom })) {
      return err({
        kind: 'identity-shared',
        text: `another agent is connected as ${host}; was the disk or state directory copied? enrol the copy anew, as another host`,
      });
    }
    const stream = new AgentStream(this.#parts, { identity, hello, session, reportPace: this.#reportPace });
    stream.begin();
    return ok(stream);
  }
}
