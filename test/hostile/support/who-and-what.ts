// The whole of what the hostile tests try, in one table: who (rows of each) tries what, what must come of it, and the test that shows it.
// test/docs/threat-model.test.ts holds that no cell is empty and that the tests are there. A new kind of attack is a new `what`.

export const people = ['stranger', 'enrolled', 'revoked', 'operator', 'local user'] as const;
export type Who = (typeof people)[number];

export type Cell =
  | { readonly expected: string; readonly file: string; readonly title: string }
  /** Why there is nothing to try. */
  | { readonly none: string };

const cell = (expected: string, file: string, title: string): Cell => ({
  expected,
  file: `test/${file}.test.ts`,
  title,
});
const none = (why: string): Cell => ({ none: why });
const strangerAtApi = none('a host’s certificate is no token: at the API such a host is a stranger');
const noAgent = none('an operator’s token is no certificate: at the agents’ port an operator is a stranger');
const noShell = none('a local user has no certificate; on the network it is a stranger');
const means = none('an operator is meant to do this, and it stands in the audit log under the token’s name');

export const cells = {
  'read or change through the operator API': {
    stranger: cell('refused', 'hostile/api-access', 'however its path is spelled, without a token'),
    enrolled: strangerAtApi,
    revoked: strangerAtApi,
    operator: cell(
      'done under its own name',
      'hostile/operator-tokens',
      'what an operator does stands under the name of the token',
    ),
    'local user': none('without a token it is a stranger there'),
  },
  'speak on the agents’ port': {
    stranger: cell('no word but Enrol', 'hostile/grpc-strangers', 'gets no word to any call but Enrol'),
    enrolled: cell(
      'by its own identity alone',
      'transport/policy-sync',
      'the second stream replaces the first, which the backend hears end once',
    ),
    revoked: cell('as a stranger', 'hostile/grpc-strangers', 'whose certificate is revoked is a stranger from then on'),
    operator: noAgent,
    'local user': cell(
      'denied by policy there',
      'hostile/control-plane-way',
      'the way is the agent’s: a process of another user is under policy there',
    ),
  },
  'report flows': {
    stranger: cell('refused', 'transport/flow-report', 'without a certificate there is no receipt'),
    enrolled: cell('its own count, others’ are refused and counted', 'hostile/flows', 'a record of'),
    revoked: cell('nothing is written', 'hostile/flows', 'revoked by the time its batch is stored'),
    operator: noAgent,
    'local user': noShell,
  },
  'claim an address of others': {
    stranger: none('a stranger has no stream to claim on'),
    enrolled: cell(
      'pending',
      'hostile/address-claims',
      'that claims a connected host’s address takes nothing, and third hosts are sent nothing',
    ),
    revoked: cell(
      'keeps what it had, cut off',
      'hostile/contained-host',
      'strangers’ addresses that it claimed are cut off with it, are listed, and an operator lets them go',
    ),
    operator: means,
    'local user': noShell,
  },
  'break others with numbers, texts and lists': {
    stranger: cell(
      'refused before it is read',
      'hostile/grpc-strangers',
      'who says that messages of 4 MiB follow is refused at their first bytes',
    ),
    enrolled: cell(
      'bounded, and no operator fails',
      'hostile/messages.property',
      'AgentMessage: each field at its edges is taken or ends the stream as a violation',
    ),
    revoked: cell('as a stranger', 'hostile/grpc-strangers', 'whose certificate is revoked is a stranger from then on'),
    operator: cell('refused, and never a fault of the server’s own', 'fuzz/texts', 'no target is left out'),
    'local user': none('the agent reads nothing from a local user: its socket only answers'),
  },
  'use up memory, time or places': {
    stranger: cell(
      'limited by address and in all',
      'hostile/grpc-strangers',
      'take the places of an address and no more',
    ),
    enrolled: cell('its own share', 'hostile/host-budgets', 'loses its own oldest rows, and they none'),
    revoked: cell('as a stranger', 'hostile/grpc-strangers', 'whose certificate is revoked is a stranger from then on'),
    operator: cell(
      'in turn, with room for each',
      'hostile/judging',
      'operators take turns, each in his own order, and nobody beyond his room',
    ),
    'local user': cell(
      'takes no part of the agent’s way',
      'hostile/control-plane-way',
      'who takes all ports of the host undoes nothing',
    ),
  },
  'have policy undone, or slip out of it': {
    stranger: cell(
      'undoes nothing',
      'hostile/control-plane-way',
      'a network that lets no connection to the control plane begin',
    ),
    enrolled: cell(
      'its peers hold',
      'hostile/contained-host',
      'sheds nothing by what it reported just before or reports after',
    ),
    revoked: cell('stays cut off', 'hostile/contained-host', 'stays cut off through a restart of the control plane'),
    operator: means,
    'local user': cell('undoes nothing', 'hostile/control-plane-way', 'who takes all ports of the host undoes nothing'),
  },
  'hide what happened': {
    stranger: cell(
      'counted where it is not told',
      'hostile/denied-flood',
      'a flood from more addresses than there is room for is counted where it is not told',
    ),
    enrolled: cell(
      'cannot push out others’ entries',
      'hostile/host-budgets',
      'one host cannot use up the entries of another',
    ),
    revoked: cell(
      'as a stranger',
      'hostile/audit-bounds',
      'tells of a certificate that is refused, with where it came from',
    ),
    operator: cell(
      'told by the last checkpoint',
      'hostile/audit',
      'segwall audit --verify keeps what it saw, and tells of what went since',
    ),
    'local user': cell(
      'changes nothing',
      'hostile/local-user',
      'a local user can read nothing, change nothing and plant nothing',
    ),
  },
  'write to a terminal or a log what looks like ours': {
    stranger: cell('escaped', 'hostile/terminal', 'prints an error of a server’s making'),
    enrolled: cell('escaped', 'hostile/terminal', 'prints a table of others’ text, a line an entry'),
    revoked: none('it writes nothing any more; what it wrote is escaped as an enrolled host’s'),
    operator: cell('escaped', 'hostile/terminal', 'repeats wrong arguments as text'),
    'local user': none('its text reaches an operator through the agent, as an enrolled host’s does'),
  },
  'get at a secret': {
    stranger: cell('no token leaves in clear', 'hostile/tokens-in-clear', 'may not, and is told what to do'),
    enrolled: cell(
      'no certificate of another',
      'hostile/certificates',
      'a certificate of another tenant or of a host that never was is refused',
    ),
    revoked: cell('no certificate by a race', 'hostile/certificates', 'of hundreds of renewals that race with'),
    operator: cell('no token is listed', 'hostile/operator-tokens', 'the list has states and times and no token'),
    'local user': cell(
      'reads nothing',
      'hostile/local-user',
      'a local user can read nothing, change nothing and plant nothing',
    ),
  },
  'change the rules on a host': {
    stranger: none('no port of the agent listens: a stranger reaches nothing that could change rules'),
    enrolled: cell('put back, and told', 'enforcer/tamper', 'it is put back, and told once'),
    revoked: cell('others hold', 'hostile/contained-host', 'stays cut off through a restart of the control plane'),
    operator: means,
    'local user': cell(
      'refused by the kernel',
      'hostile/local-user',
      'a local user can neither list nor change the rules, nor touch connections',
    ),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<Who, Cell>>>>;

export type Doing = keyof typeof cells;
export const doings = Object.keys(cells) as Doing[];
