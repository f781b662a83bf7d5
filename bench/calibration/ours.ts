/** `ours.js FOLDER`: carries out the task of that folder as the service's engine does. Prints its peak of memory and its processor time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineTask, TASK_FILE } from '../../workers/protocol.js';
import { peakMemoryBytes } from '../../workers/steps/peak-memory.js';
import { runStep } from '../../workers/steps/run-step.js';

const [, , scratch = ''] = process.argv;
await runStep({
  task: EngineTask.parse(JSON.parse(readFileSync(join(scratch, TASK_FILE), 'utf8'))),
  scratch,
  signal: new AbortController().signal,
  log: { info: () => {}, warn: () => {}, diagnose: () => {} },
  progress: () => {},
  exclusive: (timed) => timed(),
});
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ peak_bytes: peakMemoryBytes(), processor_seconds: (user + system) / 1e6 }));
