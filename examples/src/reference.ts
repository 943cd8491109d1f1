import { createHash } from "node:crypto";

/**
 * An id that depends on nothing but its parts: the prefix and the first 12 hexadecimal digits of the SHA-256 of the parts
 * joined by `|`. The same input gives the same id in every run and in every language.
 */
export function reference(prefix: string, ...parts: string[]): string {
  const digits = createHash("sha256").update(parts.join("|")).digest("hex").slice(0, 12);
  return `${prefix}_${digits}`;
}
