import { z } from 'zod';
import { KeyId, Timestamp } from './ids.js';

/** read: see objects. write: also make and remove them. admin: also manage the keys of every tenant. */
export const SCOPES = ['read', 'write', 'admin'] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;

/** Whose objects a key sees. */
export const TenantName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'expected lower-case letters, digits, - and _, at most 63');

export const CreateKey = z
  .strictObject({
    name: z.string().min(1).max(200),
    scopes: z.array(Scope).min(1).max(SCOPES.length).optional().meta({
      description:
        'Default: read and write. The first key of a service that had none gets all scopes, and is refused without admin: from then on nobody else could make keys.',
    }),
    tenant: TenantName.optional().meta({ description: 'Default: the tenant of the key that makes this one.' }),
  })
  .meta({ id: 'CreateKey' });
export type CreateKey = z.infer<typeof CreateKey>;

const key = {
  object: z.literal('key'),
  id: KeyId,
  name: z.string(),
  tenant: TenantName,
  scopes: z.array(Scope),
  prefix: z.string().meta({ description: 'The first characters of the secret, to recognize it by.' }),
  created_at: Timestamp,
};
export const ApiKey = z.object(key).meta({ id: 'ApiKey' });
export type ApiKey = z.infer<typeof ApiKey>;

export const CreatedKey = z
  .object({
    ...key,
    secret: z
      .string()
      .nullable()
      .meta({ description: 'Shown once; null when the answer is repeated for an Idempotency-Key.' }),
  })
  .meta({ id: 'CreatedKey' });
export type CreatedKey = z.infer<typeof CreatedKey>;
