import { CalibrationMemory } from '../../src/quantization/calibration/calibration-memory.js';
import { checkpointFiles } from './checkpoint-files.js';

/** The name of what was measured among the checkpoints of a step. */
const RUN = 'calibration';

/** Measurements that the next attempt of the same step goes on from. */
export function keptCalibration(scratch: string, step: number): CalibrationMemory {
  const files = checkpointFiles(scratch, step);
  return new CalibrationMemory({ load: () => files.load(RUN), save: (bytes) => files.save(RUN, bytes) });
}
