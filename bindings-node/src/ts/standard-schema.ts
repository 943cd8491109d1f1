import { ValidationError } from "./errors.js";

/**
 * What a validator offers by the Standard Schema convention, version 1: Zod, Valibot, ArkType and others do. Only what
 * Tasker uses is declared here.
 */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type Validated<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<Issue> };

interface Issue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** What a schema makes of the values that it accepts. */
export type OutputOf<Schema> = Schema extends StandardSchema<infer Output> ? Output : never;

export function isStandardSchema(value: unknown): value is StandardSchema {
  return value !== null && (typeof value === "object" || typeof value === "function") && "~standard" in value;
}

/**
 * What the schema makes of a value.
 *
 * @param what names the value in the error: "the input", "the result of step `cart`".
 * @throws {@link ValidationError} with every issue and its place.
 */
export async function validate<Output>(
  schema: StandardSchema<Output>,
  value: unknown,
  what: string,
  errorCode: string,
): Promise<Output> {
  const validated = await schema["~standard"].validate(value);
  if (validated.issues === undefined) return validated.value;
  const faults = validated.issues.map((issue) => ({ path: placeOf(issue), message: issue.message }));
  const places = faults.map((fault) => `${fault.path}: ${fault.message}`).join("; ");
  throw new ValidationError(`${what} is not valid: ${places}`, { errorCode, context: { faults } });
}

function placeOf(issue: Issue): string {
  const keys = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  return keys.reduce<string>(
    (path, key) => (typeof key === "number" ? `${path}[${key}]` : `${path}.${String(key)}`),
    "$",
  );
}
