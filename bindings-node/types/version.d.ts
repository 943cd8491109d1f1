/** The version of this package and of the engine inside it. */
export declare const VERSION: string;
