import { z } from 'zod';

/** A two-sided 95 % interval [low, high]. */
export const Interval = z.tuple([z.number(), z.number()]);
export const Estimate = z.object({ value: z.number(), ci95: Interval });
export type Estimate = z.infer<typeof Estimate>;
