import { createHash } from 'node:crypto';
import { mkdir, open, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The holder may be stopped or busy; its name is a courtesy. */
const ANSWER_LIMIT_MS = 1_000;

export interface FolderLock {
  release(): Promise<void>;
}

/** The socket in the folder, beside `db` and `blobs`. */
const SOCKET_NAME = 'in-use';
const IS_LINUX = process.platform === 'linux';

/**
 * Takes a folder for this process alone, until it releases it or dies. A lock is a listening socket, which nobody listens on any
 * more when its holder is dead, however it died. Linux has two: one with an abstract name, a hash of the folder's real path, which
 * two processes of one network namespace cannot both have; and one that is a file in the folder itself, because containers that
 * share a volume have namespaces of their own. Elsewhere it is a file among the temporary ones. A file that nobody answers on is a
 * dead holder's and is replaced. Throws when another process has the folder.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const path = await realpath(folder);
  const name = `modelpress-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  if (!IS_LINUX) return lockFile(join(tmpdir(), `${name}.sock`), folder);
  const outer = await lockName(`\0${name}`, folder);
  try {
    const inner = await lockInside(path, folder);
    return { release: () => inner.release().then(() => outer.release()) };
  } catch (error) {
    await outer.release();
    throw error;
  }
}

/** The lock by an abstract name, which the kernel forgets with its holder. */
async function lockName(address: string, folder: string): Promise<FolderLock> {
  return listen(address).catch(async (error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? taken(folder, await askHolder(address)) : error;
  });
}

/** The lock by a file. */
async function lockFile(address: string, folder: string): Promise<FolderLock> {
  return listen(address).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    const holder = await askHolder(address);
    if (holder !== null) throw taken(folder, holder);
    await rm(address, { force: true });
    return listen(address);
  });
}

/** What bind(2) says on a file system that knows no sockets. */
const NO_SOCKETS = new Set(['EPERM', 'EINVAL', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

/** The lock by a file in the folder; none where the file system has no sockets: then the name must do. */
async function lockInside(path: string, folder: string): Promise<FolderLock> {
  // By its descriptor, because an address has room for a hundred characters and a path for thousands.
  const handle = await open(path, 'r');
  try {
    const lock = await lockFile(`/proc/self/fd/${handle.fd}/${SOCKET_NAME}`, folder);
    return { release: () => lock.release().then(() => handle.close()) };
  } catch (error) {
    await handle.close();
    if (NO_SOCKETS.has((error as NodeJS.ErrnoException).code ?? '')) return { release: async () => {} };
    throw error;
  }
}

const taken = (folder: string, holder: string | null): Error =>
  new Error(
    `Another process${holder ? ` (${holder})` : ''} is using the data folder ${folder}. Stop it, or set DATA_DIR to another folder; ` +
      'several processes can share one installation only with DATABASE_URL.',
  );

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

/** The process id of the lock's holder, '' when it does not say in time, null when nobody listens. */
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
    // Any other error is one of ours, and says nothing of the holder.
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      finish(code === 'ECONNREFUSED' || code === 'ENOENT' ? null : ''),
    );
  });
}
