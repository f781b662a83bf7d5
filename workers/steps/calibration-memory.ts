import { CalibrationMemory } from '../../src/quantization/calibration/calibration-memory.js';
import { checkpointFiles } from './checkpoint-files.js';
import type { StepContext } from './step.js';

/** The name of what was measured among the checkpoints of a step. */
const RUN = 'calibration';

/** Measurements that the next attempt of the same step goes on from. */
export function keptCalibration({ scratch, task, log }: StepContext): CalibrationMemory {
  const files = checkpointFiles(scratch, task.step);
  return new CalibrationMemory({
    load: () => files.load(RUN),
    save: (bytes) => files.save(RUN, bytes),
    discarded: (reason) =>
      log.warn('calibration begins anew: what an earlier attempt measured cannot be read', { reason }),
  });
}
