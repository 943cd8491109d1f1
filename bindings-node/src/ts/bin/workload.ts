/** The shapes of tasks that `tasker bench` knows too, but for the one with more steps than YAML may have. */
export const WORKLOADS: Readonly<Record<string, readonly string[][]>> = {
  single: [["a"]],
  diamond: [["a"], fan(2), ["z"]],
  linear10: Array.from({ length: 10 }, (_, at) => [`step_${at}`]),
  fan100: [["a"], fan(100), ["z"]],
};

export const NAMESPACE = "tasker_bench";
/** The handler that does nothing. */
export const HANDLER = "bench_no_op";

/** The template of a workload; each layer of its steps depends on the whole one before it. */
export function templateOf(workload: string, layers: readonly string[][]): string {
  const steps = layers.flatMap((layer, depth) => {
    const dependencies = layers[depth - 1] ?? [];
    return layer.map((name) => ({ name, handler: { callable: HANDLER }, dependencies }));
  });
  // JSON is YAML.
  return JSON.stringify({ namespace: NAMESPACE, name: workload, version: "1.0.0", steps }, null, 1);
}

function fan(width: number): string[] {
  return Array.from({ length: width }, (_, at) => `step_${at}`);
}
