import { ServiceError } from '../../src/platform/errors.js';
import { answerParent } from '../../src/platform/isolated.js';

/** Work that a test runs in a thread, named by its input. */
await answerParent(async (work: string) => {
  if (work === 'answer') return { answer: 42 };
  if (work === 'refuse')
    throw new ServiceError('invalid_model', 'It contradicts itself.', { hint: 'Mend it.', cause: 'x' });
  if (work === 'bug') throw new TypeError('a mistake of ours');
  if (work === 'exit') process.exit(3);
  const held: number[][] = [];
  for (;;) if (work === 'memory') held.push(Array.from({ length: 10_000 }, (_, i) => i + held.length));
});
