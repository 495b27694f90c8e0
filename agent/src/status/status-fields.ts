// What each field of `segwall-agent status --json` says: docs/reference/status.md is made from it, and its type has every field of the document and no
// other. No running agent loads it.

import type { AgentStatusDocument } from './status-socket.ts';

export const statusFields: Readonly<Record<keyof AgentStatusDocument, string>> = {
  host: 'The name by which this host is enrolled.',
  revision: 'The newest revision that the control plane sent.',
  applied: 'The revision in force in the kernel; 0 where there is none.',
  mode: 'The stricter of the host’s two directions; `open` where it never had a policy.',
  modes: 'The same for each direction: `inbound`, `outbound`.',
  connected: 'Whether there is a stream to the control plane.',
  connection: '`since` when it is connected, or is not (ISO 8601), and for which `reason` it is not.',
  certificateEnds: 'When the host’s certificate ends, in ISO 8601.',
  clockAheadMs: 'By how much this host’s clock is ahead of the control plane’s; absent before it was heard.',
  lost: 'Every flow lost since the start, by any cause.',
  running: 'Whether an agent runs; without one the document has only what the disk knows.',
  controlPlane: 'The addresses of the control plane that the host was enrolled with.',
  controlPlanes:
    'Each address of it in the order in which they are tried, with `state` and, where it has one, `problem`.',
  announced: 'Where the control plane says that it is from now on, and how far this host is on its way there.',
  version: 'Of the agent.',
  startedAt: 'When the agent started, in ISO 8601.',
  pid: 'The agent’s process.',
  workloads: 'How many workloads the rule set has on this host.',
  peerSets: 'How many peer sets it has.',
  addresses: 'The addresses that the host publishes.',
  forwards: 'Absent where the host forwards nothing; `guests` are the interfaces behind which only guests of it are.',
  addressStanding: 'What the control plane said last of the host’s claims to addresses; absent before it did.',
  repairs: 'How often somebody else changed the table since the start, and it was put back.',
  problem: 'What is wrong with the policy, in words; empty where nothing is.',
  warnings: 'What may override the rules or keep them from holding, in words.',
  problems:
    'What keeps the host from being protected or connected: `code` ([all](host-problems.md)), `text`, `remedy`.',
  foreign: 'What in others’ tables could override ours or deny what we allow, with its place.',
  failedWrites: 'How often a file of the state directory could not be written.',
  panic: 'The host is open because someone at the console said so: `since` when, and the `reason`.',
  isOpened: 'Whether the rules are not in the kernel: after a panic, and until they are loaded again after it.',
  quarantines: 'What of this host is quarantined, and what stays allowed.',
  identityShared:
    'The control plane keeps this agent out, since another has its identity: `since` when, and the `reason`.',
  essentials: 'What passes before any policy, in words.',
  events: 'How many entries wait for the control plane’s audit log, and how many were lost before they got there.',
  names: 'Of the domain names of the policy: what is known of each.',
  flows: 'Of the reports of flows: what waits, what was sent, lost and refused.',
};
