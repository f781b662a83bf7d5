import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { receive, send } from './engine/channel.js';
import { ExclusiveLease } from './engine/exclusive.js';
import { engineLog, LOG_FILE } from './engine/log.js';
import { progressReporter } from './engine/progress.js';
import { startWatchdog } from './engine/watchdog.js';
import { failureOf, wordsOf } from './failure.js';
import { EngineTask, RESULT_FILE, TASK_FILE } from './protocol.js';

/**
 * The engine process: one attempt of one step, described by task.json in its scratch folder. Arguments: that folder, and the
 * process that supervises it. It installs no signal handler: during a run none would be called, and having one would take
 * SIGTERM's effect away.
 */
const [, , scratch = '', parent] = process.argv;
startWatchdog(Number(parent));

const abort = new AbortController();
const lease = new ExclusiveLease(send, abort.signal);
const progress = progressReporter(
  (value) => send({ type: 'progress', progress: value }),
  () => performance.now(),
);
const log = engineLog(join(scratch, LOG_FILE), send);

receive(process.stdin, (message) => {
  if (message.type === 'abort') abort.abort(new Error(`aborted: ${message.reason}`));
  else lease.grant();
});

async function run(): Promise<void> {
  const task = EngineTask.parse(JSON.parse(readFileSync(join(scratch, TASK_FILE), 'utf8')));
  // Loaded only now: the native library takes its time, and the watchdog has to be awake before it.
  const { runStep } = await import('./steps/run-step.js');
  const result = await runStep({
    task,
    scratch,
    signal: abort.signal,
    log,
    progress: progress.report,
    exclusive: (timed) => lease.run(timed),
  });
  writeFileSync(join(scratch, RESULT_FILE), JSON.stringify(result));
}

try {
  await run();
  send({ type: 'finished' });
} catch (error) {
  if (!abort.signal.aborted) {
    log.diagnose('the step failed', { phase: progress.phase, words: wordsOf(error) });
    send({ type: 'failed', error: failureOf(error, progress.phase) });
  }
}
// Native destructors have nothing to add, and some crash: everything was said and written.
process.kill(process.pid, 'SIGKILL');
