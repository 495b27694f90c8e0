// `segwall-agent settings`: what an agent started now would run with, setting by setting, and the file and line that says so; or all that is
// wrong in its files. Reads them and nothing else.

import { loadSettings, type SettingsPlace } from '#agent/settings/settings-files.ts';
import { effectiveText, settingProblemText } from '#model/settings-file.ts';

/** The exit code: 0, or 1 where an agent would not start with them. */
export async function settingsCommand({ json, ...place }: SettingsPlace & { readonly json: boolean }): Promise<0 | 1> {
  const loaded = await loadSettings(place);
  if (json) {
    const told = loaded.ok
      ? {
          files: loaded.value.files,
          passedOver: loaded.value.passedOver,
          settings: loaded.value.effective,
          problems: [],
        }
      : { files: [], passedOver: [], settings: [], problems: loaded.error };
    process.stdout.write(`${JSON.stringify(told)}\n`);
  } else if (loaded.ok) {
    for (const setting of loaded.value.effective) process.stdout.write(`${effectiveText(setting)}\n`);
    for (const path of loaded.value.passedOver)
      process.stderr.write(`warning: ${path} is not read: the name of a drop-in ends in .yaml\n`);
  } else {
    for (const problem of loaded.error)
      process.stderr.write(`error: settings-invalid: ${settingProblemText(problem)}\n`);
  }
  return loaded.ok ? 0 : 1;
}
