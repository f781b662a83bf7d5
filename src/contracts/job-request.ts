import { z } from 'zod';
import type { Student } from './distill-step.js';
import { ModelId } from './ids.js';
import { JobSpec } from './job-spec.js';

const classesOf = (student: Student) => ('template' in student ? student.classes : undefined);

/** A job as it is posted. It is stored as a JobSpec: where it named no model, with the untrained network that was made for it. */
export const JobRequest = z
  .strictObject({
    ...JobSpec.shape,
    model: ModelId.optional().meta({
      description:
        'May be left out of a job that begins by training a template on labels: then an untrained network is made, fitted to the dataset, and is the model.',
    }),
  })
  .superRefine(({ model, dataset, steps: [first, ...others] }, context) => {
    const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const [student, loss] = first?.type === 'distill' ? [first.student, first.loss.kind] : [null, null];
    const scratch = model === undefined && student !== null && 'template' in student && loss === 'labels';
    if (model === undefined && !scratch)
      refuse(['model'], 'Name a model, or begin with a distill step that trains a template with the loss "labels".');
    if (scratch && dataset === undefined) refuse(['dataset'], 'A network is trained on samples: name a dataset.');
    if (scratch && classesOf(student) === undefined)
      refuse(['steps', 0, 'student', 'classes'], 'Without a model to tell, say how many classes the labels have.');
    [...(scratch ? [] : [first]), ...others].forEach((step, i) => {
      if (step?.type === 'distill' && classesOf(step.student) !== undefined)
        refuse(
          ['steps', scratch ? i + 1 : i, 'student', 'classes'],
          'How many classes there are is told by the model before this step: leave it out.',
        );
    });
  })
  .meta({ id: 'JobRequest' });
export type JobRequest = z.infer<typeof JobRequest>;
