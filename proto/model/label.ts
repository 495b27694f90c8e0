// Labels name what a workload is. A Map, not an object, so that a label called "constructor" is only a label.

export type Labels = ReadonlyMap<string, string>;

export const labelKeyPattern = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;
export const labelValuePattern = /^[A-Za-z0-9._:/@+-]{0,63}$/;

/** Words of the selector language, which no key may be. */
export const reservedKeys: ReadonlySet<string> = new Set(['in', 'not', 'has', 'all']);

/** Labels under this prefix are facts an agent reports: policy may select them, nobody may set them. */
export const factPrefix = 'fact/';

export const factKeys = ['os', 'os-version', 'kernel', 'arch', 'agent-version', 'cloud', 'region'] as const;

/** metadata.name and rule names. */
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
