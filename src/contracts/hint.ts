import { z } from 'zod';

export const MAX_HINTS = 16;
const TensorName = z.string().min(1).max(512);

/** A value inside the student that is to come near to one inside the teacher. */
export const HintSpec = z.strictObject({
  teacher: TensorName.meta({ description: 'A value of the teacher, as its graph names it.' }),
  student: TensorName.meta({
    description:
      "A value of the student of the same shape, but for one axis at most; a linear map of the student's onto the teacher's is trained beside the student and is no part of the result.",
  }),
  weight: z
    .number()
    .positive()
    .max(1e6)
    .default(1)
    .meta({ description: 'Of their mean squared difference, which is added to the loss.' }),
});
export type HintSpec = z.infer<typeof HintSpec>;
