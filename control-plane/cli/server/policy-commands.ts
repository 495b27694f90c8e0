// The commands that change or compare policy on a server: apply, plan, diff, rollback, history, drafts. What a policy directory may hold and how its
// errors read is the same as offline.

import type { Command } from 'commander';
import { durationMs } from '#cli/output/durations.ts';
import { CommandFailure, guarded } from '#cli/output/failure.ts';
import { assertNumber } from '#cli/output/numbers.ts';
import { printJson, printLine, printProgress, printTable, timeText } from '#cli/output/printing.ts';
import type { ActivePolicyAnswer, ApplyAnswer, PolicyHistory } from '#control-plane/answers/schemas.ts';
import { openApiClient } from './api-client.ts';
import { finish, finishCanary, type WaitOptions } from './applied-output.ts';
import type { ConnectionOptions } from './connection.ts';
import { gitCommitOf } from './git-commit.ts';
import { forgetPlanned, type PlannedPlace, plannedRevision } from './planned-against.ts';
import { readPolicyFiles } from './policy-files.ts';
import { callReviewed, problemLine } from './review-output.ts';
import { withWaiting } from './waiting.ts';

interface ApplyOptions extends WaitOptions {
  readonly draft?: true;
  readonly canary?: true | string;
  readonly hold: string;
  readonly fromDraft?: string;
  readonly skipTests?: true;
  readonly empty?: true;
  readonly message?: string;
  readonly expectRevision?: string;
}

export function registerPolicyCommands(program: Command): void {
  withWaiting(
    program
      .command('apply')
      .description('check a policy directory, run its tests against the live fleet, and make it the active policy')
      .argument('[DIR]', 'the policy directory'),
  )
    .option('--draft', 'check and save it without activating it')
    .option(
      '--canary [SELECTOR]',
      'let the connected hosts with these labels (without SELECTOR: one in ten) enforce it first, and the others after --hold',
    )
    .option('--hold <DURATION>', 'how long the canary hosts must enforce it without trouble', '1m')
    .option('--from-draft <NUMBER>', 'activate a saved draft instead of a directory')
    .option('--skip-tests', "do not run the directory's PolicyTests")
    .option('--empty', 'allow a directory without any document to end all enforcement')
    .option('--message <TEXT>', 'why, in one line, for the history')
    .option(
      '--expect-revision <NUMBER>',
      'refuse if the active policy is not that of this revision; default: the one that the directory was planned against',
    )
    .option('--json', 'one JSON document')
    .action(
      guarded(async (directory: string | undefined, _options: unknown, command: Command) =>
        apply(sourceOf(directory, command.optsWithGlobals())),
      ),
    );

  withWaiting(
    program
      .command('rollback')
      .description('go back to the previous policy, or to that of a revision; during a canary, end it')
      .option('--to <REVISION>', 'the revision whose policy to return to'),
  )
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => rollback(command.optsWithGlobals())));

  program
    .command('diff')
    .description('compare the active policy with a directory, file by file and line by line')
    .argument('<DIR>', 'the policy directory')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (directory: string, _options: unknown, command: Command) =>
        diff(directory, command.optsWithGlobals()),
      ),
    );

  program
    .command('history')
    .description('list list activations and drafts, newest first')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => history(command.optsWithGlobals())));

  program
    .command('drafts')
    .description('policies that were saved and never activated; "history" lists them')
    .command('delete')
    .description('delete a draft')
    .argument('<NUMBER>', 'as "history" lists it')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (number: string, _options: unknown, command: Command) =>
        deleteDraft(number, command.optsWithGlobals()),
      ),
    );
}

async function deleteDraft(text: string, options: ConnectionOptions & { readonly json?: true }): Promise<void> {
  const number = assertNumber(text, 'NUMBER', { least: 1, greatest: Number.MAX_SAFE_INTEGER });
  const client = await openApiClient(options);
  const answer = await client.call<{ readonly policy: number }>('DELETE', `/policy/drafts/${number}`);
  if (options.json) printJson(answer);
  else printLine(`draft ${answer.policy} is deleted`);
}

interface ApplySource {
  readonly directory: string | undefined;
  readonly options: ApplyOptions;
}

/** `apply --canary DIR` names no selector: without a directory there would be nothing to apply. */
function sourceOf(directory: string | undefined, options: ApplyOptions): ApplySource {
  if (directory !== undefined || options.fromDraft !== undefined || typeof options.canary !== 'string')
    return { directory, options };
  return { directory: options.canary, options: { ...options, canary: true } };
}

