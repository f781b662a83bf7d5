import { appendFileSync } from 'node:fs';
import type { EngineMessage } from '../protocol.js';

/** Most bytes of the log that a client can download; what comes later is only in the operator's log. */
const MAX_LOG_BYTES = 1024 * 1024;
/** Name of the log in the scratch folder and of the artifact made from it. */
export const LOG_FILE = 'engine.log';

type Fields = Readonly<Record<string, unknown>>;

/** The log of one attempt. */
export interface EngineLog {
  /** Our own words: to the operator and into the job's log artifact, so never a library's text. */
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  /** For the operator only: may hold a library's text. */
  diagnose(message: string, fields?: Fields): void;
}

/** A log that sends each line with `send` and appends the public ones to the file at `path`, which is made at once. */
export function engineLog(path: string, send: (message: EngineMessage) => void): EngineLog {
  let written = 0;
  appendFileSync(path, '');
  const keep = (level: string, message: string, fields: Fields) => {
    const line = `${JSON.stringify({ level, message, ...fields })}\n`;
    written += Buffer.byteLength(line);
    if (written <= MAX_LOG_BYTES) appendFileSync(path, line);
  };
  const write =
    (level: 'info' | 'warn') =>
    (message: string, fields: Fields = {}) => {
      keep(level, message, fields);
      send({ type: 'log', level, message, fields });
    };
  return {
    info: write('info'),
    warn: write('warn'),
    diagnose: (message, fields = {}) => send({ type: 'log', level: 'error', message, fields }),
  };
}
