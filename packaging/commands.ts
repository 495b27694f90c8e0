// A program's commands as data, read from what the program itself is made of: the source of its manual page and its completions.

import type { Argument, Command, Option } from 'commander';

export interface DescribedOption {
  /** As typed, the long one last: "--json", "-h, --help", "--state <dir>". */
  readonly text: string;
  readonly flags: readonly string[];
  readonly description: string;
  /** What follows the flag; `optional` may be left out. */
  readonly value?: { readonly name: string; readonly need: 'required' | 'optional' };
  readonly choices: readonly string[];
  readonly fallback?: string;
  readonly isMandatory: boolean;
}

export interface DescribedArgument {
  readonly name: string;
  readonly description: string;
  readonly need: 'required' | 'optional';
  readonly isList: boolean;
}

export interface DescribedCommand {
  /** From the program's name on: ["segwall", "policy", "check"]. */
  readonly path: readonly string[];
  readonly description: string;
  readonly arguments: readonly DescribedArgument[];
  readonly options: readonly DescribedOption[];
  readonly commands: readonly DescribedCommand[];
}

export function describeProgram(program: Command): DescribedCommand {
  return describe(program, []);
}

/** It and all below it, in the order of help. */
export function everyCommand(command: DescribedCommand): readonly DescribedCommand[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function describe(command: Command, above: readonly string[]): DescribedCommand {
  const path = [...above, command.name()];
  const help = command.createHelp();
  return {
    path,
    description: command.description(),
    arguments: command.registeredArguments.map(describeArgument),
    options: help.visibleOptions(command).map(describeOption),
    commands: help
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .map((child) => describe(child, path)),
  };
}

function describeArgument(argument: Argument): DescribedArgument {
  return {
    name: argument.name(),
    description: argument.description,
    need: argument.required ? 'required' : 'optional',
    isList: argument.variadic,
  };
}

function describeOption(option: Option): DescribedOption {
  const name = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
  const fallback: unknown = option.defaultValue;
  const isTold = fallback !== undefined && fallback !== false && fallback !== '';
  return {
    text: option.flags,
    flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
    description: option.description,
    ...(name === undefined ? {} : { value: { name, need: option.required ? 'required' : 'optional' } as const }),
    choices: option.argChoices ?? [],
    ...(isTold ? { fallback: String(fallback) } : {}),
    isMandatory: option.mandatory,
  };
}
