import { CalibrationMemory } from '../../src/quantization/calibration/calibration-memory.js';
import { CALIBRATION_RUN } from '../protocol.js';
import { checkpointFiles } from './checkpoint-files.js';
import type { StepContext } from './step.js';

/** Measurements that the next attempt of the same step goes on from, and that a later job takes over. */
export function keptCalibration({ scratch, task, log }: StepContext): CalibrationMemory {
  const files = checkpointFiles(scratch, task.step);
  return new CalibrationMemory({
    load: () => files.load(CALIBRATION_RUN),
    save: (bytes) => files.save(CALIBRATION_RUN, bytes),
    discarded: (reason) =>
      log.warn('calibration begins anew: what an earlier attempt measured cannot be read', { reason }),
  });
}
