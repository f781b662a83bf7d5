import { isIPv4 } from 'node:net';

const LOOPBACK_NAMES = new Set(['localhost', '[::1]', '::1']);

/** Whether a host name (without port) is this machine's own: localhost, ::1, or 127.0.0.0/8. */
export const isLoopback = (host: string): boolean =>
  LOOPBACK_NAMES.has(host.toLowerCase()) || (isIPv4(host) && host.startsWith('127.'));

/** The host name of a `Host` header: without its port, brackets of an IPv6 address kept. */
const nameOfHost = (host: string): string => host.replace(/:\d*$/, '');

/** The host name of an `Origin` header; '' for `null` and everything that is no URL. */
const nameOfOrigin = (origin: string): string => (URL.canParse(origin) ? new URL(origin).hostname : '');

/**
 * Whether a request may use the service while it has no keys. A web page whose name was made to resolve to 127.0.0.1 (DNS
 * rebinding) still sends its own name as Host, and its own Origin.
 */
export const isLocalRequest = (headers: { host?: string | undefined; origin?: string | undefined }): boolean =>
  headers.host !== undefined &&
  isLoopback(nameOfHost(headers.host)) &&
  (headers.origin === undefined || isLoopback(nameOfOrigin(headers.origin)));
