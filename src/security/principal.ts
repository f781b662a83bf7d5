import type { Scope } from '../contracts/key.js';
import { LOCAL_TENANT, type Tenant } from '../storage/tenant.js';

/** Who sent a request: whose objects it sees, and what it may do with them. */
export interface Principal {
  readonly tenant: Tenant;
  readonly scopes: readonly Scope[];
  /** No key was asked for, because the service has none: nothing is counted either. */
  readonly local: boolean;
}

export const LOCAL_PRINCIPAL: Principal = { tenant: LOCAL_TENANT, scopes: ['read', 'write', 'admin'], local: true };
/** Whoever holds `ADMIN_KEY`: the same tenant, so that nothing is lost when a key is asked for later. */
export const ADMIN_PRINCIPAL: Principal = { ...LOCAL_PRINCIPAL, local: false };
