// The commands that need a control plane, added to the operator's program: `registerServerCommands(program)`. Each prints a table for people
// and JSON with --json, and exits 0 done, 1 does not hold, 2 wrong use, 3 unreachable or not allowed.

import type { Command } from 'commander';
import { registerAuditCommands } from './audit-commands.ts';
import { registerCaCommands } from './ca-commands.ts';
import { registerControlPlaneCommands } from './control-plane-commands.ts';
import { registerFleetCommands } from './fleet-commands.ts';
import { registerFlowCommands } from './flow-commands.ts';
import { registerOperatorCommands } from './operator-commands.ts';
import { registerPlanCommands } from './plan-commands.ts';
import { registerPolicyCommands } from './policy-commands.ts';
import { registerTokenCommands } from './token-commands.ts';

const helpOnServer = `
The control plane and who asks: --server URL and --token-file FILE, or SEGWALL_SERVER and SEGWALL_TOKEN_FILE or SEGWALL_TOKEN.
Plain http is for loopback alone: a token is never sent in clear over a network.
Exit codes: 0 done or holds, 1 does not hold, 2 wrong use, 3 could not reach it or not allowed.`;

export function registerServerCommands(program: Command): void {
  const offline = new Set(program.commands);
  program
    .option('--server <URL>', 'the control plane; default: SEGWALL_SERVER')
    .option(
      '--token-file <FILE>',
      "file with an operator token, or the control plane's first-start.json; - for standard input; default: SEGWALL_TOKEN or SEGWALL_TOKEN_FILE",
    );
  registerPolicyCommands(program);
  registerPlanCommands(program);
  registerFleetCommands(program);
  registerCaCommands(program);
  registerControlPlaneCommands(program);
  registerTokenCommands(program);
  registerOperatorCommands(program);
  registerFlowCommands(program);
  registerAuditCommands(program);
  for (const command of program.commands) if (!offline.has(command)) explain(command);
}

function explain(command: Command): void {
  command.addHelpText('after', helpOnServer);
  for (const child of command.commands) explain(child);
}
