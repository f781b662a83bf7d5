import { z } from 'zod';

/** Every id on the wire: a type prefix and 26 lower-case characters that sort by creation time (Crockford base 32 of 128 bits). */
const idOf = <Prefix extends string>(prefix: Prefix) =>
  z
    .string()
    .regex(
      new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`),
      `expected an id of the form ${prefix}_… with 26 characters after it`,
    )
    .brand<Prefix>();

export const ModelId = idOf('mdl');
export const DatasetId = idOf('dst');
export const JobId = idOf('job');
export const ArtifactId = idOf('art');
export const KeyId = idOf('key');

export type ModelId = z.infer<typeof ModelId>;
export type DatasetId = z.infer<typeof DatasetId>;
export type JobId = z.infer<typeof JobId>;
export type ArtifactId = z.infer<typeof ArtifactId>;
export type KeyId = z.infer<typeof KeyId>;

/** Lower-case hexadecimal SHA-256 of a content. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** RFC 3339 time in UTC with milliseconds. */
export const Timestamp = z.iso.datetime({ precision: 3 });
