/** Marsaglia's xorshift with 32 bits: not random in any serious sense, but the same few lines in every language. */
export class Random {
  private state: number;

  /** The numbers of one stream of a seed. */
  constructor(seed: number, stream: number) {
    // Zero is the one state that never leaves itself.
    this.state = Math.max(1, (Math.imul(seed, 2_654_435_769) ^ Math.imul(stream, 40_503)) >>> 0);
    for (let skipped = 0; skipped < 8; skipped += 1) this.next();
  }

  /** A number from 0 up to and without `end`. */
  below(end: number): number {
    return this.next() % end;
  }

  /** True once in `times` times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.next() % choices.length] as T;
  }

  private next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state;
  }
}
