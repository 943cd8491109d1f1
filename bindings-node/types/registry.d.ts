import type { Handler, HandlerFunction, StepHandler, StepHandlerClass } from "./handler.js";
/** Handlers by name: a list of classes, or an object from names to whatever can be registered. */
export type Handlers = HandlerRegistry | readonly StepHandlerClass[] | Readonly<Record<string, Handler>>;
/** Handlers by the names that templates call them by (`handler.callable`). */
export declare class HandlerRegistry {
    private static shared;
    private readonly handlers;
    private readonly listeners;
    /** The registry that a `WorkerServer` serves when it is given no other. */
    static instance(): HandlerRegistry;
    /** The registry that holds these handlers; one that is a registry already is returned as it is. */
    static of(handlers: Handlers): HandlerRegistry;
    /**
     * Adds a handler: a class under its `handlerName`, or anything under a name.
     *
     * @throws `handler_duplicate` if the name is taken by another handler, `name_invalid` for a name that no template can
     * call, `handler_invalid` for what cannot be called.
     */
    register(handler: StepHandlerClass): this;
    register(name: string, handler: Handler): this;
    /** Adds a handler under a name. */
    registerWithName(name: string, handler: Handler | undefined): this;
    /** What runs one attempt of this handler: an instance of its own for a class; undefined for an unknown name. */
    resolve(name: string): StepHandler | HandlerFunction | undefined;
    isRegistered(name: string): boolean;
    /** The names, in alphabetical order. */
    listHandlers(): string[];
    handlerCount(): number;
    /** Removes every handler. A worker that runs already is not told. */
    clear(): void;
}
