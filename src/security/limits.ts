const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND_MS = 1000;

/** Bytes of one model file: the most that one protobuf file can hold, and so one dataset of that order. */
export const MAX_UPLOAD_BYTES = 2 * GIB;
/** Bytes of one form, all its files together: weights in external files may pass the bound of one model file, up to what an engine can hold. */
export const MAX_FORM_BYTES = 16 * GIB;
/** Bytes of a JSON body: a spec with a thousand node patterns fits. */
export const MAX_JSON_BYTES = MIB;
/** Files of external data in one upload: exporters write one, or one per large tensor. */
export const MAX_EXTERNAL_FILES = 1000;

/** Bytes that one tenant may keep: some hundred models with their data and what was made of them. */
export const TENANT_STORAGE_BYTES = 100 * GIB;

/** A body must bring this many bytes… */
export const MIN_BODY_BYTES_PER_SECOND = 64 * KIB;
/** …per second, averaged over this long: slower senders hold a connection and a temporary file for nothing. */
export const BODY_WINDOW_SECONDS = 30;
/** How long the rest of a refused body is read and thrown away, so that the sender sees the answer and not a reset. */
export const LINGER_MS = 3 * SECOND_MS;

/** Milliseconds until the headers of a request must be complete: more is a slow-loris. */
export const HEADERS_TIMEOUT_MS = 15 * SECOND_MS;
/** Milliseconds until a whole request must have arrived: the largest body at the slowest accepted rate. */
export const REQUEST_TIMEOUT_MS = HEADERS_TIMEOUT_MS + (MAX_FORM_BYTES / MIN_BODY_BYTES_PER_SECOND) * SECOND_MS;
/** Milliseconds for an ordinary answer; routes that stream or wait state their own. */
export const HANDLER_TIMEOUT_MS = 10 * SECOND_MS;
/** Milliseconds for routes that stream: bounded by the sender's and the reader's pace, so only by the largest timer there is. */
export const STREAMING_TIMEOUT_MS = 2 ** 31 - 1;

/** Requests of one tenant in one window: ten a second, which polling a hundred jobs needs. */
export const RATE_LIMIT_REQUESTS = 600;
export const RATE_LIMIT_WINDOW_SECONDS = 60;

/** Seconds that `Prefer: wait` may hold a request, below the idle limits of common proxies. */
export const MAX_WAIT_SECONDS = 60;
/** Milliseconds between `: ping` comments of an event stream. */
export const SSE_PING_MS = 15 * SECOND_MS;
/** Open event streams of one tenant: each holds a socket. */
export const MAX_EVENT_STREAMS = 200;

/** Milliseconds that the event loop may lag before new requests are turned away. */
export const MAX_EVENT_LOOP_DELAY_MS = 2 * SECOND_MS;
/** Milliseconds for open requests to end when the service shuts down. */
export const DRAIN_MS = 10 * SECOND_MS;
/** Seconds after which a client should come back when a part is away. */
export const UNAVAILABLE_RETRY_SECONDS = 5;
