import { z } from 'zod';
import { MAX_CLASSES, Template } from './distill-step.js';

const ValueName = z.string().min(1).max(200);

/** An untrained network of ours, to be trained on labels. */
export const TemplateModel = z
  .strictObject({
    ...Template.shape,
    input: z.strictObject({
      name: ValueName.default('x'),
      shape: z
        .array(z.int().min(1).max(65_536))
        .min(1)
        .max(4)
        .meta({ description: 'Of one sample, without the axis of samples; [channels, height, width] for pictures.' }),
    }),
    output: ValueName.default('y').meta({ description: 'Name of the class scores.' }),
    classes: z.int().min(2).max(MAX_CLASSES),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(0)
      .meta({ description: 'Of the initial weights.' }),
  })
  .refine(({ input, output }) => input.name !== output, { message: 'Input and output need names of their own.' })
  .meta({ id: 'TemplateModel' });
export type TemplateModel = z.infer<typeof TemplateModel>;
