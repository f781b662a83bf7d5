import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type EngineMessage, MAX_MESSAGE_BYTES, SupervisorMessage } from '../protocol.js';

/** Descriptor of the message pipe from the engine to its supervisor. */
const MESSAGE_FD = 3;

/**
 * Sends one message. Written synchronously, so that what was said before a crash has been said; blocks while the supervisor
 * does not read. A log line that is too long loses its fields: the supervisor drops longer lines.
 */
export function send(message: EngineMessage): void {
  let line = JSON.stringify(message);
  if (Buffer.byteLength(line) >= MAX_MESSAGE_BYTES && message.type === 'log')
    line = JSON.stringify({ ...message, message: message.message.slice(0, 1000), fields: { shortened: true } });
  writeSync(MESSAGE_FD, `${line}\n`);
}

/** Calls `handle` for every message of the supervisor that arrives on `input`, between runs. */
export function receive(input: Readable, handle: (message: SupervisorMessage) => void): void {
  createInterface({ input }).on('line', (line) => handle(SupervisorMessage.parse(JSON.parse(line))));
}
