import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { TASK_FILE } from '../../workers/protocol.js';
import type { BenchCase } from '../quantization/cases.js';
import { openCase } from '../quantization/open-case.js';
import type { Settings } from '../quantization/settings.js';
import type { Row } from './rows.js';

/** Samples that the error of each node is measured on, behind those of calibration: the peer measures none. */
const SELECTION = 8;

/** Leaves a row's task in a folder, as the service's worker leaves it for an engine: model and data are inspected by then. */
export async function writeOurTask(row: Row, benchCase: BenchCase, settings: Settings, scratch: string): Promise<void> {
  const { method, samples, operators } = row;
  const step = QuantizeStep.parse({
    ...{ type: 'quantize', scheme: 'int8_static', only_what_pays: false, calibration: { method, samples } },
    include: [...operators],
  });
  const subsets = [{ calibration: [0, samples], selection: [samples, samples + SELECTION] }] as const;
  const { task } = await openCase({ ...benchCase, subsets }, settings, { step, subset: 0, plan: null, scratch });
  await writeFile(join(scratch, TASK_FILE), JSON.stringify({ ...task, threads: availableParallelism() }));
}
