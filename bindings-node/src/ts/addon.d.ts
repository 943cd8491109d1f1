export declare class NativeHost {
  call(method: string, params: string): Promise<string>;
  startWorker(config: string, onWork: () => void): Promise<NativeWorker>;
  close(): Promise<void>;
}
export declare class NativeWorker {
  take(max: number): string;
  report(reports: string): void;
  heartbeat(lease: string, progress?: string | undefined | null): boolean;
  checkpoint(lease: string, checkpoint: string): Promise<void>;
  workerId(): string;
  shutdown(graceMs: number): Promise<string>;
}
export declare function open(config: string, onLog: (records: string) => void): Promise<NativeHost>;
export declare function version(): string;