async function apply({ directory, options }: ApplySource): Promise<void> {
  const timeoutMs = durationMs(options.timeout, '--timeout');
  const holdMs = durationMs(options.hold, '--hold');
  assertOneSource(directory, options);
  const files = options.fromDraft === undefined ? await readPolicyFiles(directory, options) : [];
  if (files === undefined) return;
  const source =
    options.fromDraft === undefined ? { files } : { draft: assertNumber(options.fromDraft, '--from-draft') };
  const { canary, message } = options;
  const client = await openApiClient(options);
  const planned = directory === undefined ? undefined : { controlPlane: client.controlPlane, directory };
  const expectRevision = await expectedOf(options, planned);
  const commit = directory === undefined ? undefined : await gitCommitOf(directory);
  const answer = await callReviewed<ApplyAnswer>(client, '/policy/apply', {
    body: {
      ...source,
      mode: options.draft ? 'save-draft' : 'activate',
      tests: options.skipTests ? 'skip' : 'run',
      empty: options.empty ? 'allow' : 'refuse',
      ...(message === undefined ? {} : { message }),
      ...(commit === undefined ? {} : { commit }),
      ...(expectRevision === undefined ? {} : { expectRevision }),
      ...(canary === undefined
        ? {}
        : { canary: { holdMs, answerMs: timeoutMs, ...(canary === true ? {} : { selector: canary }) } }),
    },
    json: options.json,
  });
  if (answer === undefined) return;
  if (planned !== undefined && answer.state !== 'draft') await forgetPlanned(planned);
  if (answer.state === 'draft') {
    if (options.json) {
      printJson({ draft: answer.policy, revision: answer.revision, warnings: answer.warnings });
      return;
    }
    for (const warning of answer.warnings) printProgress(problemLine(warning));
    printLine(`saved as draft ${answer.policy}; activate it with: segwall apply --from-draft ${answer.policy}`);
    return;
  }
  if (answer.state === 'canary') await finishCanary(client, { answer, options, timeoutMs });
  else await finish(client, { answer, options, timeoutMs });
}

/** What was said, or what the directory was planned against; a draft expects nothing. */
async function expectedOf(options: ApplyOptions, planned: PlannedPlace | undefined): Promise<number | undefined> {
  if (options.expectRevision !== undefined) return assertNumber(options.expectRevision, '--expect-revision');
  return planned === undefined || options.draft === true ? undefined : plannedRevision(planned);
}

function assertOneSource(directory: string | undefined, { draft, canary, fromDraft }: ApplyOptions): void {
  if (draft !== undefined && canary !== undefined)
    throw new CommandFailure(2, 'bad-option', '--draft and --canary exclude each other; give one');
  if (fromDraft === undefined || (directory === undefined && draft === undefined)) return;
  const other = directory === undefined ? '--draft' : `the directory ${directory}`;
  throw new CommandFailure(2, 'bad-option', `--from-draft ${fromDraft} and ${other} exclude each other; give one`);
}

async function rollback(options: WaitOptions & { readonly to?: string }): Promise<void> {
  const timeoutMs = durationMs(options.timeout, '--timeout');
  const client = await openApiClient(options);
  const body = options.to === undefined ? {} : { to: assertNumber(options.to, '--to') };
  const answer = await callReviewed<ApplyAnswer>(client, '/policy/rollback', { body, json: options.json });
  if (answer !== undefined) await finish(client, { answer, options, timeoutMs });
}

async function diff(directory: string, options: ConnectionOptions & { readonly json?: true }): Promise<void> {
  const { renderTextDiff } = await import('./text-diff.ts');
  const files = await readPolicyFiles(directory, options);
  if (files === undefined) return;
  const client = await openApiClient(options);
  const active = await client.call<ActivePolicyAnswer>('GET', '/policy');
  const before = new Map(active.files.map(({ path, text }) => [path, text]));
  const after = new Map(files.map(({ path, text }) => [path, text]));
  const changed = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path) => {
    const [left, right] = [before.get(path), after.get(path)];
    if (left === right) return [];
    const state =
      left === undefined ? ('added' as const) : right === undefined ? ('removed' as const) : ('changed' as const);
    return [{ path, state, diff: renderTextDiff(left ?? '', right ?? '') }];
  });
  if (options.json) {
    printJson({ revision: active.revision, policy: active.policy, files: changed });
    return;
  }
  if (changed.length === 0)
    printLine(`no difference from policy ${active.policy}, active since revision ${active.revision}`);
  for (const file of changed) printLine(`${file.state}: ${file.path}\n${file.diff}`);
}

async function history(options: ConnectionOptions & { readonly json?: true }): Promise<void> {
  const client = await openApiClient(options);
  const { activations, drafts } = await client.call<PolicyHistory>('GET', '/policy/history');
  if (options.json) {
    printJson({ activations, drafts });
    return;
  }
  await printTable(
    ['REVISION', 'POLICY', 'KIND', 'AT', 'BY', 'COMMIT', 'MESSAGE', ''],
    activations.map((one) => [
      String(one.revision),
      String(one.policy),
      one.kind,
      timeText(one.at),
      one.actor,
      (one.commit ?? '').replace(/^([0-9a-f]{12})[0-9a-f]*/, '$1'),
      one.message ?? '',
      one.state === 'active' ? 'active' : '',
    ]),
    'nothing was ever activated',
  );
  if (drafts.length > 0) {
    printLine('');
    await printTable(
      ['DRAFT', 'FILES', 'SAVED', 'BY'],
      drafts.map((one) => [String(one.policy), String(one.files), timeText(one.at), one.actor]),
      'no drafts',
    );
  }
}
