// A program's manual page, made from its own commands, so that the two never disagree.

import { type DescribedArgument, type DescribedCommand, type DescribedOption, everyCommand } from './commands.ts';

export interface ManPage {
  readonly program: DescribedCommand;
  readonly section: 1 | 8;
  readonly summary: string;
  readonly version: string;
  /** Seconds since 1970; the page's date. */
  readonly epochSeconds: number;
  /** Name → what it is for; may be empty. */
  readonly environment: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly seeAlso: readonly string[];
}

/** Text for roff: nothing in it is a request or an escape, and its hyphens can be typed. */
export function escapeRoff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('’', '\\(cq').replaceAll('…', '...');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

export function renderManPage(page: ManPage): string {
  const { program, section, summary } = page;
  const [name = ''] = program.path;
  const date = new Date(page.epochSeconds * 1000).toISOString().slice(0, 10);
  const commands = everyCommand(program).filter((command) => command !== program && command.commands.length === 0);
  const groups = everyCommand(program).filter((command) => command !== program && command.commands.length > 0);
  return `${[
    `.TH ${name.toUpperCase()} ${section} ${date} "Segwall ${page.version}"`,
    '.SH NAME',
    `${escapeRoff(name)} \\- ${escapeRoff(summary)}`,
    '.SH SYNOPSIS',
    `.B ${escapeRoff(name)}`,
    escapeRoff('[OPTION...] COMMAND [ARGUMENT...]'),
    '.SH DESCRIPTION',
    ...paragraph(program.description),
    '.SH OPTIONS',
    ...program.options.flatMap(optionLines),
    '.SH COMMANDS',
    ...[...groups, ...commands].sort(byPlace(program)).flatMap(commandLines),
    ...definitions('ENVIRONMENT', page.environment),
    ...definitions('FILES', page.files),
    '.SH EXIT STATUS',
    ...Object.entries({
      0: 'Done, or it holds.',
      1: 'What was asked about does not hold.',
      2: 'Wrong use.',
      3: 'Could not reach, or not allowed.',
    }).flatMap(([code, text]) => ['.TP', `.B ${code}`, text]),
    '.SH SEE ALSO',
    page.seeAlso.map(escapeRoff).join(',\n'),
  ].join('\n')}\n`;
}

/** Groups where they stand, before what is in them. */
function byPlace(program: DescribedCommand): (a: DescribedCommand, b: DescribedCommand) => number {
  const places = new Map(everyCommand(program).map((command, at) => [command, at]));
  return (a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0);
}

function commandLines(command: DescribedCommand): readonly string[] {
  const words = [...command.path, ...command.arguments.map(argumentText)];
  return [
    `.SS "${escapeRoff(words.join(' '))}"`,
    ...paragraph(command.description),
    ...command.arguments
      .filter(({ description }) => description !== '')
      .flatMap((argument) => ['.TP', `.I ${escapeRoff(argument.name)}`, escapeRoff(sentence(argument.description))]),
    ...command.options.filter(({ text }) => !text.includes('--help')).flatMap(optionLines),
  ];
}

export function argumentText({ name, need, isList }: DescribedArgument): string {
  const word = `${name}${isList ? '...' : ''}`;
  return need === 'required' ? word : `[${word}]`;
}

function optionLines(option: DescribedOption): readonly string[] {
  const remarks = [
    option.description,
    ...(option.choices.length === 0 ? [] : [`one of ${option.choices.join(', ')}`]),
    ...(option.fallback === undefined ? [] : [`default: ${option.fallback}`]),
    ...(option.isMandatory ? ['must be given'] : []),
  ];
  return ['.TP', `.B ${escapeRoff(option.text)}`, escapeRoff(sentence(remarks.filter(Boolean).join('; ')))];
}

function definitions(title: string, entries: Readonly<Record<string, string>>): readonly string[] {
  const lines = Object.entries(entries).flatMap(([name, text]) => ['.TP', `.B ${escapeRoff(name)}`, escapeRoff(text)]);
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

function paragraph(text: string): readonly string[] {
  return text === '' ? [] : [escapeRoff(sentence(text))];
}

/** Help begins small and ends without a stop. */
function sentence(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (line === '') return 'See above.';
  return `${line.slice(0, 1).toUpperCase()}${line.slice(1)}${/[.!?]$/.test(line) ? '' : '.'}`;
}
