import { createHash } from 'node:crypto';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The holder may be stopped or busy; its name is a courtesy. */
const ANSWER_LIMIT_MS = 1_000;

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Takes a folder for this process alone, until it releases it or dies. The lock is a listening socket named by a hash of the
 * folder's real path: the kernel removes it with its holder, however that dies. On Linux the name is abstract; elsewhere it is
 * a path, and one that nobody answers on is a dead holder's and is replaced. Throws when another process has the folder.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const hash = createHash('sha256')
    .update(await realpath(folder))
    .digest('hex')
    .slice(0, 32);
  const isAbstract = process.platform === 'linux';
  const address = isAbstract ? `\0modelpress-${hash}` : join(tmpdir(), `modelpress-${hash}.sock`);
  try {
    return await listen(address);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  }
  const holder = await askHolder(address);
  if (holder === null && !isAbstract) {
    await rm(address, { force: true });
    return listen(address);
  }
  throw new Error(
    `Another process${holder ? ` (${holder})` : ''} is using the data folder ${folder}. Stop it, or set DATA_DIR to another folder; ` +
      'several processes can share one installation only with DATABASE_URL.',
  );
}

function listen(address: string): Promise<FolderLock> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(String(process.pid));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.unref();
      resolve({ release: () => new Promise((closed) => void server.close(() => closed())) });
    });
  });
}

/** The process id of the lock's holder, '' when it does not say in time, null when there is none: nobody listens. */
function askHolder(address: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let answer = '';
    const finish = (holder: string | null): void => {
      socket.destroy();
      resolve(holder);
    };
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_LIMIT_MS, () => finish(''));
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', () => finish(answer));
    socket.on('error', () => finish(null));
  });
}
