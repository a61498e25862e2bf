interface Options<T> {
  ask: () => Promise<T>;
  told: (answer: T) => void;
  /** How long it waits before it asks first, in milliseconds: somebody may still be typing. */
  first: number;
  /** Shortest time between an answer and the next question, in milliseconds. */
  pause: number;
}

/** After an answer that took long, it rests so many times as long. */
const REST = 4;

/**
 * A question about something that grows. It is asked again when it has grown, at most so often, and never
 * put off by more growth: what grows without end would get no answer otherwise.
 */
export class Looking<T> {
  private readonly options: Options<T>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isAsking = false;
  private hasGrown = true;
  private isOver = false;

  constructor(options: Options<T>) {
    this.options = options;
    this.wait(options.first);
  }

  grown(): void {
    this.hasGrown = true;
    if (this.timer === undefined && !this.isAsking) void this.look();
  }

  /** An answer that comes later is not told. */
  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private wait(ms: number): void {
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.hasGrown) void this.look();
    }, ms);
  }

  private async look(): Promise<void> {
    if (this.isOver) return;
    this.hasGrown = false;
    this.isAsking = true;
    const began = performance.now();
    const answer = await this.options.ask();
    this.isAsking = false;
    if (this.isOver) return;
    this.wait(Math.max(this.options.pause, (performance.now() - began) * REST));
    this.options.told(answer);
  }
}
