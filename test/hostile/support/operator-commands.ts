// Every command of an operator against a server, as it would be typed: what must go on working whatever a host has sent. A command that is not
// here is red in test/hostile/messages.property.test.ts.

import { Command } from 'commander';
import { registerServerCommands } from '#cli/server/register.ts';

export type Typed = readonly string[] | { readonly left: string };

/** `policy`: a directory with one segment, shop; `scratch`: one to write into; `time`: a word that no earlier call had. */
export function operatorCommands(given: {
  readonly policy: string;
  readonly scratch: string;
  readonly time: string;
}): Readonly<Record<string, Typed>> {
  const { policy, scratch, time } = given;
  const operator = `night-${time}`;
  return {
    apply: ['apply', policy],
    rollback: ['rollback'],
    diff: ['diff', policy],
    history: ['history'],
    'drafts delete': { left: 'it needs a number that a command before it printed; see drafts.test.ts' },
    plan: ['plan', policy],
    suggest: ['suggest', '--segment', 'shop'],
    status: ['status'],
    agents: ['agents'],
    'agents wait': { left: 'it waits for hosts to answer, and a hostile one answers when it likes' },
    'agents allow-addresses': ['agents', 'allow-addresses', 'web-1', '10.0.0.0/8', '--add'],
    'agents revoke': { left: 'it ends the host that the messages come from; see contained-host.test.ts' },
    'agents remove': { left: 'as revoke' },
    quarantine: ['quarantine', 'web-1'],
    release: ['release', 'web-1'],
    resume: { left: 'it ends the hold of a store that was put back; see behind.test.ts' },
    workloads: ['workloads'],
    label: ['label', 'web-1', `time=${time}`],
    'tokens create': ['tokens', 'create', '--labels', 'app=shop'],
    'tokens list': ['tokens', 'list'],
    'tokens revoke': { left: 'it needs an id that a command before it printed; see operator-tokens.test.ts' },
    'operators create': ['operators', 'create', operator],
    'operators list': ['operators', 'list'],
    'operators rotate': ['operators', 'rotate', operator],
    'operators revoke': ['operators', 'revoke', operator],
    flows: ['flows', '--limit', '1000'],
    coverage: ['coverage'],
    audit: ['audit'],
    'audit key': ['audit', 'key'],
    'audit export': ['audit', 'export', '--out', `${scratch}/audit-${time}.ndjson`],
    'audit verify': { left: 'it asks no server; see audit-export.test.ts' },
    ca: ['ca'],
    'ca rotate': { left: 'it replaces the CA of the host that the messages come from; see ca-rotation.test.ts' },
    'ca retire': { left: 'as ca rotate' },
    'control-planes announce': ['control-planes', 'announce', '127.0.0.1:1'],
    'control-planes list': ['control-planes', 'list'],
    'control-planes withdraw': ['control-planes', 'withdraw'],
    'audit prune': { left: 'it takes away what the restart is to find; see audit-export.test.ts' },
  };
}

/** The paths of all that exist. */
export function existingCommands(): readonly string[] {
  const program = new Command('segwall');
  registerServerCommands(program);
  return program.commands.flatMap((child) => pathsOf(child, child.name()));
}

function pathsOf(command: Command, path: string): readonly string[] {
  const own = command.commands.flatMap((child) => pathsOf(child, `${path} ${child.name()}`));
  const isGroup = command.commands.length > 0 && !['agents', 'audit', 'ca'].includes(command.name());
  return isGroup ? own : [path, ...own];
}
