import { z } from 'zod';

const MAX_CURSOR_CHARACTERS = 256;
const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;

/** The query of every list; `after` is the `next_cursor` of the page before. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
  after: z.string().min(1).max(MAX_CURSOR_CHARACTERS).optional(),
});
export type PageQuery = z.infer<typeof PageQuery>;

/** One page of a list of `item`. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    object: z.literal('list'),
    data: z.array(item),
    has_more: z.boolean(),
    next_cursor: z.string().nullable(),
  });
