import { TaskerError } from "./errors.js";
import type { Handler, HandlerFunction, StepHandler, StepHandlerClass } from "./handler.js";

/** Handlers by name: a list of classes, or an object from names to whatever can be registered. */
export type Handlers = HandlerRegistry | readonly StepHandlerClass[] | Readonly<Record<string, Handler>>;

/** Handlers by the names that templates call them by (`handler.callable`). */
export class HandlerRegistry {
  private static shared: HandlerRegistry | undefined;
  private readonly handlers = new Map<string, Handler>();
  private readonly listeners = new Set<(name: string) => void>();

  /** The registry that a `WorkerServer` serves when it is given no other. */
  static instance(): HandlerRegistry {
    HandlerRegistry.shared ??= new HandlerRegistry();
    return HandlerRegistry.shared;
  }

  /** The registry that holds these handlers; one that is a registry already is returned as it is. */
  static of(handlers: Handlers): HandlerRegistry {
    if (isRegistry(handlers)) return handlers;
    const registry = new HandlerRegistry();
    if (Array.isArray(handlers)) {
      for (const handler of handlers) registry.register(handler);
    } else {
      for (const [name, handler] of Object.entries(handlers)) registry.register(name, handler);
    }
    return registry;
  }

  /**
   * Adds a handler: a class under its `handlerName`, or anything under a name.
   *
   * @throws `handler_duplicate` if the name is taken by another handler, `name_invalid` for a name that no template can
   * call, `handler_invalid` for what cannot be called.
   */
  register(handler: StepHandlerClass): this;
  register(name: string, handler: Handler): this;
  register(nameOrClass: string | StepHandlerClass, handler?: Handler): this {
    return typeof nameOrClass === "string"
      ? this.registerWithName(nameOrClass, handler)
      : this.registerWithName(nameOrClass?.handlerName, nameOrClass);
  }

  /** Adds a handler under a name. */
  registerWithName(name: string, handler: Handler | undefined): this {
    if (typeof name !== "string" || !/^\S+$/.test(name)) {
      const message = `\`${String(name)}\` cannot name a handler: use a text that is not empty and has no spaces`;
      throw new TaskerError({ code: "name_invalid", message, remedy: "set `static handlerName`, or give a name" });
    }
    if (!isCallable(handler)) {
      const message = `the handler \`${name}\` is no class with a \`call\` method, no instance of one, and no function`;
      throw new TaskerError({ code: "handler_invalid", message });
    }
    const there = this.handlers.get(name);
    if (there !== undefined && there !== handler) {
      const message = `a handler \`${name}\` is registered already`;
      throw new TaskerError({ code: "handler_duplicate", message, remedy: "give one of them another name" });
    }
    this.handlers.set(name, handler);
    if (there === undefined) for (const listener of this.listeners) listener(name);
    return this;
  }

  /** What runs one attempt of this handler: an instance of its own for a class; undefined for an unknown name. */
  resolve(name: string): StepHandler | HandlerFunction | undefined {
    const handler = this.handlers.get(name);
    return isClass(handler) ? new handler() : handler;
  }

  isRegistered(name: string): boolean {
    return this.handlers.has(name);
  }

  /** The names, in alphabetical order. */
  listHandlers(): string[] {
    return [...this.handlers.keys()].sort();
  }

  handlerCount(): number {
    return this.handlers.size;
  }

  /** Removes every handler. A worker that runs already is not told. */
  clear(): void {
    this.handlers.clear();
  }

  /** Has `listener` called with each name that is registered from now on. @internal */
  onRegistered(listener: (name: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Of whichever build of this package: both may be loaded in one process. */
function isRegistry(handlers: Handlers): handlers is HandlerRegistry {
  return "onRegistered" in handlers && typeof handlers.onRegistered === "function" && "resolve" in handlers;
}

function isClass(handler: unknown): handler is StepHandlerClass {
  return typeof handler === "function" && typeof handler.prototype?.call === "function";
}

function isCallable(handler: unknown): handler is Handler {
  if (typeof handler === "function") return true;
  return typeof handler === "object" && handler !== null && "call" in handler && typeof handler.call === "function";
}
