// Every error of `segwall-control-plane` itself; those of its API are in control-plane/src/answers/api-error.ts.

import type { ErrorCatalogue } from './error-entry.ts';

export const controlPlaneErrors = {
  'bad-setting': {
    happened: 'A setting is wrong, missing or unknown, in a file or on the command line.',
    remedy:
      'Correct what is named: its value and what is allowed stand there, and `segwall-control-plane settings` tries it.',
    exit: [1, 2],
  },
  'cannot-start': {
    happened: 'The control plane could not start; nothing was changed, and agents keep what they enforce.',
    remedy:
      'Do what the message says: a port in use, a data directory that another process has, or keys that do not belong together.',
    exit: 1,
  },
  'cannot-back-up': {
    happened: 'No backup was made.',
    remedy:
      'Name a folder that is empty or can be made, with room for the store; run it as the data directory’s owner.',
    exit: 1,
  },
  'cannot-restore': {
    happened: 'The backup was not put back.',
    remedy: 'Name a folder that backup made and left whole, and a data directory that is empty or can be made.',
    exit: 1,
  },
  'cannot-make-ca': {
    happened: 'No other CA was made.',
    remedy: 'Stop the control plane first; where the CA that hosts trust is there after all, keep it.',
    exit: 1,
  },
  'cannot-take-keys': {
    happened: 'The keys in the data directory were not taken as its store’s own.',
    remedy: 'Stop the control plane first, and name the data directory that it refuses to start in.',
    exit: 1,
  },
} as const satisfies ErrorCatalogue;

export type ControlPlaneErrorCode = keyof typeof controlPlaneErrors;
