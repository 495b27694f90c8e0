// `npm run fuzz -- NAME [--minutes N] [--seed N] [--out DIR]`: fuzzes one target, or `all` of them one after the other. A finding is stored
// and told with the command that repeats it, and the exit status is then 1. `--replay FILE` runs one stored input alone.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type Finding, fuzz, replay } from './fuzz.ts';
import type { FuzzTarget } from './target.ts';
import { targets } from './targets.ts';

interface Options {
  readonly minutes: number;
  readonly seed?: number;
  readonly out: string;
  readonly replay?: string;
}

const progressMs = 5000;
const list = targets.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join('\n');

function numberFrom(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least) || !Number.isFinite(value))
      throw new InvalidArgumentError(`it is to be a number from ${least} on.`);
    return value;
  };
}

async function fuzzOne(target: FuzzTarget, { minutes, seed = Date.now() % 2 ** 31, out }: Options): Promise<boolean> {
  const began = Date.now();
  let toldAt = began;
  const seconds = () => ((Date.now() - began) / 1000).toFixed(0);
  console.log(`${target.name}: ${target.what}; seed ${seed}`);
  const { executions, finding } = await fuzz(target, {
    seed,
    most: Number.POSITIVE_INFINITY,
    until: began + minutes * 60_000,
    onProgress(done) {
      if (Date.now() - toldAt < progressMs) return;
      toldAt = Date.now();
      console.log(`  ${done} inputs in ${seconds()} s`);
    },
  });
  if (finding === undefined) {
    console.log(`${target.name}: nothing found with ${executions} inputs in ${seconds()} s`);
    return true;
  }
  await tell(target, finding, out);
  return false;
}

async function tell({ name }: FuzzTarget, { input, seed, reason }: Finding, out: string): Promise<void> {
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const path = join(out, `${name}-${digest}`);
  await mkdir(out, { recursive: true });
  await writeFile(path, input);
  console.log(`${name}: FOUND with ${input.length} bytes${seed === undefined ? ' of the corpus' : `, seed ${seed}`}`);
  console.log(reason);
  console.log(`stored as ${path}; again: npm run fuzz -- ${name} --replay ${path}`);
}

async function run(name: string, options: Options): Promise<number> {
  const chosen = name === 'all' ? targets : targets.filter((target) => target.name === name);
  const [target] = chosen;
  if (target === undefined) {
    console.error(`there is no target "${name}"; the targets are:\n${list}`);
    return 2;
  }
  if (options.replay !== undefined) {
    const reason = await replay(target, await readFile(options.replay));
    console.log(reason ?? `${target.name}: ${options.replay} finds nothing`);
    return reason === undefined ? 0 : 1;
  }
  let isClean = true;
  for (const each of chosen) isClean = (await fuzzOne(each, options)) && isClean;
  return isClean ? 0 : 1;
}

const program = new Command('npm run fuzz --')
  .description(
    'Feeds a reader of others’ bytes with what is almost right, until it breaks a promise or the time is over.',
  )
  .argument('<name>', 'a target, or all')
  .option('--minutes <n>', 'how long, for each target', numberFrom(0), 1)
  .option('--seed <n>', 'the first seed; a new one each time otherwise', numberFrom(0))
  .option('--out <dir>', 'where findings are stored', 'fuzz-findings')
  .option('--replay <file>', 'runs the one input in this file')
  .addHelpText('after', `\nTargets:\n${list}`)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
program.action(async (name: string, options: Options) => {
  process.exitCode = await run(name, options);
});
await program.parseAsync();
