import { timingSafeEqual } from 'node:crypto';
import { ServiceError } from '../platform/errors.js';
import type { Queries } from '../storage/database.js';
import { anyApiKey, findApiKeyByHash } from '../storage/records/api-keys.js';
import { hashOfKey, isKey, matchesHash } from './api-key.js';
import { isLocalRequest } from './local-access.js';
import { ADMIN_PRINCIPAL, LOCAL_PRINCIPAL, type Principal } from './principal.js';

/** How long "there are no keys" is believed before it is looked up again: a key made by another process counts soon after. */
const NO_KEYS_MS = 1000;

interface RequestHeaders {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/** Finds out who sends a request. While the service has no key at all, it is whoever sits at this machine. */
export class Authenticator {
  /** Never goes back: the last key's removal must not open the service to everyone. */
  #hasKeys: boolean;
  #lookedAt = Number.NEGATIVE_INFINITY;
  readonly #adminHash: Buffer | null;

  constructor(
    private readonly queries: Queries,
    adminKey: string | undefined,
  ) {
    this.#hasKeys = adminKey !== undefined;
    this.#adminHash = adminKey === undefined ? null : Buffer.from(hashOfKey(adminKey));
  }

  /** Whether requests need a key: ADMIN_KEY is set, or some key was made. */
  async needsKey(): Promise<boolean> {
    if (this.#hasKeys) return true;
    if (performance.now() - this.#lookedAt < NO_KEYS_MS) return false;
    // Only ever set: a key may be made while the answer is on its way.
    if (await anyApiKey(this.queries)) this.#hasKeys = true;
    this.#lookedAt = performance.now();
    return this.#hasKeys;
  }

  /** A key was made: from now on requests need one. */
  keyMade(): void {
    this.#hasKeys = true;
  }

  /** @throws ServiceError unauthorized without a valid key; host_not_allowed for what does not come from this machine when none is needed. */
  async authenticate(headers: RequestHeaders): Promise<Principal> {
    if (!(await this.needsKey())) {
      if (isLocalRequest(headers)) return LOCAL_PRINCIPAL;
      throw new ServiceError(
        'host_not_allowed',
        'A service without keys answers only this machine, under localhost or a loopback address.',
      );
    }
    const secret = /^Bearer +(\S{1,512})$/i.exec(headers.authorization ?? '')?.[1];
    if (secret === undefined) throw new ServiceError('unauthorized', 'Send an API key: Authorization: Bearer mp_…');
    const principal = this.#isAdminKey(secret) ? ADMIN_PRINCIPAL : await this.#find(secret);
    if (principal === null) throw new ServiceError('unauthorized', 'The API key is not known, or was removed.');
    return principal;
  }

  #isAdminKey(secret: string): boolean {
    return this.#adminHash !== null && timingSafeEqual(Buffer.from(hashOfKey(secret)), this.#adminHash);
  }

  async #find(secret: string): Promise<Principal | null> {
    if (!isKey(secret)) return null;
    const found = await findApiKeyByHash(this.queries, hashOfKey(secret));
    if (found === undefined || !matchesHash(secret, found.secret_hash)) return null;
    return { tenant: found.tenant, scopes: found.scopes, local: false };
  }
}
