import { type Logger, pino } from 'pino';

export type { Logger };

/** Header and field names whose values never reach a log line. */
const REDACTED = ['req.headers.authorization', 'authorization', 'secret', 'adminKey', '*.secret'];

/** One JSON line per event on standard output; `process` says which of api, worker or engine wrote it. */
export function createLogger(processName: 'api' | 'worker' | 'engine' | 'modelpress', level: string): Logger {
  return pino({
    level,
    base: { process: processName, pid: process.pid },
    redact: REDACTED,
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
