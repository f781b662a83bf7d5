import type { Step } from '../../src/contracts/job-spec.js';
import type { EngineResult } from '../protocol.js';
import { refuseBeyondMemory } from './fits-memory.js';
import type { StepContext, StepRunner } from './step.js';

/** What runs each kind of step, loaded when it is wanted: the library of one is no use to the others. */
const RUNNERS: Readonly<Record<Step['type'] | 'evaluate', () => Promise<StepRunner>>> = {
  quantize: async () => (await import('./quantize.js')).quantizeStep,
  distill: async () => (await import('./distill.js')).distillStep,
  evaluate: async () => (await import('./evaluate.js')).evaluateStep,
};

/** Runs the step that the task names; a job without steps only evaluates. @throws ServiceError memory_limit_exceeded */
export async function runStep(context: StepContext): Promise<EngineResult> {
  const { spec, step } = context.task;
  refuseBeyondMemory(context.task);
  const runner = await RUNNERS[spec.steps[step]?.type ?? 'evaluate']();
  return runner(context);
}
