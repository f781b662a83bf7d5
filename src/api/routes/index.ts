import type { Registry } from 'prom-client';
import type { Authenticator } from '../../security/authenticator.js';
import type { App } from '../app-type.js';
import type { Services } from '../services.js';
import { artifactRoutes } from './artifacts.js';
import { capabilityRoutes } from './capabilities.js';
import { datasetRoutes } from './datasets.js';
import { healthRoutes } from './health.js';
import { jobEventRoutes } from './job-events.js';
import { jobResultRoutes } from './job-results.js';
import { jobRoutes } from './jobs.js';
import { keyRoutes } from './keys.js';
import { metricRoutes } from './metrics.js';
import { modelRoutes } from './models.js';
import { templateModelRoutes } from './template-models.js';

export interface RouteOptions {
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly registry: Registry;
  readonly tenantStorageBytes?: number;
  readonly pingMs?: number;
}

const RESOURCES: readonly ((app: App, options: RouteOptions) => Promise<void>)[] = [
  modelRoutes,
  templateModelRoutes,
  datasetRoutes,
  jobRoutes,
  jobEventRoutes,
  jobResultRoutes,
  artifactRoutes,
  keyRoutes,
  capabilityRoutes,
  healthRoutes,
  metricRoutes,
];

/** Every resource of the contract. */
export async function routes(app: App, options: RouteOptions): Promise<void> {
  for (const resource of RESOURCES) await app.register(resource, options);
}
