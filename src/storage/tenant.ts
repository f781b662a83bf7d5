/** Whose objects a query may see. Branded, so that no other string passes for one. */
export type Tenant = string & { readonly __tenant: unique symbol };

/** Brands a tenant's name; called by the api when it has authenticated a request, and by tests. */
export const tenant = (name: string): Tenant => name as Tenant;

/** The one tenant of a service without keys. */
export const LOCAL_TENANT = tenant('local');
