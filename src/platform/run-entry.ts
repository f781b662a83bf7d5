import { ServiceError } from './errors.js';

/** What the person who starts the process can mend, such as a variable or a folder that is in use: said without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'The port is in use. Set PORT to another, or end the process that listens there.',
  EACCES: 'The service lacks a permission that it needs, for its port or its DATA_DIR.',
  EROFS: 'DATA_DIR lies on a disk that cannot be written.',
};

/** Runs an entry point; ends the process with one sentence when it cannot start for a reason of the outside world. */
export async function runEntry(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const sentence = reasonOf(error);
    if (sentence === undefined) throw error;
    process.stderr.write(`Modelpress cannot start. ${sentence}\n`);
    process.exit(1);
  }
}

function reasonOf(error: unknown): string | undefined {
  if (error instanceof StartError) return error.message;
  if (error instanceof ServiceError) return error.detail;
  return SYSTEM_REASONS[(error as NodeJS.ErrnoException).code ?? ''];
}
