import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockFolder } from '../../src/storage/embedded/folder-lock.js';

const skip = process.platform !== 'linux' && 'only containers need the lock inside the folder';

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'modelpress-lock-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a folder is one holder's until it is released", () =>
  withFolder(async (folder) => {
    const lock = await lockFolder(folder);
    await assert.rejects(lockFolder(folder), new RegExp(`Another process \\(${process.pid}\\)`));
    await lock.release();
    await (await lockFolder(folder)).release();
  }));

test('a holder of another network namespace is seen in the folder itself', { skip }, () =>
  withFolder(async (folder) => {
    const holder = createServer((socket) => socket.end('4711')).listen(join(folder, 'in-use'));
    await once(holder, 'listening');
    await assert.rejects(lockFolder(folder), /Another process \(4711\)/);
    holder.close();
    await once(holder, 'close');
    await (await lockFolder(folder)).release();
  }),
);

test('what a killed holder left in the folder is replaced', { skip }, () =>
  withFolder(async (folder) => {
    const socket = join(folder, 'in-use');
    const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    assert.ok(existsSync(socket));
    await (await lockFolder(folder)).release();
    assert.ok(!existsSync(socket));
  }),
);
