import type { StepContext } from "./context.js";
import { type StandardSchema } from "./standard-schema.js";
declare const TYPE: unique symbol;
/** A name whose value has a known type; see {@link typed}. */
export type Typed<T> = string & {
    readonly [TYPE]?: T;
};
/** Where the value of an argument comes from: a name, alone or with a type or a schema that checks it. */
export type Source = string | Typed<unknown> | readonly [name: string, schema: StandardSchema];
/** By the names of a handler's arguments. */
export type Sources = Readonly<Record<string, Source>>;
/** The type of the value that comes from a source; unknown for a name alone. */
export type ValueOf<S> = S extends readonly [string, StandardSchema<infer T>] ? T : S extends {
    readonly [TYPE]?: infer T;
} ? unknown extends T ? unknown : Exclude<T, undefined> : unknown;
/** A name whose value is taken to be a `T`, unchecked: `depends: { cart: typed<Cart>("validate_cart") }`. */
export declare function typed<T>(name: string): Typed<T>;
/** What of the context a handler wants as arguments. */
export interface HandlerOptions<Depends extends Sources = Sources, Inputs extends Sources | StandardSchema = Sources | StandardSchema> {
    /** Results of steps before this one, by argument; any ancestor may be named. */
    readonly depends?: Depends | undefined;
    /**
     * Values of the task's input, by argument; or one schema for the whole input, whose value is the argument `input`.
     * A missing value is undefined, unless a schema says otherwise.
     */
    readonly inputs?: Inputs | undefined;
    readonly version?: string | undefined;
}
/** The arguments that the options ask for. */
export type Arguments<Depends, Inputs> = {
    context: StepContext;
} & {
    [Name in keyof Depends]: ValueOf<Depends[Name]>;
} & (Inputs extends StandardSchema<infer T> ? {
    input: T;
} : {
    [Name in keyof Inputs]: ValueOf<Inputs[Name]>;
});
/**
 * The arguments of one attempt.
 *
 * @throws a `ValidationError` (permanent) of code `input_invalid` or `dependency_invalid` that names every fault's place.
 */
export declare function argumentsOf(context: StepContext, options: HandlerOptions): Promise<Record<string, unknown>>;
export {};
