// Where something stands in the files of policy.

/** Where something stood: the file's path relative to the policy directory, line and column from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}
