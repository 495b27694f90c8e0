// Answers go their way at once, and the table follows.

import { describe } from 'vitest';
import { describeAnswers } from './live-names.ts';

describe('answers that are copied', () => {
  describeAnswers('copied');
});
