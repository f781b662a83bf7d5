/** Half of a surrogate pair, which is no character and has no bytes in UTF-8. */
const LONE_SURROGATE = /\p{Cs}/u;

/** Whether PostgreSQL can store a text, as text or within jsonb: it takes neither NUL nor half of a surrogate pair. */
export const isStorable = (text: string): boolean => !text.includes('\0') && !LONE_SURROGATE.test(text);
