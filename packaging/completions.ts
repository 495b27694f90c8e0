// Completions for bash, zsh and fish, made from a program's own commands. Each script is a table: after which words of the command which
// words may follow, and which options take a value. Where nothing of ours fits, the shell completes file names.

import { type DescribedCommand, type DescribedOption, everyCommand } from './commands.ts';

export const shells = {
  bash: { render: renderBash, path: (name: string) => `/usr/share/bash-completion/completions/${name}` },
  zsh: { render: renderZsh, path: (name: string) => `/usr/share/zsh/vendor-completions/_${name}` },
  fish: { render: renderFish, path: (name: string) => `/usr/share/fish/vendor_completions.d/${name}.fish` },
} as const;

const helpFlags = ['--help'];

function functionName(name: string): string {
  return `_${name.replaceAll('-', '_')}`;
}

/** What may follow the command: its commands, then its options and those of the program. */
function wordsAfter(program: DescribedCommand, command: DescribedCommand): readonly string[] {
  const longFlags = (options: readonly DescribedOption[]) => options.flatMap(({ flags }) => flags.slice(-1));
  const inherited = command === program ? [] : longFlags(program.options).filter((flag) => flag !== '--version');
  const names = command.commands.map(({ path }) => path.at(-1) ?? '');
  return [...new Set([...names, ...longFlags(command.options), ...inherited, ...helpFlags])];
}

/** Options whose next word is their value, wherever they stand. */
function valued(program: DescribedCommand): readonly string[] {
  const options = everyCommand(program).flatMap(({ options }) => options);
  return [...new Set(options.filter(({ value }) => value?.need === 'required').flatMap(({ flags }) => flags))].sort();
}

interface Choice {
  readonly at: string;
  readonly flag: string;
  readonly choices: readonly string[];
}

function choicesOf(program: DescribedCommand): readonly Choice[] {
  return everyCommand(program).flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .flatMap(({ flags, choices }) => flags.map((flag) => ({ at: path.slice(1).join(' '), flag, choices }))),
  );
}

/** Both shells read it: how far the words before the cursor lead, as `at`, and whether a value is due, as `due`. */
function walk(program: DescribedCommand, words: string, first: number, last: string): string {
  const steps = everyCommand(program)
    .filter((command) => command !== program)
    .map(({ path }) => `'${path.slice(1).join(' ')}'`);
  return `  local at='' due='' word='' next=''
  local -i i
  for ((i = ${first}; i < ${last}; i++)); do
    word=\${${words}[i]}
    if [[ $word == '=' ]]; then continue; fi
    if [[ -n $due ]]; then due=''; continue; fi
    case $word in
      ${valued(program).join('|') || "''"}) due=$word; continue ;;
      -*) continue ;;
    esac
    next="\${at:+$at }$word"
    case $next in
      ${steps.join('|') || "''"}) at=$next ;;
    esac
  done`;
}

function cases(program: DescribedCommand, name: string): { readonly choices: string; readonly words: string } {
  return {
    choices: choicesOf(program)
      .map(({ at, flag, choices }) => `      '${at} ${flag}') ${name}='${choices.join(' ')}' ;;`)
      .join('\n'),
    words: everyCommand(program)
      .map(
        (command) =>
          `      '${command.path.slice(1).join(' ')}') ${name}='${wordsAfter(program, command).join(' ')}' ;;`,
      )
      .join('\n'),
  };
}

function renderBash(program: DescribedCommand): string {
  const [name = ''] = program.path;
  const { choices, words } = cases(program, 'words');
  return `# bash completion of ${name}, made from its own commands
${functionName(name)}() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=''
  COMPREPLY=()
${walk(program, 'COMP_WORDS', 1, 'COMP_CWORD')}
  if [[ $current == '=' ]]; then current=''; fi
  if [[ -n $due ]]; then
    case "$at $due" in
${choices === '' ? "      '') ;;" : choices}
    esac
  else
    case $at in
${words}
    esac
  fi
  if [[ -n $words ]]; then mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current"); fi
}
complete -o default -F ${functionName(name)} ${name}
`;
}

function renderZsh(program: DescribedCommand): string {
  const [name = ''] = program.path;
  const { choices, words } = cases(program, 'follow');
  return `#compdef ${name}
# zsh completion of ${name}, made from its own commands
${functionName(name)}() {
  local follow=''
${walk(program, 'words', 2, 'CURRENT')}
  if [[ -n $due ]]; then
    case "$at $due" in
${choices === '' ? "      '') ;;" : choices}
    esac
  else
    case $at in
${words}
    esac
  fi
  if [[ -n $follow ]]; then compadd -- \${(z)follow}; fi
  _files
}
${functionName(name)} "$@"
`;
}

function renderFish(program: DescribedCommand): string {
  const [name = ''] = program.path;
  const where = `__${name.replaceAll('-', '_')}_at`;
  const steps = everyCommand(program)
    .filter((command) => command !== program)
    .map(({ path }) => `'${path.slice(1).join(' ')}'`);
  const lines = everyCommand(program).flatMap((command) => {
    const at = command.path.slice(1).join(' ');
    const begin = `complete -c ${name} -n '${where} "${at}"'`;
    return [
      ...command.commands.map(
        (child) => `${begin} -f -a ${quote(child.path.at(-1) ?? '')} -d ${quote(child.description)}`,
      ),
      ...command.options
        .filter(({ flags }) => flags.at(-1)?.startsWith('--') === true)
        .map(({ flags, description, value, choices }) => {
          const long = flags.at(-1)?.slice(2) ?? '';
          const takes =
            value?.need !== 'required' ? '' : choices.length > 0 ? ` -x -a ${quote(choices.join(' '))}` : ' -r';
          return `${begin} -l ${long}${takes} -d ${quote(description)}`;
        }),
    ];
  });
  return `# fish completion of ${name}, made from its own commands
function ${where}
    set -l at
    set -l due
    for word in (commandline -opc)[2..-1]
        if test -n "$due"
            set due
            continue
        end
        switch $word
            case ${valued(program).join(' ') || "''"}
                set due $word
            case '-*'
            case '*'
                if contains -- (string join ' ' $at $word) ${steps.join(' ')}
                    set at (string join ' ' $at $word)
                end
        end
    end
    test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
