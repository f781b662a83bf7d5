import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { SearchPlan } from '../../src/contracts/search-plan.js';
import { quantizeStep } from '../../workers/steps/quantize.js';
import type { BenchCase } from './cases.js';
import type { Contender } from './contenders.js';
import { openCase } from './open-case.js';
import type { Made, Results } from './results.js';
import type { Settings } from './settings.js';

const MODEL = 'model.onnx';
const PLAN = 'plan.json';

/** Makes a model as the engine makes it, and leaves it in the contender's folder. */
export async function makeOurs(
  name: string,
  benchCase: BenchCase,
  contender: Extract<Contender, { kind: 'ours' }>,
  settings: Settings,
  results: Results,
): Promise<Made> {
  const { planOf, subset } = contender;
  const plan =
    planOf === null
      ? null
      : SearchPlan.parse(JSON.parse(await readFile(join(results.contender(name, planOf), PLAN), 'utf8')));
  const folder = results.contender(name, contender.name);
  const scratch = join(folder, 'scratch');
  const step = QuantizeStep.parse(contender.step);
  const context = await openCase(benchCase, settings, { step, subset, plan, scratch });
  const { stage, files } = await quantizeStep(context);
  await rename(join(scratch, MODEL), join(folder, MODEL));
  if (files.some(({ role }) => role === 'plan')) await rename(join(scratch, PLAN), join(folder, PLAN));
  const { bytes, sha256, seconds, notes, peak_memory_bytes: peak_bytes, candidates = [] } = stage;
  return { bytes, sha256, seconds, notes, peak_bytes, candidates };
}
